"""Logits and targets of other shapes give the value of the same batch in the zoo's shapes."""

import pytest
import torch
import torch.nn.functional as F

from lossfit import AnyShapeLoss, load_loss
from surrogate_zoo.errors import InputError
from surrogate_zoo.loops.any_shape import labels_of
from tests.surrogate_zoo.batches import VOID, labels

CLASSES = 4
LOSS = load_loss("asl-miou-voc", num_classes=CLASSES)
TARGET = labels(1, size=(2, 16, 20))


def _logits(height: int = 16, width: int = 20) -> torch.Tensor:
    return torch.randn(2, CLASSES, height, width, generator=torch.Generator().manual_seed(height))


def _one_hot(target: torch.Tensor) -> torch.Tensor:
    valid = target != VOID
    return F.one_hot(target.masked_fill(~valid, 0), CLASSES).movedim(-1, 1) * valid[:, None]


@pytest.mark.parametrize(
    "target",
    [
        TARGET,
        TARGET.int(),
        TARGET[:, None],
        TARGET[:, None].float(),
        _one_hot(TARGET),
        _one_hot(TARGET).float(),
        _one_hot(TARGET).bool(),
        _one_hot(TARGET).to(torch.uint16),
    ],
    ids=["labels", "int32", "channel", "float", "one-hot", "float one-hot", "Boolean", "uint16"],
)
def test_a_target_may_have_any_of_these_shapes(target: torch.Tensor) -> None:
    value = AnyShapeLoss(LOSS)(_logits(), target)
    assert value.item() == LOSS(_logits(), TARGET).item()


def test_logits_of_a_quarter_of_the_size_are_interpolated() -> None:
    quarter = _logits(4, 5).requires_grad_()
    value = AnyShapeLoss(LOSS)(quarter, TARGET)
    large = F.interpolate(quarter, size=(16, 20), mode="bilinear", align_corners=False)
    assert value.item() == LOSS(large, TARGET).item()
    torch.autograd.backward(value)
    assert quarter.grad is not None
    assert quarter.grad.abs().sum() > 0


def test_levels_of_deep_supervision_weigh_half_of_the_one_before() -> None:
    levels = [_logits(), _logits(8, 10), _logits(4, 5)]
    targets = [TARGET, TARGET[:, ::2, ::2], TARGET[:, ::4, ::4]]
    values = [LOSS(*level).item() for level in zip(levels, targets, strict=True)]
    found = AnyShapeLoss(LOSS)(levels, [each[:, None].float() for each in targets])
    mean = (values[0] + values[1] / 2 + values[2] / 4) / 1.75
    assert found.item() == pytest.approx(mean)
    last = AnyShapeLoss(LOSS, weights=(1, 0, 0))(levels, targets)
    assert last.item() == pytest.approx(values[0])
    assert AnyShapeLoss(LOSS)(levels, TARGET) > 0  # one target for all


def test_what_does_not_fit_is_refused() -> None:
    loss = AnyShapeLoss(LOSS)
    with pytest.raises(InputError, match="2 levels of logits have 1 targets"):
        loss([_logits(), _logits()], [TARGET])
    with pytest.raises(InputError, match="target must have shape"):
        loss(_logits(), TARGET[0])
    with pytest.raises(InputError, match="not whole numbers"):
        loss(_logits(), TARGET + 0.5)
    with pytest.raises(InputError, match="weights must be"):
        AnyShapeLoss(LOSS, weights=(0.0,))


def test_a_pixel_without_a_class_is_void() -> None:
    assert torch.equal(labels_of(_one_hot(TARGET), _logits()), TARGET)
    assert torch.equal(labels_of(_one_hot(TARGET), _logits(), 9), TARGET.where(TARGET != VOID, 9))


def test_channels_that_are_on_or_off_are_no_one_hot() -> None:
    loss = load_loss("dice", num_classes=CLASSES, mode="multilabel")
    target = _one_hot(TARGET)
    quarter = _logits(4, 5)
    large = F.interpolate(quarter, size=(16, 20), mode="bilinear", align_corners=False)
    assert AnyShapeLoss(loss)(quarter, target.float()).item() == loss(large, target).item()


def test_logits_of_volumes_are_interpolated_along_all_axes() -> None:
    half = torch.randn(2, CLASSES, 2, 4, 5)
    large = F.interpolate(half, size=(4, 8, 10), mode="trilinear", align_corners=False)
    target = labels(2, size=(8, 8, 10)).view(2, 4, 8, 10)
    assert AnyShapeLoss(LOSS)(half, target.float()).item() == LOSS(large, target).item()
