"""Samples at a proxy's size, against OpenCV's rule written out and torch's own interpolation."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from tests.workers.learning.test_batches import CPU, samples
from workers.learning.image_stack import stack_by_size
from workers.learning.proxy_size import TOGETHER, brought_down


def by_hand(image: NDArray[np.uint8], side: int) -> NDArray[np.float64]:
    """Bilinear at the pixel centres of the image with that short side, its middle square, in float64."""
    height, width = image.shape[:2]
    scale = side / min(height, width)

    def places(length: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        start = (round(length * scale) - side) // 2
        at = ((np.arange(side) + start + 0.5) / scale - 0.5).clip(0, length - 1)
        below = np.floor(at).astype(np.int64)
        return below, np.minimum(below + 1, length - 1), at - below

    (top, down, y), (left, right, x) = places(height), places(width)
    y, x = y[:, None, None], x[None, :, None]
    upper = image[top][:, left] * (1 - x) + image[top][:, right] * x
    lower = image[down][:, left] * (1 - x) + image[down][:, right] * x
    mixed: NDArray[np.float64] = upper * (1 - y) + lower * y
    return mixed


@pytest.mark.parametrize("size", [(50, 70), (70, 50), (33, 90), (16, 20)])
def test_values_are_bilinear_without_smoothing(size: tuple[int, int]) -> None:
    of = samples(size, size)
    [stack] = brought_down(stack_by_size(of, CPU, [0, 1]), 24)
    assert stack.images.shape == (2, 24, 24, 3)
    assert stack.images.dtype == stack.masks.dtype == torch.uint8
    for row, image in zip(stack.images, of.images, strict=True):
        np.testing.assert_allclose(row, by_hand(image, 24), atol=0.51)


def test_whole_factors_agree_with_torch() -> None:
    of = samples((48, 72))
    [stack] = brought_down(stack_by_size(of, CPU, [0]), 16)
    image = torch.from_numpy(of.images[0]).permute(2, 0, 1)[None].float()
    mask = torch.from_numpy(of.masks[0])[None, None].float()
    small = F.interpolate(image, (16, 24), mode="bilinear", align_corners=False)
    labels = F.interpolate(mask, (16, 24), mode="nearest-exact")
    middle = small[0, :, :, 4:20].permute(1, 2, 0)
    torch.testing.assert_close(stack.images[0].float(), middle, atol=0.51, rtol=0)
    assert torch.equal(stack.masks[0].float(), labels[0, 0, :, 4:20])


def test_every_sample_keeps_its_place() -> None:
    of = samples(*[(32, 40)] * (TOGETHER + 3), (40, 32))
    stacks = brought_down(stack_by_size(of, CPU, range(len(of))), 32)
    assert [len(stack.positions) for stack in stacks] == [TOGETHER + 3, 1]
    for stack in stacks:
        for position, image, mask in zip(stack.positions, stack.images, stack.masks, strict=True):
            rows = slice(0, 32) if of.images[position].shape[0] == 32 else slice(4, 36)
            columns = slice(4, 36) if of.images[position].shape[0] == 32 else slice(0, 32)
            np.testing.assert_array_equal(image, of.images[position][rows, columns])
            np.testing.assert_array_equal(mask, of.masks[position][rows, columns])
