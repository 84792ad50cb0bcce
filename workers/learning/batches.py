"""Training batches: which image stands where in which step, scaled, cropped, flipped and coloured.

A batch is a pure function of (seed, step): nothing has to be saved to resume, and every candidate
of a search sees the same batches. Random numbers are drawn image by image from a generator that is
seeded by (seed, step); pixels are gathered straight from the uint8 stack, so the work follows the
size of the crop and not of the image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surrogate_zoo.losses.distance_maps import MAPS
from workers.datasets.dataset import VOID
from workers.learning.image_stack import Stack
from workers.learning.streams import Stream, generator
from workers.networks.image_format import normalise
from workers.tasks.images import RGB, ImageFormat
from workers.tasks.training import TrainingSpec

DRAWS = 7  # scale, row, column, flip, brightness, contrast, saturation
GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma


@dataclass(frozen=True)
class Crops:
    """Where B crops lie in their images; float32 (B,) each.

    Attributes:
        scale: Factor that the image is scaled by before cropping.
        top: First row of the crop in the scaled image, in pixels; negative where padding comes
            first.
        left: First column, likewise.
        flip: 1 where the crop is mirrored, else 0.
    """

    scale: Tensor
    top: Tensor
    left: Tensor
    flip: Tensor


class TrainingBatch(NamedTuple):
    """What one step trains on.

    Attributes:
        images: float32 (B, bands, h, w), normalised, 0 outside of the image.
        masks: int64 (B, h, w), or (B, C, h, w) of a multi-label; void = 255 outside of the image.
        maps: Distance maps by name, float32 (B, K, h, w), 0 outside of the image. They are those of
            the whole image, scaled along with it: a border beyond the crop counts.
        instances: int64 (B, h, w) number of each pixel's object in its image, 0 = none and outside
            of the image; None where the dataset has no things. The numbers have gaps where objects
            lie outside of the crop, and an object that the crop cuts in two is still one.
    """

    images: Tensor
    masks: Tensor
    maps: dict[str, Tensor]
    instances: Tensor | None = None

    def split(self, parts: int) -> "list[TrainingBatch]":
        """Cut the batch into equal parts, in order; ``parts`` divides B."""
        size = len(self.images) // parts
        return [
            TrainingBatch(
                self.images[start : start + size],
                self.masks[start : start + size],
                {name: distances[start : start + size] for name, distances in self.maps.items()},
                None if self.instances is None else self.instances[start : start + size],
            )
            for start in range(0, size * parts, size)
        ]


class Crop(NamedTuple):
    """Samples as they were gathered from a stack.

    Attributes:
        pixels: float32 (B, h, w, bands), in 0..255 where they are RGB.
        masks: int64 (B, h, w), or (B, h, w, C) of a multi-label; void outside.
        inside: bool (B, h, w), False where the crop reaches beyond its image.
        maps: Distance maps by name, float32 (B, h, w, K), 0 outside.
        instances: int64 (B, h, w), 0 outside; None where the stack has none.
    """

    pixels: Tensor
    masks: Tensor
    inside: Tensor
    maps: dict[str, Tensor]
    instances: Tensor | None = None


class Batches:
    """Batches of a training, by step.

    Every epoch is a fresh permutation of all images; a batch may span two epochs.

    Args:
        stacks: The images, stacked by size.
        training: Batch size, crop and augmentation.
        seed: Seed of order and augmentation.
    """

    def __init__(self, stacks: Sequence[Stack], training: TrainingSpec, seed: int) -> None:
        self._stacks = stacks
        self._training = training
        self._seed = seed
        places = {
            position: (number, row)
            for number, stack in enumerate(stacks)
            for row, position in enumerate(stack.positions)
        }
        self._places = np.array([places[position] for position in range(len(places))])

    def __call__(self, step: int) -> TrainingBatch:
        """Assemble the batch of ``step``."""
        size = self._training.batch_size
        places = self._places[self._chosen(step)]
        random = generator(self._seed, Stream.AUGMENTATION, step)
        draws = random.random((size, DRAWS), dtype=np.float32)
        device = self._stacks[0].images.device
        crop = self._training.crop
        images = torch.empty((size, *crop, self._stacks[0].format.bands), device=device)
        inner = self._stacks[0].masks.shape[3:]  # channels of a multi-label
        masks = torch.empty((size, *crop, *inner), dtype=torch.int64, device=device)
        maps = {
            name: torch.empty((size, *crop, kept.shape[-1]), device=device)
            for name, kept in self._stacks[0].maps.items()
        }
        instances = None
        if self._stacks[0].instances is not None:
            instances = torch.empty((size, *crop), dtype=torch.int64, device=device)
        for number in np.unique(places[:, 0]):
            slots = np.flatnonzero(places[:, 0] == number)
            where = torch.from_numpy(slots).to(device)
            part = self._assemble(self._stacks[number], places[slots, 1], draws[slots])
            images[where], masks[where] = part.pixels, part.masks
            if instances is not None and part.instances is not None:
                instances[where] = part.instances
            for name, kept in part.maps.items():
                maps[name][where] = kept
        channels_first = {name: kept.permute(0, 3, 1, 2) for name, kept in maps.items()}
        masks = masks.movedim(-1, 1) if inner else masks
        return TrainingBatch(images.permute(0, 3, 1, 2), masks, channels_first, instances)

    def _chosen(self, step: int) -> NDArray[np.int64]:
        """Positions of the images of ``step``."""
        total, size = len(self._places), self._training.batch_size
        wanted = np.arange(step * size, (step + 1) * size)
        orders = {
            epoch: generator(self._seed, Stream.ORDER, int(epoch)).permutation(total)
            for epoch in np.unique(wanted // total)
        }
        return np.array([orders[number // total][number % total] for number in wanted])

    def _assemble(self, stack: Stack, rows: NDArray[np.int64], draws: NDArray[np.float32]) -> Crop:
        device = stack.images.device
        on_device = torch.from_numpy(np.ascontiguousarray(draws)).to(device)
        crops = place_crops(stack.size, self._training, on_device)
        crop = gather(stack, torch.from_numpy(rows).to(device), crops, self._training.crop)
        pixels = crop.pixels
        if self._training.augmentation.colour > 0:
            strength = self._training.augmentation.colour
            pixels = jitter(pixels, strength, on_device[:, 4:], stack.format)
        return crop._replace(pixels=normalise(pixels, stack.format) * crop.inside[..., None])


def place_crops(size: tuple[int, int], training: TrainingSpec, draws: Tensor) -> Crops:
    """Place a crop in each image of ``size`` by uniform draws (B, 7) in [0, 1).

    Offsets are whole pixels of the scaled image; an image smaller than the crop lies at a random
    place within it. The scale is uniform in its range, as in the released proxy task, where an image
    of factor 1 has a short side of 128 pixels (``short_side``).
    """
    augmentation = training.augmentation
    low, high = augmentation.scale
    scale = low + (high - low) * draws[:, 0]
    if augmentation.short_side is not None:
        scale = scale * (augmentation.short_side / min(size))

    def offset(side: int, crop: int, draw: Tensor) -> Tensor:
        room = torch.round(side * scale) - crop
        return torch.floor(draw * (room.abs() + 1)) * room.sign()

    return Crops(
        scale=scale,
        top=offset(size[0], training.crop[0], draws[:, 1]),
        left=offset(size[1], training.crop[1], draws[:, 2]),
        flip=(draws[:, 3] < training.augmentation.flip).to(draws.dtype),
    )


def gather(stack: Stack, rows: Tensor, crops: Crops, crop: tuple[int, int]) -> Crop:
    """Resample crops from a stack: bilinear for images, nearest for everything else.

    Shrinking does not smooth first, as the released augmentation (OpenCV's bilinear) does not.
    """
    height, width = stack.size
    y = _coordinates(crop[0], crops.top, crops.scale, torch.zeros_like(crops.flip))
    x = _coordinates(crop[1], crops.left, crops.scale, crops.flip)
    near_y, near_x = torch.floor(y + 0.5), torch.floor(x + 0.5)
    inside = ((near_y >= 0) & (near_y < height))[:, :, None] & ((near_x >= 0) & (near_x < width))[
        :, None, :
    ]
    base = rows[:, None, None] * (height * width)

    def index(row: Tensor, column: Tensor) -> Tensor:
        row, column = row.clamp(0, height - 1).long(), column.clamp(0, width - 1).long()
        return base + row[:, :, None] * width + column[:, None, :]

    flat = stack.images.view(-1, stack.images.shape[-1])
    top, left = torch.floor(y), torch.floor(x)
    down, right = (y - top)[:, :, None, None], (x - left)[:, None, :, None]
    upper = torch.lerp(flat[index(top, left)].float(), flat[index(top, left + 1)].float(), right)
    lower = torch.lerp(
        flat[index(top + 1, left)].float(), flat[index(top + 1, left + 1)].float(), right
    )
    nearest = index(near_y, near_x)
    masks = stack.masks.flatten(0, 2)[nearest].long()
    masks = masks.masked_fill(~inside[(..., *(None,) * (masks.ndim - 3))], VOID)
    maps = {
        name: kept.view(-1, kept.shape[-1])[nearest].float() * inside[..., None]
        for name, kept in stack.maps.items()
    }
    for name in maps:
        if MAPS[name].in_pixels:
            maps[name] *= crops.scale[:, None, None, None]
    instances = None
    if stack.instances is not None:
        instances = stack.instances.view(-1)[nearest].long().masked_fill(~inside, 0)
    return Crop(torch.lerp(upper, lower, down), masks, inside, maps, instances)


def _coordinates(length: int, start: Tensor, scale: Tensor, flip: Tensor) -> Tensor:
    """Coordinates (B, length) in the unscaled image of the pixel centres of a crop's side."""
    steps = torch.arange(length, device=start.device, dtype=start.dtype)
    mirrored = torch.where(flip[:, None] > 0, (length - 1) - steps, steps)
    return (mirrored + start[:, None] + 0.5) / scale[:, None] - 0.5


def jitter(pixels: Tensor, strength: float, draws: Tensor, images: ImageFormat = RGB) -> Tensor:
    """Change brightness, contrast and saturation by factors in 1 +- ``strength``.

    Args:
        pixels: Float (B, h, w, 3) in 0..255; or all bands of images that are no RGB, whose grey is the
            mean of the bands, and whose values may leave the range they came in.
        strength: In 0..1.
        draws: Uniform draws (B, 3) in [0, 1).
        images: What they are.

    Returns:
        As ``pixels``. The released augmentation also shifts hue, which few datasets gain from.
    """
    factors = 1 + strength * (2 * draws - 1)
    brightness, contrast, saturation = factors[:, :, None, None, None].unbind(1)
    pixels = pixels * brightness
    coloured = images == RGB
    weights = GREY if coloured else (1 / images.bands,) * images.bands
    grey = (pixels * pixels.new_tensor(weights)).sum(-1, keepdim=True)
    level = grey.mean((1, 2), keepdim=True)
    pixels = grey + (pixels - grey) * saturation
    changed = level + (pixels - level) * contrast
    return changed.clamp(0, 255) if coloured else changed
