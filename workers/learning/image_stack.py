"""Decoded samples kept on a device as they are stored, stacked by size, ready to be gathered from."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surrogate_zoo.errors import DatasetError
from surrogate_zoo.losses.distance_maps import MAPS, map_of
from workers.datasets.dataset import VOID, Pixels, Samples
from workers.networks.image_format import as_tensor
from workers.tasks.images import RGB, ImageFormat

MOST_MAP_BYTES = 16 * 2**30
HALF = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Stack:
    """Samples of one size.

    Attributes:
        images: uint8 (N, H, W, B), or float32 where they have more than 8 bits.
        masks: uint8 (N, H, W), void = 255; of a multi-label (N, H, W, C), 0 and 1.
        positions: The N positions of these samples among all samples.
        maps: Distance maps of the masks by name, float16 (N, H, W, K).
        instances: int32 (N, H, W) number of each pixel's object, 0 = none; None where the dataset
            has no things.
        format: What the images are.
    """

    images: Tensor
    masks: Tensor
    positions: tuple[int, ...]
    maps: Mapping[str, Tensor] = field(default_factory=dict)
    instances: Tensor | None = None
    format: ImageFormat = RGB

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.masks.shape[1], self.masks.shape[2]

    def labels(self, part: slice = slice(None)) -> Tensor:
        """The labels of some images, as losses and evaluators take them: int64 (n, H, W), or (n, C, H, W)."""
        masks = self.masks[part].long()
        return masks if masks.ndim == 3 else masks.movedim(-1, 1)


def stack_by_size(
    samples: Samples,
    device: torch.device,
    chosen: Sequence[int],
    *,
    maps: Sequence[str] = (),
    num_classes: int = 0,
    images: ImageFormat = RGB,
) -> list[Stack]:
    """Stack samples by size on a device.

    Args:
        samples: Decoded samples.
        device: Where to keep them.
        chosen: Which of them; positions in the stacks count within ``chosen``.
        maps: Names of the distance maps to compute, once for every image.
        num_classes: C of the logits, for the maps.
        images: What the samples' images are.

    Raises:
        DatasetError: The maps would not fit into memory.
    """
    masks = [samples.masks[index] for index in chosen]
    members: dict[tuple[int, ...], list[int]] = {}
    for position, mask in enumerate(masks):
        members.setdefault(mask.shape[:2], []).append(position)
    _check_room(masks, maps, num_classes)
    return [
        Stack(
            images=torch.stack([as_tensor(samples.images[chosen[p]]) for p in same]).to(device),
            masks=_stacked([masks[p] for p in same]).to(device),
            positions=tuple(same),
            maps={
                name: _maps(name, [masks[p] for p in same], num_classes).to(device) for name in maps
            },
            instances=_instances(samples, [chosen[p] for p in same], device),
            format=images,
        )
        for same in members.values()
    ]


def _stacked(arrays: Sequence[NDArray[Any]]) -> Tensor:
    """Arrays of one shape, one behind the other; contiguous, also where they lie by columns."""
    return torch.from_numpy(np.ascontiguousarray(np.stack(arrays)))


def _instances(samples: Samples, chosen: Sequence[int], device: torch.device) -> Tensor | None:
    """Objects of samples of one size, int32 (N, H, W)."""
    if samples.instances is None:
        return None
    return _stacked([samples.instances[index] for index in chosen]).to(device)


def _maps(name: str, masks: Sequence[Pixels], num_classes: int) -> Tensor:
    """One distance map of masks of one size, float16 (N, H, W, K); of a multi-label K of each channel."""

    def compute(mask: Pixels) -> NDArray[np.float16]:
        channels = mask.transpose(2, 0, 1) if mask.ndim == 3 else mask[None]
        labels = 2 if mask.ndim == 3 else max(num_classes, 2)
        distances = np.concatenate([map_of(name, each, labels, VOID) for each in channels])
        return np.ascontiguousarray(distances.clip(-HALF, HALF).transpose(1, 2, 0), np.float16)

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return torch.from_numpy(np.stack(list(pool.map(compute, masks))))


def _check_room(masks: Sequence[Pixels], maps: Sequence[str], num_classes: int) -> None:
    labels = (
        2 if masks[0].ndim == 3 else max(num_classes, 2)
    )  # of a multi-label a mask is a channel
    channels = sum(MAPS[name].channels(labels) for name in maps)
    needed = 2 * channels * sum(mask.size for mask in masks)
    if needed > MOST_MAP_BYTES:
        raise DatasetError(
            f"The loss's distance maps ({', '.join(maps)}) of {len(masks)} images would take "
            f"{needed / 2**30:.0f} GiB; {MOST_MAP_BYTES // 2**30} are allowed. Register the dataset "
            "with a smaller size, or take a loss without distance maps."
        )
