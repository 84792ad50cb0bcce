"""Decoded samples kept on a device as uint8, stacked by size, ready to be gathered from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.datasets import Samples

# ImageNet statistics of RGB in 0..255, which pretrained encoders expect.
MEAN = (123.675, 116.28, 103.53)
DEVIATION = (58.395, 57.12, 57.375)


def normalise(pixels: Tensor) -> Tensor:
    """Normalise RGB values in 0..255, float (..., 3), to ImageNet statistics."""
    mean, deviation = pixels.new_tensor(MEAN), pixels.new_tensor(DEVIATION)
    return (pixels - mean) / deviation


@dataclass(frozen=True)
class Stack:
    """Samples of one size.

    Attributes:
        images: uint8 (N, H, W, 3).
        masks: uint8 (N, H, W), void = 255.
        positions: The N positions of these samples among all samples.
    """

    images: Tensor
    masks: Tensor
    positions: tuple[int, ...]

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.masks.shape[1], self.masks.shape[2]


def stack_by_size(samples: Samples, device: torch.device, chosen: Sequence[int]) -> list[Stack]:
    """Stack the ``chosen`` samples by size on ``device``; positions count within ``chosen``."""
    members: dict[tuple[int, ...], list[int]] = {}
    for position, index in enumerate(chosen):
        members.setdefault(samples.masks[index].shape, []).append(position)
    return [
        Stack(
            images=torch.from_numpy(np.stack([samples.images[chosen[p]] for p in same])).to(device),
            masks=torch.from_numpy(np.stack([samples.masks[chosen[p]] for p in same])).to(device),
            positions=tuple(same),
        )
        for same in members.values()
    ]
