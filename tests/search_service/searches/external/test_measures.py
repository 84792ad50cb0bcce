"""Scores as the user's own code tells them."""

import pytest

from search_service.searches.external.measures import measured
from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.targets import Target


def test_a_score_is_the_metric_where_there_is_one() -> None:
    assert measured(Target("miou"), 0.5, {}) == {"miou": 0.5}
    assert measured(Target("miou"), 0.5, {"miou": 0.5, "mine": 70}) == {"miou": 0.5, "mine": 70}
    assert measured(Target("miou"), 0.5, {"kappa": -0.3})["kappa"] == -0.3  # agreement below chance
    assert measured(Target("miou+bf1"), None, {"miou": 0.5, "bf1": 0.25}) == {
        "miou": 0.5,
        "bf1": 0.25,
    }


@pytest.mark.parametrize(
    ("target", "score", "metrics", "message"),
    [
        ("miou", None, {"macc": 0.5}, "lacks miou"),
        ("miou", 0.5, {"miou": 0.6}, "score is 0.5 and metrics says 0.6"),
        ("miou", 71.0, {}, "divide percent by 100"),
        ("miou", 0.5, {"bf1": -0.1}, "bf1 must be in 0..1"),
        ("miou+bf1", 0.5, {}, "does not tell miou, bf1 apart"),
        ("miou+bf1", None, {"miou": 0.5}, "lacks bf1"),
    ],
)
def test_what_does_not_fit_is_refused(
    target: str, score: float | None, metrics: dict[str, float], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        measured(Target(target), score, metrics)
