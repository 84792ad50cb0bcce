"""The contract of every loss of the registry: a new entry is tested the moment it is registered."""

import pytest
import torch
from torch import Tensor, nn

from surrogate_zoo import LOSSES, load_loss
from surrogate_zoo.errors import InputError
from tests.surrogate_zoo.batches import VOID, labels, one_hot_logits

CLASSES = 4
every_loss = pytest.mark.parametrize("name", LOSSES)


def _loss(name: str) -> nn.Module:
    return load_loss(name, num_classes=CLASSES)


def _logits(
    seed: int, size: tuple[int, int, int] = (2, 9, 11), dtype: torch.dtype = torch.float32
) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    n, h, w = size
    return 2 * torch.randn(n, CLASSES, h, w, generator=generator, dtype=torch.float64).to(dtype)


def _gradient(loss: nn.Module, logits: Tensor, target: Tensor) -> tuple[float, Tensor]:
    leaf = logits.clone().requires_grad_()
    value = loss(leaf, target)
    value.backward()
    assert leaf.grad is not None
    return value.item(), leaf.grad


@every_loss
def test_value_is_a_finite_scalar_and_the_gradient_is_not_zero(name: str) -> None:
    value, gradient = _gradient(_loss(name), _logits(1), labels(1))
    assert value > 0
    assert torch.isfinite(gradient).all()
    assert gradient.abs().sum() > 0


@every_loss
def test_an_all_void_batch_has_value_and_gradient_zero(name: str) -> None:
    value, gradient = _gradient(_loss(name), _logits(1), torch.full((2, 9, 11), VOID))
    assert value == 0
    assert (gradient == 0).all()


@every_loss
def test_void_logits_change_neither_value_nor_gradient(name: str) -> None:
    target, logits = labels(3), _logits(3)
    void = (target == VOID)[:, None]
    value, gradient = _gradient(_loss(name), logits, target)
    assert (gradient.movedim(1, -1)[target == VOID] == 0).all()
    for filling in (_logits(4) * 100, torch.full_like(logits, torch.nan)):
        other, other_gradient = _gradient(_loss(name), torch.where(void, filling, logits), target)
        assert other == value
        assert torch.equal(other_gradient, gradient)


@every_loss
def test_a_perfect_prediction_is_the_minimum(name: str) -> None:
    target = labels(5, size=(1, 20, 20))
    perfect = _loss(name)(one_hot_logits(target % VOID, CLASSES), target).item()
    assert perfect == pytest.approx(0, abs=1e-9)
    wrong = _loss(name)(one_hot_logits((target + 1) % CLASSES, CLASSES), target).item()
    assert wrong > perfect


@every_loss
def test_one_class_present(name: str) -> None:
    target = torch.full((2, 9, 11), 2)
    value, gradient = _gradient(_loss(name), _logits(6), target)
    assert value >= 0
    assert torch.isfinite(gradient).all()
    perfect = _loss(name)(one_hot_logits(target, CLASSES), target).item()
    assert perfect == pytest.approx(0, abs=1e-9)


@every_loss
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float16, 2e-3), (torch.bfloat16, 2e-2)])
def test_half_precision_agrees_with_float32(name: str, dtype: torch.dtype, bound: float) -> None:
    # More than 65,504 pixels, where sums in float16 overflow.
    target, logits = labels(7, size=(1, 260, 260)), _logits(7, (1, 260, 260))
    half, half_gradient = _gradient(_loss(name), logits.to(dtype), target)
    full, full_gradient = _gradient(_loss(name), logits.to(dtype).float(), target)
    assert half == pytest.approx(full, rel=1e-6)
    relative = (half_gradient.float() - full_gradient).norm() / full_gradient.norm()
    # A gradient of float16 logits is rounded to float16; small ones fall below its least number.
    assert relative <= (bound if dtype == torch.bfloat16 else 0.5)
    rounded = _loss(name)(logits, target).item()
    assert half == pytest.approx(rounded, rel=bound)


@every_loss
def test_the_gradient_agrees_with_finite_differences(name: str) -> None:
    target, logits = labels(8, size=(1, 6, 6)), _logits(8, (1, 6, 6), torch.float64)
    loss = _loss(name)
    _, gradient = _gradient(loss, logits, target)
    generator = torch.Generator().manual_seed(0)
    step = 1e-6
    for _ in range(20):
        direction = torch.randn(logits.shape, generator=generator, dtype=torch.float64)
        rise = loss(logits + step * direction, target) - loss(logits - step * direction, target)
        assert rise.item() / (2 * step) == pytest.approx(
            (gradient * direction).sum().item(), rel=2e-3, abs=1e-6
        )


@every_loss
def test_descent_reaches_a_better_prediction(name: str) -> None:
    target = labels(9, size=(1, 16, 16), void=0)
    loss = _loss(name)
    logits = nn.Parameter(0.5 * _logits(9, (1, 16, 16)))
    optimiser = torch.optim.Adam([logits], lr=0.1)
    first = loss(logits, target).item()
    for _ in range(60):
        optimiser.zero_grad()
        loss(logits, target).backward()
        optimiser.step()
    assert loss(logits, target).item() < 0.7 * first


@every_loss
def test_autocast_does_not_reach_inside(name: str) -> None:
    target, logits = labels(10), _logits(10)
    outside = _loss(name)(logits, target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = _loss(name)(logits, target)
    assert inside.dtype == torch.float32
    assert inside.item() == outside.item()


@every_loss
def test_documents_build_the_same_loss(name: str) -> None:
    document = LOSSES[name].document()
    target, logits = labels(11), _logits(11)
    rebuilt = load_loss(document, num_classes=CLASSES)
    assert rebuilt(logits, target).item() == _loss(name)(logits, target).item()
    assert document["title"]
    assert LOSSES[name].summary.endswith(".")
    assert LOSSES[name].source


_GOOD, _TARGET = torch.zeros(1, CLASSES, 4, 4), torch.zeros(1, 4, 4, dtype=torch.int64)
_BAD = {
    "classes": (torch.zeros(1, 3, 4, 4), _TARGET, r"logits must have shape \(N, 4, H, W\)"),
    "dimensions": (torch.zeros(CLASSES, 4, 4), _TARGET, "logits must have shape"),
    "integer logits": (_GOOD.long(), _TARGET, "logits must be floating point"),
    "target size": (_GOOD, torch.zeros(1, 4, 5).long(), "target must have shape"),
    "target dtype": (_GOOD, _TARGET.float(), "target must be int64"),
    "label too large": (_GOOD, _TARGET + 4, "target holds the label 4"),
    "negative label": (_GOOD, _TARGET - 1, "target holds the label -1"),
    "nan": (torch.full_like(_GOOD, torch.nan), _TARGET, "logits hold NaN"),
    "infinity": (torch.full_like(_GOOD, torch.inf), _TARGET, "logits hold NaN or infinite"),
}


@every_loss
@pytest.mark.parametrize("case", _BAD)
def test_bad_input_is_refused_by_name(name: str, case: str) -> None:
    logits, target, message = _BAD[case]
    with pytest.raises(InputError, match=message):
        _loss(name)(logits, target)


@every_loss
def test_another_void_label_can_be_chosen(name: str) -> None:
    target = labels(12)
    zero_void = torch.where(target == VOID, CLASSES + 7, target)
    loss = load_loss(name, num_classes=CLASSES, ignore_index=CLASSES + 7)
    assert loss(_logits(12), zero_void).item() == _loss(name)(_logits(12), target).item()
