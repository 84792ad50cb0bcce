"""The generated dataset: textured overlapping shapes under noise, two of them rare and thin.

Pixels come from integers alone (fixed-point geometry, integer noise), so the same seed gives the
same bytes on every machine, whatever its vector units round. Each image has its own generator,
seeded by (seed, split, index): an image does not change when a split grows.

Colours of the classes overlap on purpose. Where shape and texture leave a doubt, cross entropy
takes the frequent class, so the rare thin ones (ring, wire) pull its class-mean accuracy and
boundary scores clearly below what a loss for those metrics reaches.
"""

import hashlib
import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from surrogate_zoo.modes import BINARY, MULTICLASS, MULTILABEL
from workers.datasets.dataset import VOID, Dataset, Pixels, Sample
from workers.datasets.instances import of_things
from workers.tasks.datasets import GeneratedSource

Grid = NDArray[np.int64]
Region = NDArray[np.bool_]

CLASSES = ("ground", "disc", "box", "wedge", "ring", "wire")
THINGS = tuple(range(1, len(CLASSES)))
OF_MODE: Mapping[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    MULTICLASS: (CLASSES, THINGS),
    BINARY: (("ground", "shape"), (1,)),
    MULTILABEL: (CLASSES[1:], ()),
}
"""Mode -> class names, and the labels whose objects are told apart."""

SPLITS = ("train", "val", "test")
UNIT = 16  # fixed-point steps a pixel
TURN = 1024  # fixed-point one of sines and cosines

# Drawn class of a shape: index into CLASSES; thin ones are rare.
SHAPE_WEIGHTS = (0, 34, 32, 20, 8, 6)
COLOURS = np.array(
    [
        (112, 116, 104),
        (140, 108, 98),
        (98, 112, 140),
        (122, 132, 92),
        (132, 104, 108),
        (84, 92, 92),
    ],
    dtype=np.int64,
)


def _disc(u: Grid, v: Grid, a: int, b: int, width: int) -> Region:  # noqa: ARG001
    distance: Grid = (u * b) ** 2 + (v * a) ** 2
    return distance <= (a * b) ** 2


def _box(u: Grid, v: Grid, a: int, b: int, width: int) -> Region:  # noqa: ARG001
    return (np.abs(u) <= a) & (np.abs(v) <= b)


def _wedge(u: Grid, v: Grid, a: int, b: int, width: int) -> Region:  # noqa: ARG001
    return (v >= -b) & (2 * b * np.abs(u) <= a * (b - v))


def _ring(u: Grid, v: Grid, a: int, b: int, width: int) -> Region:  # noqa: ARG001
    distance: Grid = u**2 + v**2
    hole = max(a - width, 0)
    region: Region = (distance <= a * a) & (distance >= hole * hole)
    return region


