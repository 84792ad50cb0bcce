"""Images with true and predicted objects, drawn at random or taken from real masks."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from surrogate_zoo import InstanceEvaluator

VOID = 255
THINGS = (1, 2)
STUFF = 3


class Scene(NamedTuple):
    """What ``InstanceEvaluator.update`` takes, in its order."""

    predicted: NDArray[np.int64]
    labels: NDArray[np.int64]
    confidences: NDArray[np.float64]
    instances: NDArray[np.int64]
    target: NDArray[np.int64]


def evaluated(scenes: Iterable[Scene], evaluator: InstanceEvaluator) -> InstanceEvaluator:
    """The evaluator, having seen all scenes."""
    for scene in scenes:
        evaluator.update(*scene)
    return evaluator


def disks(rng: np.random.Generator, side: int, count: int) -> NDArray[np.int64]:
    """(side, side) overlapping disks numbered from 1, later ones on top, some hidden wholly."""
    rows, columns = np.mgrid[:side, :side]
    drawn = np.zeros((side, side), dtype=np.int64)
    for number in range(1, count + 1):
        row, column = rng.integers(side, size=2)
        radius = rng.integers(3, side // 6)
        drawn[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = number
    return drawn


def spoiled(rng: np.random.Generator, objects: NDArray[np.int64]) -> NDArray[np.int64]:
    """Objects shifted, some lost, halved, joined with another one; and invented ones on top."""
    changed = np.roll(objects, rng.integers(-1, 2, size=2), (0, 1))
    most = int(objects.max())
    for number in range(1, most + 1):
        here = changed == number
        fate = rng.random()
        if fate < 0.1:
            changed[here] = 0
        elif fate < 0.2:
            changed[here & (np.arange(here.shape[1]) % 2 == 0)] = most + number
        elif fate < 0.25:
            changed[here] = rng.integers(1, most + 1)
        elif fate < 0.6:
            changed[here & ~ndimage.binary_erosion(here)] = 0
    invented = disks(rng, len(objects), 2)
    return np.where(invented > 0, invented + 2 * most, changed)


def scene(
    seed: int,
    *,
    side: int = 72,
    count: int = 12,
    things: tuple[int, ...] = THINGS,
    void: bool = True,
    exact: bool = False,
) -> Scene:
    """A random scene; confidences differ from each other, ``exact`` predicts the truth."""
    rng = np.random.default_rng(seed)
    instances = disks(rng, side, count)
    classes = np.append(0, rng.choice(things, size=count))
    target = classes[instances]
    target[(instances == 0) & (np.arange(side) < side // 3)] = STUFF
    predicted = instances if exact else spoiled(rng, instances)
    if void:
        hidden = np.isin(instances, rng.integers(1, count + 1, size=2))  # groups
        hidden |= disks(rng, side, 2) > 0
        instances, target = np.where(hidden, 0, instances), np.where(hidden, VOID, target)
    number = int(predicted.max())
    labels = rng.choice(things, size=number)
    true = rng.random(number) < (1 if exact else 0.85)
    labels[:count][true[:count]] = classes[1 : number + 1][true[:count]]
    return Scene(predicted, labels, rng.random(number), instances, target)


def from_objects(objects: NDArray[np.int64], seed: int) -> Scene:
    """True objects of class 1, and as a prediction the components of what erosion leaves of them."""
    inner, number = ndimage.label(ndimage.binary_erosion(objects > 0))
    confidences = np.random.default_rng(seed).random(number)
    labels = np.ones(number, dtype=np.int64)
    return Scene(
        inner.astype(np.int64), labels, confidences, objects, (objects > 0).astype(np.int64)
    )
