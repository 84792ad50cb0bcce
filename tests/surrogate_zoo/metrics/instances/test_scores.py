"""The table of scores: names, sources, directions."""

import pytest

from surrogate_zoo import INSTANCE_SCORES
from surrogate_zoo.errors import UnknownNameError


def test_a_score_knows_its_direction() -> None:
    lower = [name for name, score in INSTANCE_SCORES.items() if score.higher_is_better is False]
    neither = [name for name, score in INSTANCE_SCORES.items() if score.higher_is_better is None]
    assert (lower, neither) == (["dic"], ["dic-signed"])


def test_every_score_says_what_it_is() -> None:
    for name, score in INSTANCE_SCORES.items():
        assert name == score.name
        assert score.title
        assert score.source
        assert score.summary.endswith(".")


def test_an_unknown_score_is_told_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"no instance score named 'sdb'.*sbd"):
        INSTANCE_SCORES["sdb"]
