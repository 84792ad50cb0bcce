"""Bands of images that are no 8-bit RGB: their mean and deviation, and how they are shown."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from workers.datasets.dataset import Bands, Pixels
from workers.tasks.described import Described

Depth = Literal["uint8", "uint16", "float32"]

SHOWN = (2.0, 98.0)
"""Percentiles of an image's values that a picture of it shows as black and as white."""


class BandStatistics(Described):
    """What the bands of a dataset's images hold.

    Attributes:
        depth: What the values are stored as.
        mean: Of each band, over the pixels of the training split, as they are read.
        deviation: Standard deviation of each, likewise; 1 of a band that has one value alone.
        constant: Bands that have one value alone, counted from 1.
    """

    model_config = ConfigDict(frozen=True)

    depth: Depth
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    constant: tuple[int, ...] = ()


class BandSums(NamedTuple):
    """One image's part in the statistics; float64 (B,) each.

    Attributes:
        depth: What the values are stored as.
        pixels: Number of pixels.
        mean: Of each band.
        squares: Sum of the squared distances to it.
    """

    depth: Depth
    pixels: int
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]


def band_sums(image: Bands) -> BandSums:
    """Sum up an image (H, W, B)."""
    values = image.reshape(-1, image.shape[2]).astype(np.float64)
    mean = values.mean(axis=0)
    depth = cast("Depth", image.dtype.name)  # the three that images are decoded to
    return BandSums(depth, len(values), mean, ((values - mean) ** 2).sum(axis=0))


def statistics(images: Iterable[BandSums]) -> BandStatistics:
    """Mean and deviation over all pixels of at least one image (Chan et al., 1979: no large sums)."""
    first, *others = images
    pixels, mean, squares = first.pixels, first.mean, first.squares
    for one in others:
        apart, total = one.mean - mean, pixels + one.pixels
        squares = squares + one.squares + apart**2 * (pixels * one.pixels / total)
        mean = mean + apart * (one.pixels / total)
        pixels = total
    deviation = np.sqrt(squares / pixels)
    flat = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-30)
    return BandStatistics(
        depth=first.depth,
        mean=tuple(mean.tolist()),
        deviation=tuple(np.where(flat, 1.0, deviation).tolist()),
        constant=tuple((np.flatnonzero(flat) + 1).tolist()),
    )


def statistics_of(images: Sequence[Bands]) -> BandStatistics:
    """Mean and deviation of images (H, W, B), one at least."""
    return statistics(band_sums(image) for image in images)


def as_picture(image: Bands) -> Pixels:
    """uint8 (H, W, 3) to look at: RGB as it is, of others the first three bands, or the first as grey.

    Values are stretched between two percentiles of the image.
    """
    if image.dtype == np.uint8 and image.shape[2] == 3:
        return image
    shown = image[..., :3] if image.shape[2] >= 3 else image[..., [0, 0, 0]]
    low, high = np.percentile(shown, SHOWN) if image.dtype != np.uint8 else (0.0, 255.0)
    stretched = (shown.astype(np.float64) - low) / max(high - low, 1e-12)
    return np.round(255 * stretched.clip(0, 1)).astype(np.uint8)
