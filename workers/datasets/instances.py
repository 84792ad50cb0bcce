"""Maps of objects: their numbers, which of them touch, and the borders that tell nuclei apart."""

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from workers.datasets.dataset import Objects, Pixels

Instances = NDArray[np.integer]

CLASSES = ("background", "nucleus", "border")
BACKGROUND, NUCLEUS, BORDER = range(3)


def numbered(objects: Instances) -> Objects:
    """Number the objects of a map anew: 1..K without gaps, in the order of their numbers.

    Args:
        objects: Integers (H, W) from 0 on, 0 = no object; the memory follows the largest.
    """
    present = np.bincount(objects.ravel(), minlength=1) > 0
    present[0] = False
    numbers = np.where(present, np.cumsum(present), 0).astype(np.int32)
    return numbers[objects]


def of_things(objects: Instances, mask: Pixels, things: Sequence[int]) -> Objects:
    """Keep of a map of objects what lies on things, and number it anew.

    Args:
        objects: See :func:`numbered`.
        mask: uint8 (H, W), void = 255.
        things: Labels whose pixels may belong to objects.
    """
    thing = np.zeros(256, dtype=bool)
    thing[list(things)] = True
    return numbered(np.where(thing[mask], objects, 0))


def touching(objects: Objects) -> int:
    """How many objects have a pixel beside one of another object, diagonals included.

    Args:
        objects: (H, W), 1..K, 0 = no object.
    """
    pairs = (
        (objects[1:], objects[:-1]),
        (objects[:, 1:], objects[:, :-1]),
        (objects[1:, 1:], objects[:-1, :-1]),
        (objects[1:, :-1], objects[:-1, 1:]),
    )
    found: set[int] = set()
    for one, other in pairs:
        meet = (one != other) & (one > 0) & (other > 0)
        found.update(one[meet].tolist(), other[meet].tolist())
    return len(found)


def border_classes(instances: Instances, width: int) -> Pixels:
    """Classes of a label image of instances.

    A pixel of an instance is border where a pixel of another instance, or of the background, lies
    within ``width`` pixels of it along rows, columns and diagonals (Chebyshev distance); the other
    pixels of instances are nucleus. So touching instances are parted by a border of ``width``
    pixels on either side, border and nucleus together are exactly the annotated foreground, an
    instance no wider than ``2 * width`` is all border, and the image's own edge is no border.

    This is the inner boundary of Caicedo et al. (Cytometry A, 2019), who draw it around every
    nucleus too.

    Args:
        instances: Integer (H, W), 0 = background, every other value one instance.
        width: In pixels, at least 1.

    Returns:
        uint8 (H, W) of 0 = background, 1 = nucleus, 2 = border.
    """
    padded = np.pad(instances, width, mode="edge")  # repeats pixels that the window holds anyway
    alone = _slide(np.minimum, padded, width) == _slide(np.maximum, padded, width)
    classes = np.where(alone, NUCLEUS, BORDER)
    return np.where(instances == 0, BACKGROUND, classes).astype(np.uint8)


def _slide(extreme: np.ufunc, padded: Instances, width: int) -> Instances:
    """The extreme of each pixel's window, first over rows, then over columns."""
    height, length = padded.shape[0] - 2 * width, padded.shape[1] - 2 * width
    steps = range(2 * width + 1)
    rows: Instances = reduce(extreme, [padded[step : step + height] for step in steps])
    windows: Instances = reduce(extreme, [rows[:, step : step + length] for step in steps])
    return windows
