"""Which predicted objects meet a true one: after Cityscapes, after COCO, and for panoptic quality."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogate_zoo.metrics.instances.table import Table

Outcomes = NDArray[np.int8]
"""What became of predicted objects: RIGHT, WRONG or IGNORED, (P, 10), a column for every threshold."""

RIGHT, WRONG, IGNORED = 1, 0, -1

CITYSCAPES_IOU = np.arange(0.5, 1.0, 0.05)
"""Thresholds as released: some are a rounding error above the decimal number."""
COCO_IOU = np.linspace(0.5, 0.95, 10)


class Matches(NamedTuple):
    """Sums over the objects of one class in one image, those of panoptic quality."""

    iou: float
    met: int
    invented: int
    missed: int


def best_dice(table: Table) -> float:
    """Symmetric best Dice of an image: void pixels removed first, classes of no account.

    BD(a, b) is the mean over the objects of a of the Dice score with the object of b that suits best;
    the symmetric one is the smaller of BD(predicted, true) and BD(true, predicted). Without any object on
    either side it is 1, with objects on one side alone 0.
    """
    pixels = table.pixels - table.void
    there = pixels > 0
    true, predicted = len(table.true_pixels), int(there.sum())
    if not true or not predicted:
        return float(true == predicted)
    overlaps = table.overlaps[:, there]
    dice = 2 * overlaps / (table.true_pixels[:, None] + pixels[there])
    return float(min(dice.max(0).mean(), dice.max(1).mean()))


def cityscapes_outcomes(table: Table, min_pixels: int) -> Outcomes:
    """Outcomes at IoU > :data:`CITYSCAPES_IOU` with an object of the same class.

    Objects of fewer than ``min_pixels`` are ignored: who meets one is neither right nor wrong. Nor is
    who meets none but lies by more than the threshold in void pixels and ignored objects of its class.
    As the objects of an image do not overlap, no object is met twice at IoU > 0.5.
    """
    counted = table.true_pixels >= min_pixels
    met = table.iou(without_void=False)[:, :, None] > CITYSCAPES_IOU
    small = (table.overlaps * table.same_class)[~counted].sum(0)
    share: NDArray[np.float64] = (table.void + small) / table.pixels
    return _outcomes(
        np.logical_or.reduce(met[counted]),
        np.logical_or.reduce(met[~counted]) | (share[:, None] > CITYSCAPES_IOU),
    )


def coco_outcomes(table: Table) -> Outcomes:
    """Outcomes at IoU >= :data:`COCO_IOU` with an object of the same class.

    Void pixels are what a crowd is to COCO, for every class: who meets no object but lies in them by the
    threshold is ignored. An object counts for one predicted object, the most confident that meets it; at
    IoU of exactly 0.5 two can.
    """
    order = np.argsort(-table.confidences, kind="stable")
    iou = table.iou(without_void=False)[:, order]
    met = iou[:, :, None] >= COCO_IOU
    won = (met & (met.cumsum(1) == 1)).any(0)
    right = np.zeros_like(won)
    right[order] = won
    return _outcomes(right, (table.void / table.pixels)[:, None] >= COCO_IOU)


def _outcomes(right: NDArray[np.bool_], ignored: NDArray[np.bool_]) -> Outcomes:
    return np.where(right, RIGHT, np.where(ignored, IGNORED, WRONG)).astype(np.int8)


def panoptic_matches(table: Table, label: int) -> Matches:
    """Objects of one class that are met with IoU > 0.5, void pixels left out of the union.

    A predicted object that meets none and lies by more than half in void is not counted.
    """
    true, predicted = table.true_labels == label, table.labels == label
    iou = table.iou(without_void=True)[np.ix_(true, predicted)]
    met = iou > 0.5
    in_void = (table.void / table.pixels)[predicted] > 0.5
    pairs = int(met.sum())
    return Matches(
        iou=float(iou[met].sum()),
        met=pairs,
        invented=int((~met.any(0) & ~in_void).sum()),
        missed=int(true.sum()) - pairs,
    )
