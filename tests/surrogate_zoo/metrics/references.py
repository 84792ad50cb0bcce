"""Every metric once more, in plain NumPy and from its definition: one row a metric."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tests.surrogate_zoo.batches import VOID

Labels = NDArray[np.integer]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Pixels = NDArray[np.bool_]


@dataclass(frozen=True)
class Masks:
    """Labels (N, H, W), or of volumes, predicted and true, void 255 in the latter; a metric's options."""

    pred: Labels
    target: Labels
    classes: int
    tolerance: int
    exclude_background: bool = False

    @cached_property
    def confusion(self) -> Counts:
        """Valid pixels by true and predicted class."""
        return confusion(self.pred, self.target, self.classes)

    @property
    def hits(self) -> Counts:
        return self.confusion.diagonal()

    @property
    def true(self) -> Counts:
        return pixels(self.confusion, 1)

    @property
    def predicted(self) -> Counts:
        return pixels(self.confusion, 0)

    @property
    def seen(self) -> Pixels:
        """Classes that occur in prediction or target."""
        return self.true + self.predicted > 0

    @property
    def foreground(self) -> slice:
        return slice(int(self.exclude_background), None)


def confusion(pred: Labels, target: Labels, classes: int) -> Counts:
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (target[target != VOID], pred[target != VOID]), 1)
    return counts


def pixels(counts: Counts, axis: int) -> Counts:
    """Pixels by class, true ones along the rows' axis 1 and predicted ones along axis 0."""
    summed: Counts = counts.sum(axis)
    return summed


def iou(counts: Counts) -> Floats:
    """IoU by class; NaN where a class does not occur."""
    either = pixels(counts, 0) + pixels(counts, 1) - counts.diagonal()
    return counts.diagonal() / np.where(either > 0, either, np.nan)


def edges(mask: Pixels, void: Pixels) -> Pixels:
    """Pixels of the mask with a valid neighbour that is not of it."""
    padded, seen = np.pad(mask, 1, constant_values=True), np.pad(~void, 1, constant_values=False)
    edge = np.zeros_like(mask)
    for place in map(tuple, np.argwhere(mask & ~void)):
        window = tuple(slice(start, start + 3) for start in place)
        edge[place] = (seen[window] & ~padded[window]).any()
    return edge


def per_class(of: Masks, image: int) -> list[tuple[Pixels, Pixels, Pixels]]:
    """Valid predicted and true pixels of every class in one image, and its void pixels."""
    pred, target = of.pred[image], of.target[image]
    void = target == VOID
    return [((pred == c) & ~void, target == c, void) for c in range(of.classes)]


def near(edge: Pixels, tolerance: int) -> Pixels:
    return ndimage.binary_dilation(edge, np.ones((2 * tolerance + 1,) * edge.ndim, bool))


def trimap_iou(of: Masks) -> float:
    inside = of.target.copy()
    for image, target in enumerate(inside):
        band = np.zeros(target.shape, bool)
        for _, true, void in per_class(of, image)[of.foreground]:
            band |= near(edges(true, void), of.tolerance)
        target[~band] = VOID
    return float(np.nanmean(iou(confusion(of.pred, inside, of.classes))))


def boundary_f1(of: Masks) -> float:
    counts = np.zeros((of.classes, 4))
    for image in range(len(of.pred)):
        for c, (pred, target, void) in enumerate(per_class(of, image)):
            predicted, true = edges(pred, void), edges(target, void)
            matched = predicted & near(true, of.tolerance)
            recovered = true & near(predicted, of.tolerance)
            counts[c] += [matched.sum(), predicted.sum(), recovered.sum(), true.sum()]
    hits, positives, recalled, relevant = counts[of.foreground].T
    with np.errstate(invalid="ignore"):
        precision, recall = hits / positives, recalled / relevant
        f1 = np.nan_to_num(2 * precision * recall / (precision + recall))
    return float(f1[positives + relevant > 0].mean())


def rim(mask: Pixels, void: Pixels, distance: int) -> Pixels:
    """The mask less what is left of it after so many 3x3 erosions; there is nothing outside."""
    padded = np.pad(mask | void, 1)
    square = np.ones((3,) * mask.ndim, bool)
    left: Pixels = ndimage.binary_erosion(padded, square, iterations=distance, border_value=1)
    return mask & ~left[(slice(1, -1),) * mask.ndim]


def boundary_iou(of: Masks) -> float:
    both, either = np.zeros(of.classes), np.zeros(of.classes)
    for image in range(len(of.pred)):
        for c, (pred, target, void) in enumerate(per_class(of, image)):
            predicted, true = (rim(mask, void, max(of.tolerance, 1)) for mask in (pred, target))
            both[c] += (predicted & true).sum()
            either[c] += (predicted | true).sum()
    return float(np.nanmean((both / np.where(either > 0, either, np.nan))[of.foreground]))


def per_image_iou(of: Masks) -> float:
    scores = []
    for pred, target in zip(of.pred, of.target, strict=True):
        counts = confusion(pred, target, of.classes)
        if counts.any():
            scores.append(iou(counts)[counts.sum(1) > 0].mean())
    return float(np.mean(scores))


def f_beta(of: Masks, beta: float) -> float:
    with np.errstate(invalid="ignore"):
        precision, recall = of.hits / of.predicted, of.hits / of.true
        score = (1 + beta**2) * precision * recall / (beta**2 * precision + recall)
    return float(np.nan_to_num(score)[of.seen].mean())  # 0 where there is no hit


def kappa(of: Masks) -> float:
    shares = of.confusion / of.confusion.sum()
    by_chance = (shares.sum(0) * shares.sum(1)).sum()
    return float((shares.trace() - by_chance) / (1 - by_chance))


def weighted(scores: Floats, weights: NDArray[Any]) -> float:
    occurs = np.isfinite(weights) & (weights > 0)
    return float(np.average(scores[occurs], weights=weights[occurs]))


def inverse(counts: Counts) -> Floats:
    return 1 / np.where(counts > 0, counts, np.inf)


REFERENCES: dict[str, Callable[[Masks], float]] = {
    "miou": lambda of: float(np.nanmean(iou(of.confusion))),
    "fwiou": lambda of: weighted(iou(of.confusion), of.true),
    "biou": trimap_iou,
    "bf1": boundary_f1,
    "macc": lambda of: float((of.hits[of.true > 0] / of.true[of.true > 0]).mean()),
    "gacc": lambda of: float(of.hits.sum() / of.true.sum()),
    "precision": lambda of: float((of.hits / np.maximum(of.predicted, 1))[of.seen].mean()),
    "dice": lambda of: float((2 * of.hits / (of.predicted + of.true).clip(1))[of.seen].mean()),
    "f2": lambda of: f_beta(of, 2),
    "kappa": kappa,
    "cwiou": lambda of: weighted(iou(of.confusion), inverse(of.true)),
    "miou-per-image": per_image_iou,
    "boundary-iou": boundary_iou,
}
"""The exact metric by name, on masks that hold something to measure."""
