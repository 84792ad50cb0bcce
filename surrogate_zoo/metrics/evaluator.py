"""Exact metrics over a data set: counts are summed up batch by batch, scores derived at the end."""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from surrogate_zoo.errors import InputError
from surrogate_zoo.labelling import Labelling, labelling_of
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.metrics.class_maps import one_hot
from surrogate_zoo.metrics.logic import BooleanLogic
from surrogate_zoo.metrics.maps import Maps
from surrogate_zoo.metrics.metric import check_multilabel
from surrogate_zoo.modes import MULTICLASS

_LOG = logging.getLogger(__name__)


class SegmentationEvaluator:
    """All metrics of :data:`surrogate_zoo.METRICS` over everything it was shown.

    Keeps totals alone (a few numbers a class), so order and split of the batches do not matter and
    evaluators of parts of a data set can be merged. Every metric runs its one function with Boolean
    logic, on top of the totals of the batches before. A metric of another package whose function
    fails is logged and has no score; the others go on.

    Args:
        num_classes: C of the logits; 1 is binary with one channel, whose classes are 0 and 1.
        mode: ``multiclass``, or ``multilabel``, C channels that are on or off each by itself: classes
            are then the class on of each channel, and ``gacc`` counts every channel of a pixel; kappa,
            which has no meaning, is left out.
        ignore_index: Label of void pixels in the target.
        tolerance: Boundary tolerance in pixels (biou, bf1, boundary-iou).
        exclude_background: Leave class 0 out of boundary bands, BF1 and Boundary IoU (PASCAL VOC); of a
            multilabel it always is.
        as_released: Count void borders as edges, and boundary pixels at void pixels in BF1, and leave
            classes without a boundary in the target out of its mean, as the released implementation
            does.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        mode: str = MULTICLASS,
        ignore_index: int = 255,
        tolerance: int = 5,
        exclude_background: bool = False,
        as_released: bool = False,
    ) -> None:
        self.labelling = labelling_of(num_classes, mode)
        if self.labelling.multilabel:
            for name in self.metrics:
                check_multilabel(METRICS[name], as_released)
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.tolerance = tolerance
        self.exclude_background = exclude_background and not self.labelling.multilabel
        self.as_released = as_released
        self._totals: dict[str, tuple[Tensor, ...]] = {}
        self._failed: set[str] = set()

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that it computes."""
        none = "none" if self.labelling.multilabel else ""
        return tuple(name for name, metric in METRICS.items() if metric.multilabel != none)

    @property
    def _options(self) -> tuple[object, ...]:
        return (
            self.labelling,
            self.ignore_index,
            self.tolerance,
            self.exclude_background,
            self.as_released,
        )

    def update(self, pred: Tensor, target: Tensor) -> None:
        """Add a batch.

        Args:
            pred: Predicted labels, integer (N, H, W), or (N, D, H, W) of volumes, 0..C-1 (0 and 1 of
                one channel); of a multilabel 0 and 1, (N, C, H, W). Values at void pixels do not
                matter.
            target: The same, or ``ignore_index``; on any device. Both may be (N, 1, H, W).

        Raises:
            InputError: Shapes differ, or labels are out of range. Nothing is added.
        """
        pred, target, void = checked_labels(pred, target, self.labelling, self.ignore_index)
        if not self.as_released:
            pred = pred.masked_fill(void, 0)
        self.labelling.check_range("pred", pred, None)
        maps = self._maps(pred, target.masked_fill(void, 0), void)
        scored = {name: self._score(name, maps)[0] for name in self.metrics}
        self._totals = {
            name: tuple(total.cpu() for total in totals) for name, totals in scored.items()
        }

    def _maps(self, pred: Tensor, target: Tensor, void: Tensor) -> Maps:
        counted = torch.ones_like(void) if self.as_released else ~void
        return Maps(
            pred=one_hot(pred, counted, torch.float64),
            target=one_hot(target, ~void, torch.float64),
            void=void,
            num_classes=self.labelling.labels,
            channels=self.labelling.masks if self.labelling.multilabel else 0,
            tolerance=self.tolerance,
            exclude_background=self.exclude_background,
            as_released=self.as_released,
        )

    def _score(self, name: str, maps: Maps) -> tuple[list[Tensor], float]:
        """Totals and score of one metric, earlier batches included."""
        if name in self._failed:
            return [], math.nan
        device = maps.target.labelled[0].labels.device
        carried = tuple(total.to(device) for total in self._totals.get(name, ()))
        off = self.labelling.multilabel and METRICS[name].multilabel == "both"
        measured = replace(maps, carried=carried, totals=[], off=off)
        try:
            return measured.totals, float(METRICS[name].function(BooleanLogic(), measured))
        except Exception as error:
            package = METRICS[name].package
            if not package:
                raise
            _LOG.warning(
                "The metric %r of the package %s fails and has no score: %s: %s",
                name, package, type(error).__name__, error,
            )  # fmt: skip
            self._failed.add(name)
            return [], math.nan

    def merge(self, other: "SegmentationEvaluator") -> None:
        """Add everything that ``other`` was shown.

        Raises:
            InputError: The two have different options.
        """
        if self._options != other._options:
            raise InputError("Only evaluators with the same options can be merged.")
        self._failed |= other._failed
        if not self._totals:
            self._totals = dict(other._totals)
            return
        for name in other._totals.keys() - self._failed:
            pairs = zip(self._totals[name], other._totals[name], strict=True)
            self._totals[name] = tuple(mine + theirs for mine, theirs in pairs)

    def totals(self) -> list[Tensor]:
        """All totals so far, float64, metric by metric.

        Those of evaluators with the same options may be added up one by one, and given to
        :meth:`restore`: what other libraries synchronise over processes.
        """
        maps = self._nothing()
        return [total.cpu() for name in self.metrics for total in self._score(name, maps)[0]]

    def restore(self, totals: Sequence[Tensor]) -> None:
        """Know what these totals tell, and nothing else."""
        maps, left = self._nothing(), iter(totals)
        self._totals = {
            name: tuple(next(left) for _ in self._score(name, maps)[0]) for name in self.metrics
        }

    def compute(self) -> dict[str, float]:
        """Return every metric, 1 at most; NaN where there was nothing to measure."""
        if not self._totals:
            return dict.fromkeys(self.metrics, math.nan)
        maps = self._nothing()
        return {name: self._score(name, maps)[1] for name in self.metrics}

    def _nothing(self) -> Maps:
        """An image of one void pixel: it adds nothing, so scores are derived from the totals alone."""
        shape = (self.labelling.masks, 1, 1)
        label, void = torch.zeros(shape, dtype=torch.int64), torch.ones(shape, dtype=torch.bool)
        return self._maps(label, label, void)

    def reset(self) -> None:
        """Forget everything."""
        self._totals = {}
        self._failed = set()


def checked_labels(
    pred: Tensor, target: Tensor, labelling: Labelling, ignore_index: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Check shapes and dtypes of a batch of labels, and the range of the target's.

    Returns:
        Masks of prediction and target, int64 (M, S) as of :class:`Labelling`, and where the target is
        void, bool; on the prediction's device.

    Raises:
        InputError: Shapes differ, or a label of the target is out of range.
    """
    size = labelling.size_of(target)
    labelling.check_masks("target", target, size)
    if pred.ndim == target.ndim and pred.shape != target.shape:
        raise InputError(
            f"pred {tuple(pred.shape)} and target {tuple(target.shape)} differ in shape."
        )
    labelling.check_masks("pred", pred, size)
    pred, target = (labelling.masks_of(labels, size) for labels in (pred, target.to(pred.device)))
    labelling.check_range("target", target, ignore_index)
    return pred, target, target == ignore_index
