"""Average precision of one class at one threshold: the areas that Cityscapes and COCO measure.

Objects of equal confidence are one point of the curve of precision over recall, so that their order
does not matter. With one confidence for all, the curve is the point of all predictions (precision p,
recall r): Cityscapes then gives r (1 + p) / 2, COCO p times the share of its 101 recalls up to r.
"""

import math

import numpy as np
from numpy.typing import NDArray

RECALLS = np.linspace(0, 1, 101)

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Precision and recall where the least confident are left out, from few predictions to all."""


def _curve(confidences: NDArray[np.float64], right: NDArray[np.bool_], objects: int) -> Curve:
    """The points of the curve, one for each confidence that occurs.

    Args:
        confidences: (P,), P >= 1.
        right: (P,) whether each predicted object meets a true one.
        objects: How many true objects there are, 1 at least.
    """
    order = np.argsort(-confidences, kind="stable")
    last = np.append(np.diff(confidences[order]) != 0, True)
    met = right[order].cumsum()[last]
    return met / (np.flatnonzero(last) + 1), met / objects


def stepwise_precision(
    confidences: NDArray[np.float64], right: NDArray[np.bool_], objects: int
) -> float:
    """Area below precision over recall in steps around every point, as Cityscapes has it.

    The curve begins with precision 1 at recall 0. A step reaches half of the way to both neighbours.

    Args:
        confidences: (P,) of the predicted objects that are not ignored.
        right: (P,) whether each meets a true object.
        objects: How many true objects there are.

    Returns:
        0..1; NaN without a true object.
    """
    if not objects:
        return math.nan
    if not len(confidences):
        return 0.0
    precision, recall = _curve(confidences, right, objects)
    ends = np.concatenate(([0, 0], recall, recall[-1:]))
    return float(np.append(1, precision) @ (ends[2:] - ends[:-2])) / 2


def sampled_precision(
    confidences: NDArray[np.float64], right: NDArray[np.bool_], objects: int
) -> float:
    """Mean over 101 recalls of the best precision at that recall or a higher one, as COCO has it.

    A recall that is not reached has precision 0. COCO makes every predicted object a point of its own,
    those of equal confidence in the order in which they come; else as :func:`stepwise_precision`.
    """
    if not objects:
        return math.nan
    if not len(confidences):
        return 0.0
    precision, recall = _curve(confidences, right, objects)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.append(best, 0)[np.searchsorted(recall, RECALLS)].mean())
