"""Scores of objects over a data set: image by image, in any order, mergeable."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.instances.matching import (
    CITYSCAPES_IOU,
    IGNORED,
    RIGHT,
    Outcomes,
    best_dice,
    cityscapes_outcomes,
    coco_outcomes,
    panoptic_matches,
)
from surrogate_zoo.metrics.instances.precision import sampled_precision, stepwise_precision
from surrogate_zoo.metrics.instances.scores import INSTANCE_SCORES
from surrogate_zoo.metrics.instances.table import (
    Real,
    Table,
    Whole,
    checked_prediction,
    tabulate,
    whole_numbers,
)


class _Detections(NamedTuple):
    """The predicted objects of one image, P of them."""

    labels: NDArray[np.int64]
    confidences: NDArray[np.float64]
    cityscapes: Outcomes
    coco: Outcomes


class InstanceEvaluator:
    """All scores of :data:`surrogate_zoo.INSTANCE_SCORES` over everything it was shown.

    Every image, or volume, becomes one contingency table of true and predicted objects, so that what is
    counted is pixels or voxels, ``min_pixels`` too, and no distances. Sums are kept, and of each
    predicted object its class, its confidence and whether it was right at each threshold: no maps. So
    the order of the images does not matter and evaluators of parts of a data set can be merged.

    Objects of one image do not overlap. A pixel that is void (``ignore_index``) belongs to no object, nor
    does one of a class in ``things`` that has no object: it stands for a group, whose objects nobody
    parted.

    - ``sbd``, ``dic``, ``dic-signed``: void removed first, classes of no account, means over images;
      an image without a valid pixel is left out. In an image without objects SBD is 1 where none
      is predicted, else 0.
    - ``ap``, ``ap50`` as cityscapesscripts: IoU > threshold, true objects of fewer than ``min_pixels``
      ignored, area in steps, mean over the classes that have an object to find. Departures: a group is
      ignored for every class, not for its own; where all that is predicted is ignored, the score is 0
      (cityscapesscripts fails).
    - ``ap-coco`` as pycocotools with ``maxDets`` without limit: IoU >= threshold, objects of all sizes,
      101 recalls, void as a crowd of every class. Departure: equal confidences are one point of the curve.
    - ``pq``, ``f1-50``: panoptic quality and its recognition quality of the classes in ``things``, from
      sums over the data set; mean over the classes that truth or prediction have.

    A confidence is any number, higher is surer; the mean foreground probability of the object is
    usual. Only AP needs it.

    Args:
        things: Classes that have objects.
        min_pixels: ``ap`` and ``ap50`` ignore true objects that are smaller.
        ignore_index: Label of void pixels in the target.
    """

    def __init__(
        self, things: Sequence[int], *, min_pixels: int = 100, ignore_index: int = 255
    ) -> None:
        classes = tuple(sorted(set(things)))
        if not classes or classes[0] < 0 or ignore_index in classes:
            raise InputError(
                "things must be labels of classes that have objects, one at least and void "
                f"({ignore_index}) not among them, not {tuple(things)}."
            )
        self.things = classes
        self.min_pixels = min_pixels
        self.ignore_index = ignore_index
        self.reset()

    @property
    def _options(self) -> tuple[object, ...]:
        return self.things, self.min_pixels, self.ignore_index

    def update(
        self,
        predicted: Whole,
        labels: Whole,
        confidences: Real,
        target_instances: Whole,
        target: Whole,
    ) -> None:
        """Add an image, or a volume, which is one too. All may be tensors, on any device, or arrays.

        Args:
            predicted: Predicted objects, integer (H, W), or (D, H, W) of a volume: 0 = none, k in 1..K one
                object. A number without a pixel is no object.
            labels: Their classes, integer (K,), all in ``things``.
            confidences: How sure each is, finite (K,).
            target_instances: True objects, of the same shape: 0 = none, any k >= 1 one object, of one
                class.
            target: True classes, likewise, or ``ignore_index``.

        Raises:
            InputError: Shapes differ, a number has no label, or an object's class is not in ``things``.
                Nothing is added.
        """
        things = np.array(self.things, dtype=np.int64)
        table = tabulate(
            checked_prediction(predicted, labels, confidences, things),
            whole_numbers("target_instances", target_instances),
            whole_numbers("target", target),
            things,
            self.ignore_index,
        )
        self._add_counts(table)
        self._add_matches(table)
        self._detections.append(
            _Detections(
                table.labels,
                table.confidences,
                cityscapes_outcomes(table, self.min_pixels),
                coco_outcomes(table),
            )
        )

    def _add_counts(self, table: Table) -> None:
        """Add what is a mean over images."""
        if not table.valid:
            return
        surplus = int((table.pixels > table.void).sum()) - len(table.true_pixels)
        self._images += np.array([1, best_dice(table), abs(surplus), surplus])

    def _add_matches(self, table: Table) -> None:
        """Add what is summed class by class."""
        for row, label in enumerate(self.things):
            true = table.true_labels == label
            large = true & (table.true_pixels >= self.min_pixels)
            self._objects[row] += (true.sum(), large.sum())
            self._matches[row] += panoptic_matches(table, label)

    def merge(self, other: "InstanceEvaluator") -> None:
        """Add everything that ``other`` was shown.

        Raises:
            InputError: The two have different options.
        """
        if self._options != other._options:
            raise InputError("Only evaluators with the same options can be merged.")
        self._images += other._images
        self._objects += other._objects
        self._matches += other._matches
        self._detections += other._detections

    def compute(self) -> dict[str, float]:
        """Return every score by name, in the order of the table; NaN where there was nothing to measure."""
        images, *sums = self._images.tolist()
        sbd, distance, surplus = (part / images if images else math.nan for part in sums)
        cityscapes, coco = self._average_precisions()
        iou, met, invented, missed = self._matches.T
        seen = met + invented + missed > 0
        counted = (met + (invented + missed) / 2)[seen]
        scores = {
            "sbd": sbd,
            "dic": distance,
            "dic-signed": surplus,
            "ap": _mean(cityscapes.ravel()),
            "ap50": _mean(cityscapes[:, 0]),
            "ap-coco": _mean(coco.ravel()),
            "pq": _mean(iou[seen] / counted),
            "f1-50": _mean(met[seen] / counted),
        }
        return {name: scores[name] for name in INSTANCE_SCORES}

    def _average_precisions(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """After Cityscapes and after COCO, (classes, thresholds) each; NaN without a true object."""
        none = np.empty((0, len(CITYSCAPES_IOU)), dtype=np.int8)
        empty = _Detections(np.empty(0, dtype=np.int64), np.empty(0), none, none)
        parts = zip(*(empty, *self._detections), strict=True)
        labels, confidences, cityscapes, coco = (np.concatenate(part) for part in parts)
        areas: list[list[list[float]]] = [[], []]
        for label, (objects, large) in zip(self.things, self._objects.tolist(), strict=True):
            mine = labels == label
            sure = confidences[mine]
            areas[0].append(_areas(stepwise_precision, sure, cityscapes[mine], large))
            areas[1].append(_areas(sampled_precision, sure, coco[mine], objects))
        return np.array(areas[0]), np.array(areas[1])

    def reset(self) -> None:
        """Forget everything."""
        self._images = np.zeros(4)
        self._objects = np.zeros((len(self.things), 2), dtype=np.int64)
        self._matches = np.zeros((len(self.things), 4))
        self._detections: list[_Detections] = []


def _areas(
    area: Callable[[NDArray[np.float64], NDArray[np.bool_], int], float],
    confidences: NDArray[np.float64],
    outcomes: Outcomes,
    objects: int,
) -> list[float]:
    """Area below the curve at every threshold, without the predicted objects that are ignored."""
    return [
        area(confidences[outcome != IGNORED], outcome[outcome != IGNORED] == RIGHT, objects)
        for outcome in outcomes.T
    ]


def _mean(values: Iterable[float]) -> float:
    """Mean of those that are numbers; NaN of none."""
    there = [value for value in values if not math.isnan(value)]
    return float(sum(there) / len(there)) if there else math.nan
