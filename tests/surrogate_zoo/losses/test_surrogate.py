"""Surrogate losses as modules: what they compute, keep and refuse."""

from typing import Any

import pytest
import torch

from surrogate_zoo import METRICS, SurrogateLoss, load_loss
from surrogate_zoo.errors import InputError, UnknownNameError
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.metrics.class_maps import ClassMap, one_hot
from surrogate_zoo.metrics.logic import BooleanLogic
from tests.surrogate_zoo.batches import VOID, labels, one_hot_logits

CLASSES = 5


@pytest.mark.parametrize("metric", METRICS)
def test_straight_curves_are_the_naive_surrogate(metric: str) -> None:
    space = ParameterSpace(metric)
    line = [v for row in space.control_points(space.start).values() for v in row]
    logits, target = torch.randn(2, CLASSES, 9, 9, dtype=torch.float64), labels(1, size=(2, 9, 9))
    straight = SurrogateLoss(metric, line, num_classes=CLASSES)(logits, target)
    naive = SurrogateLoss(metric, None, num_classes=CLASSES)(logits, target)
    torch.testing.assert_close(straight, naive, atol=1e-12, rtol=0)


def test_naive_miou_is_the_soft_jaccard_index() -> None:
    logits, target = (
        torch.randn(1, CLASSES, 8, 8, dtype=torch.float64),
        labels(2, size=(1, 8, 8), void=0),
    )
    p, y = logits.softmax(1), torch.nn.functional.one_hot(target, CLASSES).movedim(-1, 1)
    present = (y.sum((0, 2, 3)) > 0) | (p.amax((0, 2, 3)) > 0.5)
    both = (p * y).sum((0, 2, 3))
    iou = both / (p.sum((0, 2, 3)) + y.sum((0, 2, 3)) - both)
    loss = load_loss("naive-miou", num_classes=CLASSES, scale=1)(logits, target)
    torch.testing.assert_close(loss, 1 - iou[present].mean())


def test_absent_classes_stay_in_the_released_mean_alone() -> None:
    target = torch.zeros(1, 6, 6, dtype=torch.int64)
    logits = one_hot_logits(target, CLASSES)
    assert load_loss("naive-miou", num_classes=CLASSES)(logits, target).item() == 0
    released = load_loss("naive-miou", num_classes=CLASSES, as_released=True)(logits, target)
    assert released.item() == pytest.approx(0.8)


def test_a_border_to_void_is_a_boundary_as_released_alone() -> None:
    target = torch.zeros(1, 9, 9, dtype=torch.int64)
    target[:, :, 6:] = VOID
    wrong = one_hot_logits(torch.ones_like(target), CLASSES)
    assert load_loss("naive-biou", num_classes=CLASSES)(wrong, target).item() == 0  # no band at all
    released = load_loss("naive-biou", num_classes=CLASSES, as_released=True)(wrong, target)
    assert released.item() == 1


def test_control_points_travel_with_the_module() -> None:
    loss = load_loss("asl-miou-voc", num_classes=CLASSES, scale=1).to("meta")
    points = dict(loss.named_buffers())["control_points"]
    assert (points.shape, points.device.type) == ((2, 6), "meta")
    assert "miou" in repr(loss)


def test_unchecked_values_pass_through() -> None:
    loss = load_loss("asl-miou-voc", num_classes=CLASSES, scale=1)
    assert isinstance(loss, SurrogateLoss)
    loss.check_values = False
    nan = torch.full((1, CLASSES, 4, 4), torch.nan)
    assert loss(nan, torch.zeros(1, 4, 4).long()).isnan()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"control_points": [0.5] * 5}, "miou has 2 curves"),
        ({"control_points": [0.5] * 8}, "control point"),
        ({"control_points": [0.9, 0.9, 0.1, 0.1, 1, 1] * 2}, "must rise"),
        ({"control_points": [float("nan")] * 4}, "must rise"),
        ({"num_classes": 0}, "num_classes"),
        ({"tolerance": -1}, "tolerance"),
        ({"family": "spline"}, "curve family"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"control_points": None, "num_classes": CLASSES}
    with pytest.raises(InputError, match=message):
        SurrogateLoss("miou", **{**good, **arguments})


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="no metric"):
        SurrogateLoss("nonsense", None, num_classes=CLASSES)


def test_boolean_logic_refuses_probabilities() -> None:
    soft = ClassMap(dense=torch.rand(1, CLASSES, 4, 4))
    crisp = one_hot(torch.zeros(1, 4, 4).long(), torch.ones(1, 4, 4).bool(), torch.float32)
    with pytest.raises(InputError, match="needs maps of 0 and 1"):
        BooleanLogic().and_("and", soft, crisp)
    assert BooleanLogic().xor("edge", crisp, crisp).crisp
