"""The curves as a space, with the learning rate and without."""

import numpy as np
import pytest

from search_service.spaces.curves import CurveSpace
from surrogate_zoo import load_loss
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.drafts import filled
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.losses.registry import LOSSES

PLAIN = CurveSpace(ParameterSpace("macc"), name="mine", title="Mine")
RATED = CurveSpace(ParameterSpace("macc"), name="mine", rates=(0.1, 10.0))


def test_a_theta_is_a_surrogate_at_the_schedules_own_rate() -> None:
    draft = PLAIN.candidate(PLAIN.start.tolist())
    assert draft.rate == 1.0
    assert (draft.loss["name"], draft.loss["title"], draft.loss["metric"]) == (
        "mine",
        "Mine",
        "macc",
    )
    assert load_loss(filled(draft.loss, [2.0]), num_classes=3) is not None
    with pytest.raises(InputError, match="must have 6 numbers, not 5"):
        PLAIN.candidate([0.5] * 5)


def test_the_rate_is_one_more_parameter_between_its_ends() -> None:
    assert RATED.names == (*PLAIN.names, "rate")
    assert RATED.dimension == PLAIN.dimension + 1 == len(RATED.low) == len(RATED.high)
    start = RATED.start.tolist()
    for coordinate, rate in ((0.0, 0.1), (0.5, 1.0), (1.0, 10.0), (1.5, 10.0), (-3.0, 0.1)):
        assert RATED.candidate([*start[:-1], coordinate]).rate == pytest.approx(rate)
    assert RATED.candidate(start).rate == pytest.approx(1.0)
    assert RATED.named(start)["rate"] == pytest.approx(1.0)
    assert RATED.curves(start) == tuple(PLAIN.start.tolist())


def test_where_the_own_rate_lies_outside_the_nearest_end_is_taken() -> None:
    slow = CurveSpace(ParameterSpace("macc"), rates=(0.1, 0.5))
    assert slow.candidate(slow.start.tolist()).rate == pytest.approx(0.5)
    assert np.all(slow.start <= slow.high)


@pytest.mark.parametrize("scaled", [False, True])
def test_a_loss_has_a_scale_whether_or_not_it_is_trained_with_it(scaled: bool) -> None:
    space = CurveSpace(ParameterSpace("macc"), name="mine", scaled=scaled)
    draft = space.candidate(space.start.tolist())
    assert draft.loss["scale"] is None
    assert filled(draft.loss, [2.0])["scale"] == 2.0
    assert draft.candidate(3, 0.1).scaled is scaled
    assert draft.changes == ({} if scaled else {"scale": 1.0})


def test_a_companion_makes_sums() -> None:
    companion = LOSSES["dice"].document()
    both = CurveSpace(ParameterSpace("miou+bf1"), name="mine", companion=companion)
    loss = both.candidate(both.start.tolist()).loss
    assert [term["loss"]["name"] for term in loss["terms"]] == ["mine.miou", "mine.bf1", "dice"]
