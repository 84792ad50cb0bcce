"""Decoded samples kept on a device as they are stored, ready to be gathered from; stacks of one size."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
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
TOGETHER = 64  # images that go to the device at once
HALF = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class PixelStore:
    """Samples of any sizes, pixel behind pixel, so that one gather reaches all of them.

    Attributes:
        images: uint8 (P, B) of P pixels in all, or float32 where they have more than 8 bits.
        masks: uint8 (P,), void = 255; of a multi-label (P, C), 0 and 1.
        maps: Distance maps of the masks by name, float16 (P, K).
        instances: int32 (P,) number of each pixel's object in its image, 0 = none; None where the
            dataset has no things.
        format: What the images are.
    """

    images: Tensor
    masks: Tensor
    maps: Mapping[str, Tensor] = field(default_factory=dict)
    instances: Tensor | None = None
    format: ImageFormat = RGB


@dataclass(frozen=True)
class Stack:
    """Samples of one size: N images one behind the other in a store.

    Attributes:
        store: Where they are.
        start: Number of their first pixel there.
        size: (H, W).
        positions: The N positions of these samples among all samples.
    """

    store: PixelStore
    start: int
    size: tuple[int, int]
    positions: tuple[int, ...]

    @property
    def images(self) -> Tensor:
        """uint8 (N, H, W, B), or float32 where they have more than 8 bits."""
        return self._block(self.store.images)

    @property
    def masks(self) -> Tensor:
        """uint8 (N, H, W), void = 255; of a multi-label (N, H, W, C), 0 and 1."""
        return self._block(self.store.masks)

    @property
    def maps(self) -> dict[str, Tensor]:
        """Distance maps of the masks by name, float16 (N, H, W, K)."""
        return {name: self._block(kept) for name, kept in self.store.maps.items()}

    @property
    def instances(self) -> Tensor | None:
        """int32 (N, H, W) number of each pixel's object, 0 = none; None where there are no things."""
        return None if self.store.instances is None else self._block(self.store.instances)

    @property
    def format(self) -> ImageFormat:
        """What the images are."""
        return self.store.format

    def _block(self, kept: Tensor) -> Tensor:
        height, width = self.size
        count = len(self.positions)
        part = kept[self.start : self.start + count * height * width]
        return part.view(count, height, width, *kept.shape[1:])

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
    """Put samples into one store on a device, those of one size beside each other.

    Args:
        samples: Decoded samples.
        device: Where to keep them.
        chosen: Which of them; positions in the stacks count within ``chosen``.
        maps: Names of the distance maps to compute, once for every image.
        num_classes: C of the logits, for the maps.
        images: What the samples' images are.

    Returns:
        The samples by size, all in the same store.

    Raises:
        DatasetError: The maps would not fit into memory.
    """
    masks = [samples.masks[index] for index in chosen]
    members: dict[tuple[int, int], list[int]] = {}
    for position, mask in enumerate(masks):
        members.setdefault((mask.shape[0], mask.shape[1]), []).append(position)
    _check_room(masks, maps, num_classes)
    objects = samples.instances

    def laid(read: Callable[[int], Tensor]) -> Tensor:
        return _behind_each_other(read, members, device)

    store = PixelStore(
        images=laid(lambda position: as_tensor(samples.images[chosen[position]])),
        masks=laid(lambda position: _plain(masks[position])),
        maps={name: laid(partial(_map, name, masks, num_classes)) for name in maps},
        instances=None
        if objects is None
        else laid(lambda position: _plain(objects[chosen[position]])),
        format=images,
    )
    stacks, start = [], 0
    for size, same in members.items():
        stacks.append(Stack(store, start, size, tuple(same)))
        start += len(same) * size[0] * size[1]
    return stacks


def _behind_each_other(
    read: Callable[[int], Tensor],
    members: Mapping[tuple[int, int], Sequence[int]],
    device: torch.device,
) -> Tensor:
    """Lay what is read of each position, (H, W, ...), behind each other on a device: (P, ...).

    Args:
        read: Position -> its pixels; called from several threads.
        members: Size -> positions.
        device: Where to.
    """
    total = sum(height * width * len(same) for (height, width), same in members.items())
    pieces = [
        same[start : start + TOGETHER]
        for same in members.values()
        for start in range(0, len(same), TOGETHER)
    ]
    laid: Tensor | None = None
    at = 0
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for piece in pieces:
            block = torch.stack(list(pool.map(read, piece))).flatten(0, 2)
            if laid is None:
                laid = torch.empty((total, *block.shape[1:]), dtype=block.dtype, device=device)
            laid[at : at + len(block)] = block
            at += len(block)
    if laid is None:
        raise DatasetError("There are no images to train on or to score.")
    return laid


def _plain(array: NDArray[Any]) -> Tensor:
    """An array as a tensor; contiguous, also where it lies by columns."""
    return torch.from_numpy(np.require(array, requirements=("C", "W")))  # torch wants to write


def _map(name: str, masks: Sequence[Pixels], num_classes: int, position: int) -> Tensor:
    """The distance map of one mask, float16 (H, W, K); of a multi-label K of each channel."""
    mask = masks[position]
    channels = mask.transpose(2, 0, 1) if mask.ndim == 3 else mask[None]
    labels = 2 if mask.ndim == 3 else max(num_classes, 2)
    distances = np.concatenate([map_of(name, each, labels, VOID) for each in channels])
    halves = distances.clip(-HALF, HALF).transpose(1, 2, 0)
    return torch.from_numpy(np.ascontiguousarray(halves, np.float16))


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
