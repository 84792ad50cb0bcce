"""Structural similarity against its definition, window by window."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.handmade import structure
from tests.surrogate_zoo.batches import VOID, labels, one_hot_logits
from tests.surrogate_zoo.losses.handmade.small import CLASSES, batch
from tests.surrogate_zoo.losses.supplies import literature


def _ssim(x: np.ndarray, y: np.ndarray, valid: np.ndarray, window: int, sigma: float) -> np.ndarray:
    """SSIM of two maps (H, W) at every valid pixel, windows cut down to valid pixels."""
    radius = window // 2
    rows, columns = np.mgrid[: valid.shape[0], : valid.shape[1]]
    values = []
    for i, j in np.argwhere(valid):
        near = valid & (abs(rows - i) <= radius) & (abs(columns - j) <= radius)
        weights = np.exp(-((rows[near] - i) ** 2 + (columns[near] - j) ** 2) / (2 * sigma**2))
        weights /= weights.sum()
        mean_x, mean_y = weights @ x[near], weights @ y[near]
        dx, dy = x[near] - mean_x, y[near] - mean_y
        luminance = (2 * mean_x * mean_y + 1e-4) / (mean_x**2 + mean_y**2 + 1e-4)
        structure = (2 * (weights @ (dx * dy)) + 9e-4) / (weights @ dx**2 + weights @ dy**2 + 9e-4)
        values.append(luminance * structure)
    return np.array(values)


@pytest.mark.parametrize(("window", "sigma"), [(11, 1.5), (3, 0.7)])
def test_ssim_is_the_mean_over_valid_pixels_and_present_classes(window: int, sigma: float) -> None:
    logits, target = batch(1)
    p = logits.softmax(1).numpy()
    scores = [
        _ssim(
            p[n, c], (target[n] == c).double().numpy(), (target[n] != VOID).numpy(), window, sigma
        )
        for c in range(4)
        for n in range(2)
    ]
    computed = literature("ssim", num_classes=CLASSES, window=window, sigma=sigma)(logits, target)
    assert computed.item() == pytest.approx(1 - np.concatenate(scores).mean(), rel=1e-12)


@pytest.mark.parametrize("size", [(1, 3, 2), (3, 40, 25)])
def test_the_gradient_is_that_of_the_value(size: tuple[int, int, int]) -> None:
    generator = torch.Generator().manual_seed(2)
    target = labels(2, size=size, classes=3)
    logits = torch.randn(size[0], CLASSES, *size[1:], generator=generator, dtype=torch.float64)
    loss = literature("ssim", num_classes=CLASSES)
    assert torch.autograd.gradcheck(
        lambda x: loss(x, target), logits.requires_grad_(), fast_mode=True
    )


def test_void_is_like_the_outside_of_the_image() -> None:
    logits, target = batch(3)
    wide = torch.nn.functional.pad(logits, (4, 7, 9, 1), value=50.0)
    void = torch.nn.functional.pad(target, (4, 7, 9, 1), value=VOID)
    loss = literature("ssim", num_classes=CLASSES)
    torch.testing.assert_close(loss(wide, void), loss(logits, target))


def _flat(level: float) -> tuple[Tensor, Tensor]:
    """A prediction of ``level`` everywhere for the only class present."""
    logits = torch.tensor([level, 1 - level], dtype=torch.float64).log()
    return logits[None, :, None, None].expand(1, 2, 40, 40), torch.zeros(1, 40, 40).long()


@pytest.mark.parametrize("level", [0.999, 0.7, 1e-3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_flat_regions_have_no_variance(level: float, dtype: torch.dtype) -> None:
    logits, target = _flat(level)
    loss = literature("ssim", num_classes=2)
    rounded = logits.to(dtype)
    p = rounded.double().softmax(1)[0, 0, 0, 0].item()
    expected = 1 - (2 * p + 1e-4) / (p * p + 1 + 1e-4)
    # 1 less SSIM, from squares less squared means, is off in its first digits at 0.999 in float32.
    assert loss(rounded, target).item() == pytest.approx(expected, rel=1e-3, abs=1e-9)


def test_nearly_perfect_predictions_keep_their_digits_and_sign() -> None:
    target = labels(4, size=(2, 64, 64), void=0)
    logits = (one_hot_logits(target, 4) * 1e-3).float()  # wrong classes have e^-10
    loss = literature("ssim", num_classes=4)
    exact = loss(logits.double(), target).item()
    assert 0 < exact < 1e-6
    assert loss(logits, target).item() == pytest.approx(exact, rel=1e-3)


def test_absent_classes_count_for_nothing() -> None:
    logits, target = batch(5)  # class 4 is absent
    four = literature("ssim", num_classes=4)
    five = literature("ssim", num_classes=5)
    unlikely = logits.clone()
    unlikely[:, 4] = -1e4
    torch.testing.assert_close(five(unlikely, target), four(logits[:, :4], target))


@pytest.mark.parametrize("chunk", [1, 2500])
def test_planes_are_worked_on_in_pieces_of_the_same_result(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits, target = batch(6)
    results = []
    for size in (chunk, 1 << 30):
        monkeypatch.setattr(structure, "_PLANE_CHUNK", size)
        leaf = logits.clone().requires_grad_()
        value = literature("ssim", num_classes=CLASSES)(leaf, target)
        value.backward()
        results.append((value.detach(), leaf.grad))
    torch.testing.assert_close(*results)


def test_basnet_adds_pixels_neighbourhoods_and_regions() -> None:
    logits, target = batch(7)
    parts = [
        literature(name, num_classes=CLASSES)(logits, target)
        for name in ("cross-entropy", "ssim", "jaccard-metric")
    ]
    computed = literature("basnet", num_classes=CLASSES)(logits, target)
    torch.testing.assert_close(computed, sum(parts))


@pytest.mark.parametrize("parameters", [{"window": 10}, {"window": 1}, {"sigma": 0.0}])
def test_parameters_out_of_range_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        literature("ssim", num_classes=CLASSES, **parameters)
