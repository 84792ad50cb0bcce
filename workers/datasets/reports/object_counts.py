"""What a dataset's report tells of its objects: how many, how small, how close, and which are lost."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np
from pydantic import ConfigDict

from workers.datasets.dataset import Lost, Objects
from workers.datasets.instances import touching
from workers.tasks.described import Described


class InstanceCounts(Described):
    """The objects of a dataset in numbers, as its samples are read: after any resizing.

    Attributes:
        objects: How many there are in all splits.
        median: Median number of objects of an image.
        most: The largest.
        smallest: Pixels of the smallest object; 0 where there is none.
        touching: Share of the objects that have a pixel beside one of another object, diagonals
            included, in 0..1.
        vanished: Objects that resizing left no pixel of.
        hidden: Objects without a pixel of their own before it.
        overlapping: Pixels that several objects claim in the files; they are the last one's.
        disputed: Pixels that are void since two files disagree on them.
    """

    model_config = ConfigDict(frozen=True)

    objects: int
    median: float
    most: int
    smallest: int
    touching: float
    vanished: int = 0
    hidden: int = 0
    overlapping: int = 0
    disputed: int = 0


class ObjectCount(NamedTuple):
    """The objects of one sample.

    Attributes:
        objects: How many.
        smallest: Pixels of the smallest; None where there is none.
        touching: How many touch another one.
        lost: What the sample does not show.
    """

    objects: int
    smallest: int | None
    touching: int
    lost: Lost


def count_objects(instances: Objects, lost: Lost) -> ObjectCount:
    """Count the objects of one sample."""
    sizes = np.bincount(instances.ravel(), minlength=1)[1:]
    smallest = int(sizes.min()) if len(sizes) else None
    return ObjectCount(len(sizes), smallest, touching(instances), lost)


def summary(counts: Sequence[ObjectCount]) -> InstanceCounts:
    """Put the counts of all samples together, of one at least."""
    objects = sum(count.objects for count in counts)
    lost = {name: sum(getattr(count.lost, name) for count in counts) for name in Lost._fields}
    return InstanceCounts(
        objects=objects,
        median=float(median(count.objects for count in counts)),
        most=max(count.objects for count in counts),
        smallest=min((count.smallest for count in counts if count.smallest), default=0),
        touching=sum(count.touching for count in counts) / max(objects, 1),
        **lost,
    )


def told(counts: InstanceCounts) -> Iterator[str]:
    """The remarks of a report, in plain sentences."""
    if counts.vanished:
        yield (
            f"{counts.vanished} of {counts.objects + counts.vanished} objects vanish in resizing: no "
            "pixel of them is left. A larger 'size' keeps more."
        )
    if counts.hidden:
        yield (
            f"{counts.hidden} objects of the files have no pixel of their own: others cover them, or "
            "their pixels are void."
        )
    if counts.overlapping:
        yield f"{counts.overlapping} pixels belong to several objects; the later object has them."
    if counts.disputed:
        yield f"{counts.disputed} pixels are void: the files of classes and of objects disagree."
