"""One image as one table: how many pixels every true and every predicted object have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from surrogate_zoo.errors import InputError

Whole: TypeAlias = Tensor | NDArray[np.integer[Any]] | Sequence[int]
Real: TypeAlias = Tensor | NDArray[np.floating[Any]] | Sequence[float]
Counts: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Prediction:
    """What was predicted in one image.

    Attributes:
        objects: (H, W), 0 = none, k >= 1 the object whose class and confidence stand at k - 1.
        labels: (K,) class of each.
        confidences: (K,) how sure each is.
    """

    objects: Counts
    labels: Counts
    confidences: NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """Contingency of T true and P predicted objects of one image, and what else the scores need.

    Predicted objects without a pixel are left out.

    Attributes:
        overlaps: (T, P) pixels in common; none of them is void.
        true_pixels: (T,).
        true_labels: (T,) class of each true object.
        pixels: (P,) of each predicted object, void ones included.
        void: (P,) pixels of each predicted object that are void.
        labels: (P,) class of each predicted object.
        confidences: (P,).
        valid: Pixels of the image that are not void.
    """

    overlaps: Counts
    true_pixels: Counts
    true_labels: Counts
    pixels: Counts
    void: Counts
    labels: Counts
    confidences: NDArray[np.float64]
    valid: int

    @property
    def same_class(self) -> NDArray[np.bool_]:
        """(T, P) whether both are of one class."""
        same: NDArray[np.bool_] = self.true_labels[:, None] == self.labels
        return same

    def iou(self, *, without_void: bool) -> NDArray[np.float64]:
        """(T, P) intersection over union, 0 of different classes.

        ``without_void`` leaves void pixels out of the union.
        """
        pixels = self.pixels - self.void if without_void else self.pixels
        union = self.true_pixels[:, None] + pixels - self.overlaps
        ratio: NDArray[np.float64] = self.overlaps * self.same_class / union
        return ratio


IMAGE, LIST = (2, 3), (1,)
"""Dimensions that a map of objects may have, of an image or of a volume, and a list of labels."""


def whole_numbers(name: str, values: Whole, dimensions: tuple[int, ...] = IMAGE) -> Counts:
    """Integers of any kind as int64 on the CPU.

    Raises:
        InputError: They are no integers, or have another number of dimensions.
    """
    array = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
    if array.ndim not in dimensions or (array.size and array.dtype.kind not in "iu"):
        shape = "(K,)" if dimensions == LIST else "(H, W), or (D, H, W) of a volume"
        raise InputError(
            f"{name} must be integers of shape {shape}, not {array.dtype} {array.shape}."
        )
    return array.astype(np.int64)


def checked_prediction(
    predicted: Whole, labels: Whole, confidences: Real, things: Counts
) -> Prediction:
    """Check what was predicted in an image.

    Raises:
        InputError: Shapes or kinds of numbers are wrong, an object has no label, or a label is no class
            with objects.
    """
    objects, classes = (
        whole_numbers("predicted", predicted),
        whole_numbers("labels", labels, LIST),
    )
    sure = confidences.detach().cpu() if isinstance(confidences, Tensor) else confidences
    certainty = np.asarray(sure, dtype=np.float64)
    if certainty.shape != classes.shape or not np.isfinite(certainty).all():
        raise InputError(
            f"confidences must be one finite number for each of the {len(classes)} labels."
        )
    if objects.size and not 0 <= objects.min() <= objects.max() <= len(classes):
        raise InputError(
            f"predicted holds the object {_outside(objects, len(classes))}; with {len(classes)} "
            f"labels objects are 1..{len(classes)}, and 0 is none."
        )
    unknown = classes[~np.isin(classes, things)]
    if unknown.size:
        raise InputError(
            f"labels holds the class {unknown[0]}; the classes that have objects are "
            f"{', '.join(map(str, things))}."
        )
    return Prediction(objects, classes, certainty)


def _outside(objects: Counts, most: int) -> int:
    return int(objects[(objects < 0) | (objects > most)][0])


def tabulate(
    prediction: Prediction,
    target_instances: Counts,
    target: Counts,
    things: Counts,
    ignore_index: int,
) -> Table:
    """Count the pixels of every pair of a true and a predicted object.

    A pixel is void where ``target`` is, and where it has a class with objects but no object: a group.

    Args:
        prediction: What was predicted.
        target_instances: (H, W), or (D, H, W), 0 = none, any k >= 1 one object.
        target: Classes, likewise.
        things: Classes that have objects.
        ignore_index: The label of void pixels.

    Raises:
        InputError: Shapes differ, or an object has no class, several, or one that has no objects.
    """
    if not prediction.objects.shape == target_instances.shape == target.shape:
        raise InputError(
            f"predicted {prediction.objects.shape}, target_instances {target_instances.shape} and target "
            f"{target.shape} differ in shape."
        )
    void = (target == ignore_index) | ((target_instances == 0) & np.isin(target, things))
    numbers, true_labels = _numbered(np.where(void, 0, target_instances), target, things)
    rows, columns = len(true_labels) + 2, len(prediction.labels) + 1  # no object, objects, void
    pairs = np.where(void, rows - 1, numbers) * columns + prediction.objects
    table = np.bincount(pairs.ravel(), minlength=rows * columns).reshape(rows, columns)
    seen = table[:, 1:].sum(0) > 0
    return Table(
        overlaps=table[1:-1, 1:][:, seen],
        true_pixels=table[1:-1].sum(1),
        true_labels=true_labels,
        pixels=table[:, 1:].sum(0)[seen],
        void=table[-1, 1:][seen],
        labels=prediction.labels[seen],
        confidences=prediction.confidences[seen],
        valid=int(table[:-1].sum()),
    )


def _numbered(objects: Counts, target: Counts, things: Counts) -> tuple[Counts, Counts]:
    """Number objects 1..T without gaps, 0 stays; and give the class of each."""
    names = np.union1d(objects, 0)
    if names[0] < 0:
        raise InputError(
            f"target_instances holds {names[0]}; objects are 1, 2, ..., and 0 is none."
        )
    numbers = np.searchsorted(names, objects)
    labels = np.zeros(len(names), dtype=np.int64)
    labels[numbers] = target
    mixed = (labels[numbers] != target) & (objects > 0)
    if mixed.any():
        name = objects[mixed][0]
        raise InputError(
            f"The object {name} of target_instances has pixels of several classes "
            f"({', '.join(map(str, np.unique(target[objects == name])))}); an object has one class."
        )
    for name, label in zip(names[1:], labels[1:], strict=True):
        if label not in things:
            raise InputError(
                f"The object {name} of target_instances has the class {label}; the classes that have "
                f"objects are {', '.join(map(str, things))}."
            )
    return numbers, labels[1:]
