"""Exact metrics over a data set: counts are summed up batch by batch, scores derived at the end."""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor

from surrogate_zoo.errors import InputError
from surrogate_zoo.labelling import Labelling, labelling_of
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.metrics.class_maps import one_hot
from surrogate_zoo.metrics.crisp import CrispMaps, Enough, SharedLogic
from surrogate_zoo.metrics.metric import check_multilabel
from surrogate_zoo.modes import MULTICLASS

_LOG = logging.getLogger(__name__)


class SegmentationEvaluator:
    """All metrics of :data:`surrogate_zoo.METRICS` over everything it was shown.

    Keeps totals alone (a few numbers a class), so order and split of the batches do not matter and
    evaluators of parts of a data set can be merged. They stay on the device until the scores are asked
    for. Every metric runs its one function with Boolean logic; what several need of a batch is counted
    once (:mod:`surrogate_zoo.metrics.crisp`). A metric of another package whose function fails is
    logged and has no score; the others go on.

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
        check_values: Look for labels out of range, which waits for a GPU. Without it they are the
            caller's to rule out.
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
        check_values: bool = True,
    ) -> None:
        self.labelling = labelling_of(num_classes, mode, ignore_index=ignore_index)
        if self.labelling.multilabel:
            for name in self.metrics:
                check_multilabel(METRICS[name], as_released)
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.tolerance = tolerance
        self.exclude_background = exclude_background and not self.labelling.multilabel
        self.as_released = as_released
        self.check_values = check_values
        self._sums: Tensor | None = None
        self._failed: set[str] = set()

    @cached_property
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
        pred, target, void = checked_labels(
            pred, target, self.labelling, self.ignore_index,
            check_values=self.check_values, pred_at_void=self.as_released,
        )  # fmt: skip
        maps = self._maps(pred, target, void)
        parts = [total for name in self.metrics for total in self._added(name, maps)]
        added = torch.cat([total.flatten() for total in parts])
        self._sums = added if self._sums is None else self._sums.to(added.device) + added

    def _maps(self, pred: Tensor, target: Tensor, void: Tensor) -> CrispMaps:
        counted = torch.ones_like(void) if self.as_released else ~void
        return CrispMaps(
            pred=one_hot(pred, counted, torch.int8),
            target=one_hot(target, ~void, torch.int8),
            void=void,
            num_classes=self.labelling.labels,
            channels=self.labelling.masks if self.labelling.multilabel else 0,
            tolerance=self.tolerance,
            exclude_background=self.exclude_background,
            as_released=self.as_released,
        )

    def _added(self, name: str, maps: CrispMaps) -> Sequence[Tensor]:
        """Totals of a batch for one metric; zeros where it fails."""
        shapes = self._shapes[name]
        if name not in self._failed and shapes:
            measured = self._run(name, replace(maps, totals=[], wanted=len(shapes)))[0]
            if name not in self._failed:
                return measured
        device = maps.target.labelled[0].labels.device
        return [torch.zeros(shape, device=device, dtype=torch.float64) for shape in shapes]

    def _run(self, name: str, maps: CrispMaps) -> tuple[list[Tensor], float]:
        """Totals and score of one metric; of one that fails from here on, none and NaN."""
        off = self.labelling.multilabel and METRICS[name].multilabel == "both"
        measured = replace(maps, off=off)
        try:
            score = METRICS[name].function(SharedLogic(maps.once), measured)
            return measured.totals, float(score)
        except Enough:
            return measured.totals, math.nan
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

    @cached_property
    def _shapes(self) -> dict[str, list[torch.Size]]:
        """Shapes of every metric's totals, in calling order."""
        maps = self._nothing()
        return {
            name: [total.shape for total in self._run(name, replace(maps, totals=[]))[0]]
            for name in self.metrics
        }

    def merge(self, other: "SegmentationEvaluator") -> None:
        """Add everything that ``other`` was shown.

        Raises:
            InputError: The two have different options.
        """
        if self._options != other._options:
            raise InputError("Only evaluators with the same options can be merged.")
        self._failed |= other._failed
        if other._sums is not None:
            mine = self._sums
            self._sums = other._sums if mine is None else mine + other._sums.to(mine.device)

    def totals(self) -> Tensor:
        """All totals so far, float64 (T,), metric by metric, on the device of the last batch.

        Those of evaluators with the same options may be added up, and given to :meth:`restore`: what
        other libraries synchronise over processes.
        """
        if self._sums is not None:
            return self._sums
        count = sum(shape.numel() for shapes in self._shapes.values() for shape in shapes)
        return torch.zeros(count, dtype=torch.float64)

    def restore(self, totals: Tensor) -> None:
        """Know what these totals tell, and nothing else."""
        self._sums = totals

    def compute(self) -> dict[str, float]:
        """Return every metric, 1 at most; NaN where there was nothing to measure.

        This is the one time that it waits for a GPU, if ``check_values`` is off.
        """
        if self._sums is None:
            return dict.fromkeys(self.metrics, math.nan)
        left, maps = self._sums.cpu(), self._nothing()
        scores = {}
        for name, shapes in self._shapes.items():
            sizes = [shape.numel() for shape in shapes]
            own, left = left[: sum(sizes)], left[sum(sizes) :]
            carried = tuple(map(Tensor.view, torch.split(own, sizes), shapes))
            failed = name in self._failed
            measured = replace(maps, carried=carried, totals=[])
            scores[name] = math.nan if failed else self._run(name, measured)[1]
        return scores

    def _nothing(self) -> CrispMaps:
        """An image of one void pixel: it adds nothing, so scores are derived from the totals alone."""
        shape = (self.labelling.masks, 1, 1)
        label, void = torch.zeros(shape, dtype=torch.int64), torch.ones(shape, dtype=torch.bool)
        return self._maps(label, label, void)

    def reset(self) -> None:
        """Forget everything."""
        self._sums = None
        self._failed = set()


def checked_labels(
    pred: Tensor,
    target: Tensor,
    labelling: Labelling,
    ignore_index: int,
    *,
    check_values: bool = True,
    pred_at_void: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Check a batch of labels.

    Args:
        pred: Predicted labels as of :meth:`SegmentationEvaluator.update`.
        target: The same, or ``ignore_index``; on any device.
        labelling: What they may be.
        ignore_index: Label of void pixels in the target.
        check_values: Look at the labels, too, not at shapes and dtypes alone.
        pred_at_void: Keep what is predicted at void pixels.

    Returns:
        Masks of prediction and target, int64 (M, S) as of :class:`Labelling`, 0 where the target is void,
        and where it is, bool; on the prediction's device.

    Raises:
        InputError: Shapes differ, or a label is out of range.
    """
    size = labelling.size_of(target)
    labelling.check_masks("target", target, size)
    if pred.ndim == target.ndim and pred.shape != target.shape:
        raise InputError(
            f"pred {tuple(pred.shape)} and target {tuple(target.shape)} differ in shape."
        )
    labelling.check_masks("pred", pred, size)
    pred, target = (labelling.masks_of(labels, size) for labels in (pred, target.to(pred.device)))
    void = target == ignore_index
    target = target.masked_fill(void, 0)
    if not pred_at_void:
        pred = pred.masked_fill(void, 0)
    if check_values:
        labelling.check_range("target", target, ignore_index)
        labelling.check_range("pred", pred, None)
    return pred, target, void