def _wire(u: Grid, v: Grid, a: int, b: int, width: int) -> Region:
    curve: Grid = u**2 // (4 * b)
    region: Region = (np.abs(v - curve) <= width // 2) & (np.abs(u) <= 2 * a)
    return region


OUTLINES: Mapping[str, Callable[[Grid, Grid, int, int, int], Region]] = {
    "disc": _disc,
    "box": _box,
    "wedge": _wedge,
    "ring": _ring,
    "wire": _wire,
}


def _texture(label: int, u: Grid, v: Grid, phase: int) -> Grid:
    """Brightness pattern of a class, in -16..16, fixed to the shape's own axes."""
    u, v = (u // UNIT) + phase, (v // UNIT) + phase
    match CLASSES[label]:
        case "disc" | "ring":
            return np.where(((u // 2) + (v // 2)) % 2 == 0, 12, -12)
        case "box":
            return np.where((v // 2) % 2 == 0, 14, -14)
        case "wedge":
            return np.where((u % 4 < 2) & (v % 4 < 2), 16, -5)
        case _:
            return np.where(((u // 5) + (v // 7)) % 2 == 0, 6, -6)


def _noise(random: Generator, shape: tuple[int, ...], spread: int) -> Grid:
    """Integer noise, the sum of three uniform draws in -spread..spread."""
    draws = random.integers(-spread, spread, size=(3, *shape), endpoint=True)
    return np.asarray(draws.sum(axis=0), dtype=np.int64)


def _axes(random: Generator, height: int, width: int) -> tuple[Grid, Grid]:
    """Coordinates (u, v), in steps of 1/16 pixel, along the axes of a shape set down at random."""
    angle = 2 * math.pi * int(random.integers(360)) / 360
    cosine, sine = round(TURN * math.cos(angle)), round(TURN * math.sin(angle))
    y = UNIT * (np.arange(height, dtype=np.int64) - random.integers(height))[:, None]
    x = UNIT * (np.arange(width, dtype=np.int64) - random.integers(width))[None, :]
    return (x * cosine + y * sine) // TURN, (y * cosine - x * sine) // TURN


def _grow(region: Region) -> Region:
    """Dilate by one pixel in the four directions."""
    grown = region.copy()
    grown[1:] |= region[:-1]
    grown[:-1] |= region[1:]
    grown[:, 1:] |= region[:, :-1]
    grown[:, :-1] |= region[:, 1:]
    return grown


def draw(random: Generator, height: int, width: int, channels: Pixels | None = None) -> Sample:
    """Draw one image with its mask, and number what is visible of each shape.

    Args:
        random: Draws it; channels change nothing of what it draws.
        height: Height in pixels.
        width: Width in pixels.
        channels: uint8 (height, width, shapes), 0; is given what each shape is of, whatever lies over it.
    """
    u, v = _axes(random, height, width)
    mask = np.zeros((height, width), dtype=np.uint8)
    shapes = np.zeros((height, width), dtype=np.int32)
    image = COLOURS[0] + _noise(random, (3,), 8) + _texture(0, u, v, 0)[..., None]
    reach = UNIT * min(height, width)
    weights = np.cumsum(SHAPE_WEIGHTS)
    for number in range(1, 1 + int(random.integers(5, 10))):
        label = int(np.searchsorted(weights, random.integers(weights[-1]), side="right"))
        u, v = _axes(random, height, width)
        a, b = (int(side) for side in random.integers(reach // 10, reach // 4, size=2))
        thickness = max(reach // 28, UNIT * 3 // 2)
        region = OUTLINES[CLASSES[label]](u, v, a, b, thickness)
        paint = COLOURS[label] + _noise(random, (3,), 10)
        texture = _texture(label, u, v, int(random.integers(4)))
        image[region] = paint + texture[region][:, None]
        # A third of the shapes have a void outline, drawn outside so that thin ones survive.
        outlined = random.integers(3) == 0
        if outlined:
            mask[_grow(region)] = VOID
        mask[region], shapes[region] = label, number
        if channels is not None:
            own = channels[..., label - 1]
            own[_grow(region) & (own == 0) & outlined] = VOID
            own[region] = 1
    slope = random.integers(-24, 24, size=2, endpoint=True)
    rows = np.arange(height, dtype=np.int64)[:, None] * slope[0] // height
    columns = np.arange(width, dtype=np.int64)[None, :] * slope[1] // width
    image = image + (rows + columns)[..., None] + _noise(random, (height, width, 3), 20)
    return Sample(np.clip(image, 0, 255).astype(np.uint8), mask, of_things(shapes, mask, THINGS))


class ShapesDataset(Dataset):
    """The generated dataset of a :class:`GeneratedSource`; draws an image when it is read."""

    def __init__(self, source: GeneratedSource) -> None:
        self.source = source
        self.mode = source.mode
        self.classes, self.things = OF_MODE[source.mode]
        self.splits = {
            split: tuple(f"{split}-{index:05d}" for index in range(getattr(source, split)))
            for split in SPLITS
        }

    def sample(self, split: str, index: int) -> Sample:
        """Draw sample ``index`` of ``split`` from its own generator."""
        random = np.random.Generator(
            np.random.PCG64([self.source.seed, SPLITS.index(split), index])
        )
        size = (self.source.height, self.source.width)
        if self.mode == MULTILABEL:
            channels = np.zeros((*size, len(self.classes)), dtype=np.uint8)
            return draw(random, *size, channels)._replace(mask=channels, instances=None)
        sample = draw(random, *size)
        if self.mode == BINARY:
            sample.mask[(sample.mask > 0) & (sample.mask != VOID)] = 1
        return sample

    def digest(self, split: str, index: int) -> bytes:
        """SHA-256 of the drawn bytes; what is drawn has the shapes' numbers too."""
        drawn = self.sample(split, index)
        return hashlib.sha256(drawn.image.tobytes() + drawn.mask.tobytes()).digest()
