"""Which space a request means, and which requests mean none."""

import pytest

from search_service.searches.request import SearchRequest
from search_service.searches.space import space_of
from surrogate_zoo.errors import InputError, UnknownNameError

SPACES = ({"name": "margins"}, {"name": "zoo"}, {"name": "curves"})


def asked(*metrics: str, **fields: object) -> SearchRequest:
    named = {"metric": metrics[0]} if len(metrics) == 1 else {"metrics": metrics}
    return SearchRequest.model_validate({"dataset": "shapes", "preset": "quick"} | named | fields)


def test_a_metric_has_one_winner() -> None:
    with pytest.raises(ValueError, match="names one twice"):
        asked("miou", "bf1", "miou")


def test_winners_for_sums_that_begin_alike_have_names_of_their_own() -> None:
    start = "miou-per-image+boundary-iou+precision"
    request = asked(*(f"{start}+{weight}*dice" for weight in (0.1, 0.2)), "bf1")
    names = [request.name_for(objective) for objective in request.objectives]
    assert len(set(names)) == 3
    assert names[2] == "asl-shapes-bf1"
    assert max(map(len, names)) <= 128


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space["name"])
@pytest.mark.parametrize(
    ("metrics", "error", "why"),
    [
        (("sbd+nonsense",), UnknownNameError, "no metric named 'nonsense'"),
        (("sbd+sbd",), InputError, "names a metric twice"),
        (("dic-signed",), InputError, "ranks nothing"),
        (("sbd+dic",), InputError, "of which lower is better"),
        (("sbd", "dic"), InputError, "of which lower is better"),
    ],
)
def test_metrics_that_are_no_target_are_refused_in_every_space(
    metrics: tuple[str, ...], error: type[Exception], why: str, space: dict[str, str]
) -> None:
    sampler = {"name": "tpe" if space["name"] == "curves" else "portfolio"}
    made = {} if space["name"] == "margins" else {"clustering": {"method": "watershed"}}
    several = space["name"] == "curves" and len(metrics) > 1  # of which it has one
    with pytest.raises(ValueError if several else error, match="portfolio" if several else why):
        space_of(asked(*metrics, space=space, sampler=sampler, scoring=made))
