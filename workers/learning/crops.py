"""Crops of images of any sizes: where they lie, what is seen there, and how colours change.

Pixels are gathered straight from the store, from images of all sizes together, so the work follows the size
of the crop and not of the image.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from surrogate_zoo.losses.distance_maps import MAPS
from workers.datasets.dataset import VOID
from workers.learning.image_stack import PixelStore, Stack
from workers.networks.image_format import constants
from workers.tasks.images import RGB, ImageFormat
from workers.tasks.training import TrainingSpec

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


class Crop(NamedTuple):
    """Samples as they were gathered from a store.

    Attributes:
        pixels: float32 (B, h, w, bands), in 0..255 where they are RGB.
        masks: int64 (B, h, w), or (B, h, w, C) of a multi-label; void outside.
        inside: bool (B, h, w), False where the crop reaches beyond its image.
        maps: Distance maps by name, float32 (B, h, w, K), 0 outside.
        instances: int64 (B, h, w), 0 outside; None where the store has none.
    """

    pixels: Tensor
    masks: Tensor
    inside: Tensor
    maps: dict[str, Tensor]
    instances: Tensor | None = None


class Sites(NamedTuple):
    """Where the pixels of B crops lie in a store; of S steps, all have S before B.

    Attributes:
        rows: int64 (B, 3, h): pixels that a row of the crop begins at in the store: of the image's row
            above the point, of that below, and of the nearest.
        columns: int64 (B, 3, w): what to add for a column of the crop, likewise.
        down: float32 (B, h), how far the point lies between the two rows, 0 to 1.
        right: float32 (B, w), likewise between the two columns.
        row_inside: bool (B, h), whether the nearest row is one of the image.
        column_inside: bool (B, w), likewise.
        scale: float32 (B,), factor that the image is scaled by.
    """

    rows: Tensor
    columns: Tensor
    down: Tensor
    right: Tensor
    row_inside: Tensor
    column_inside: Tensor
    scale: Tensor


def place_crops(sizes: Tensor, training: TrainingSpec, draws: Tensor) -> Crops:
    """Place a crop in images of any sizes, int64 (B, 2), by uniform draws (B, 7) in [0, 1).

    Offsets are whole pixels of the scaled image; an image smaller than the crop lies at a random
    place within it. The scale is uniform in its range, as in the released proxy task, where an image
    of factor 1 has a short side of 128 pixels (``short_side``).
    """
    augmentation = training.augmentation
    low, high = augmentation.scale
    scale = low + (high - low) * draws[:, 0]
    if augmentation.short_side is not None:
        scale = scale * (augmentation.short_side / sizes.amin(1))

    def offset(sides: Tensor, crop: int, draw: Tensor) -> Tensor:
        room = torch.round(sides * scale) - crop
        return torch.floor(draw * (room.abs() + 1)) * room.sign()

    return Crops(
        scale=scale,
        top=offset(sizes[:, 0], training.crop[0], draws[:, 1]),
        left=offset(sizes[:, 1], training.crop[1], draws[:, 2]),
        flip=(draws[:, 3] < training.augmentation.flip).to(draws.dtype),
    )


def gather(stack: Stack, rows: Tensor, crops: Crops, crop: tuple[int, int]) -> Crop:
    """Resample crops from the images ``rows``, int64 (B,), of a stack; see :func:`sample`."""
    height, width = stack.size
    sizes = torch.tensor([stack.size]).to(rows.device).expand(len(rows), 2)
    return sample(stack.store, sites_of(stack.start + rows * (height * width), sizes, crops, crop))


def sites_of(starts: Tensor, sizes: Tensor, crops: Crops, crop: tuple[int, int]) -> Sites:
    """Where the pixels of B crops lie.

    Args:
        starts: First pixel of each crop's image in the store, int64 (B,).
        sizes: Its (H, W), int64 (B, 2).
        crops: Where the crop lies in it.
        crop: (h, w).
    """
    height, width = sizes[:, :1, None], sizes[:, 1:, None]
    y = _coordinates(crop[0], crops.top, crops.scale, torch.zeros_like(crops.flip))
    x = _coordinates(crop[1], crops.left, crops.scale, crops.flip)
    top, left = torch.floor(y), torch.floor(x)
    near_y, near_x = torch.floor(y + 0.5), torch.floor(x + 0.5)
    rows = torch.stack([top, top + 1, near_y], 1).clamp(min=0).minimum(height - 1).long()
    columns = torch.stack([left, left + 1, near_x], 1).clamp(min=0).minimum(width - 1).long()
    return Sites(
        rows=starts[:, None, None] + rows * width,
        columns=columns,
        down=y - top,
        right=x - left,
        row_inside=(near_y >= 0) & (near_y < height[..., 0]),
        column_inside=(near_x >= 0) & (near_x < width[..., 0]),
        scale=crops.scale,
    )


def sample(store: PixelStore, sites: Sites) -> Crop:
    """Resample crops from a store: bilinear for images, nearest for everything else.

    Shrinking does not smooth first, as the released augmentation (OpenCV's bilinear) does not.
    """
    rows, columns = sites.rows[:, :, :, None], sites.columns[:, :, None, :]
    corners = store.images[rows[:, :2, None] + columns[:, None, :2]].float()
    right = sites.right[:, None, None, :, None]
    upper, lower = torch.lerp(corners[:, :, 0], corners[:, :, 1], right).unbind(1)
    nearest = rows[:, 2] + columns[:, 2]
    inside = sites.row_inside[:, :, None] & sites.column_inside[:, None, :]
    outside = ~inside
    instances = None
    if store.instances is not None:
        instances = store.instances[nearest].long().masked_fill(outside, 0)
    masks = store.masks[nearest].long()
    beyond = (
        outside if masks.ndim == outside.ndim else outside[..., None]
    )  # channels of a multi-label
    return Crop(
        torch.lerp(upper, lower, sites.down[:, :, None, None]),
        masks.masked_fill(beyond, VOID),
        inside,
        _sampled_maps(store.maps, nearest, inside, sites.scale),
        instances,
    )


def _sampled_maps(
    maps: Mapping[str, Tensor], nearest: Tensor, inside: Tensor, scale: Tensor
) -> dict[str, Tensor]:
    """Distance maps of crops; those that count in pixels grow with the scale."""
    sampled = {name: kept[nearest].float() * inside[..., None] for name, kept in maps.items()}
    for name in sampled:
        if MAPS[name].in_pixels:
            sampled[name] *= scale[:, None, None, None]
    return sampled


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
    grey = (pixels * constants(weights, pixels.device)).sum(-1, keepdim=True)
    level = grey.mean((1, 2), keepdim=True)
    pixels = grey + (pixels - grey) * saturation
    changed = level + (pixels - level) * contrast
    return changed.clamp(0, 255) if coloured else changed
