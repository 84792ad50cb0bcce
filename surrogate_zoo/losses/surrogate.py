"""The loss made of a metric: ``1 - surrogate``, where the surrogate is the metric over smooth logic."""

import os
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec

import torch
from torch import Tensor

from surrogate_zoo.batch import looks, may_hold_void
from surrogate_zoo.curves.curves import SHAPES
from surrogate_zoo.curves.families import CURVE_FAMILIES, CurveFamily
from surrogate_zoo.errors import InputError
from surrogate_zoo.labelling import ONLY_SETS, labelling_of
from surrogate_zoo.losses.class_weights import ClassWeights
from surrogate_zoo.losses.constants import Constants
from surrogate_zoo.losses.declarations import BATCH, SHARED
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.metrics.class_maps import ClassMap, one_hot
from surrogate_zoo.metrics.logic import CurveLogic, Logic
from surrogate_zoo.metrics.maps import Maps
from surrogate_zoo.metrics.metric import Metric, check_multilabel
from surrogate_zoo.metrics.prediction import SoftPrediction
from surrogate_zoo.modes import MULTICLASS
from surrogate_zoo.processes import Group, Processes, group_of, summed


class SurrogateLoss(Constants):
    """A metric's surrogate as a training loss (Li et al., Auto Seg-Loss, ICLR 2021).

    The value is ``1 - metric`` with softmax probabilities in place of the one-hot prediction and
    smooth logic in place of Boolean logic, over the whole batch: a ratio of sums, so the mean of the
    losses of two half batches is not the loss of the batch. On one-hot input it equals
    ``1 - metric`` for any control points of a family that keeps the truth table; the families that
    do not are ablations.

    Void pixels touch nothing: no boundary at their border, no value, no gradient. A class that
    neither target nor prediction has is left out of means; a batch without anything to measure has
    loss 0 and gradient 0. The released implementation differs in both: see ``as_released``.

    Args:
        metric: Name in :data:`surrogate_zoo.METRICS`.
        control_points: Absolute flat control points as the family writes them (``bezier``: the
            coordinates u1, v1, u2, v2, ... in [0, 1] of the inner ones), curve after curve in the
            order of ``METRICS[metric].curves``, the same number for every curve. None takes the
            product logic (the naive surrogate).
        num_classes: C of the logits; 1 is binary with one channel.
        mode: ``multiclass``, or ``multilabel``, C channels that are on or off each by itself: the metric's
            classes are then the class on of each channel (see :mod:`surrogate_zoo.labelling`).
        family: Name of a family in :data:`surrogate_zoo.curves.families.CURVE_FAMILIES`.
        ignore_index: Label of void pixels.
        tolerance: Boundary tolerance in pixels (boundary metrics).
        exclude_background: Leave class 0 out of boundaries, as PASCAL VOC does (boundary metrics); of a
            multilabel it always is.
        class_weights: Weight of each class in the metric's means, K numbers >= 0, one a class (of a
            multilabel, a channel); only their ratios matter.
        class_power: In [0, 1]: the weights are multiplied by the classes' inverse frequency to this power.
        class_pixels: Valid pixels of each class in the training split, K numbers, for ``class_power``. None
            counts them in each batch.
        reduction: ``batch``, or ``image`` for the mean over the images with valid pixels of each one's loss.
        as_released: Reproduce the released implementation: void borders count as edges, the BF1
            surrogate sees no void mask, absent classes stay in means, but for BF1's, which leaves
            out classes without a boundary in the target.

    Attributes:
        check_values: Look for labels out of range and for NaN. That waits for a GPU, so a loop whose
            labels were checked once may switch it off. Under torch.compile nobody looks.
        fused: On a GPU, take sums, curves and edges of softmax probabilities by Triton kernels, in few passes
            over the logits, and go back in one. What they do not do goes by the definition: float64, other
            windows over the prediction, what torch compiles, and all of it where there is no Triton. True
            unless it is set.
        process_group: Who holds parts of the batch: a group of torch.distributed, ``"world"`` for all
            its processes, or None for this one alone. With others the value is that of the whole
            batch, and the gradient such that the mean over processes, which DistributedDataParallel
            takes, is the whole batch's: see :mod:`surrogate_zoo.processes`. All must call the loss.

    Raises:
        InputError: Unknown metric or family, or control points that do not fit.
    """

    control_points: Tensor

    def __init__(
        self,
        metric: str,
        control_points: Sequence[float] | None,
        *,
        num_classes: int,
        mode: str = MULTICLASS,
        family: str = "bezier",
        ignore_index: int = 255,
        tolerance: int = 5,
        exclude_background: bool = False,
        as_released: bool = False,
        class_weights: Sequence[float] | None = None,
        class_power: float = 0.0,
        class_pixels: Sequence[float] | None = None,
        reduction: str = BATCH,
    ) -> None:
        super().__init__()
        SHARED.check(class_weights=class_weights, class_power=class_power, reduction=reduction)
        if tolerance < 0:
            raise InputError(f"tolerance must be a number of pixels >= 0, not {tolerance}.")
        self.metric = METRICS[metric]
        self.labelling = labelling_of(num_classes, mode, ignore_index=ignore_index)
        if self.labelling.multilabel:
            check_multilabel(self.metric, as_released)
        self.class_weights = ClassWeights(self.labelling, class_weights, class_power, class_pixels)
        if self.metric.multilabel == "none" and not self.class_weights.none:
            raise InputError(
                f"{self.metric.name} has no mean over classes that weights could weigh."
            )
        self.reduction = reduction
        self.num_classes = num_classes
        self.family = family
        self.ignore_index = ignore_index
        self.tolerance = tolerance
        self.exclude_background = exclude_background and not self.labelling.multilabel
        self.as_released = as_released
        self.check_values = True
        self.fused = True
        self.process_group: Processes = None
        # Looked up here, since torch.compile follows no registry.
        entry = CURVE_FAMILIES[family]
        self._curves = () if control_points is None else self.metric.curves
        if self._curves:
            self._curve, self._truth_table = SHAPES[entry.shape], entry.truth_table
        points = torch.tensor(_curve_rows(self.metric, entry, control_points), dtype=torch.float64)
        self.register_buffer("control_points", points, persistent=False)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            logits: Scores before softmax or sigmoid, float (N, C, H, W), or of volumes (N, C, D, H, W).
                Half precision is computed in float32.
            target: Labels, whole numbers of any type, (N, H, W) or (N, 1, H, W), 0..C-1 (0 and 1 of one
                channel) or ``ignore_index``; of a multilabel 0, 1 or ``ignore_index``, (N, C, H, W).

        Returns:
            Scalar in [0, 1], but above 1 where kappa is negative; float32 (float64 for float64 logits).

        Raises:
            InputError: A wrong shape or dtype, a label out of range, or NaN or infinite logits.
        """
        looking = looks(self.check_values)
        self.labelling.check(logits, target)
        logits, target = self.labelling.shown(logits, target)
        masks = self.masks_of(logits, target, looking=looking)
        with torch.autocast(logits.device.type, enabled=False):
            loss = self.value_of(logits, masks, self.control_points)
        if looking and not bool(torch.isfinite(loss.detach())):
            raise InputError(
                "logits hold NaN or infinite values at valid pixels: lower the learning rate."
            )
        return loss

    def masks_of(self, logits: Tensor, target: Tensor, *, looking: bool) -> Tensor:
        """Return the target of a checked batch as masks (M, S); their range is checked if ``looking``."""
        if target.is_floating_point():
            return self.labelling.crisp_masks_of(target, self.ignore_index, ONLY_SETS)
        masks = self.labelling.masks_of(target, (logits.shape[0], *logits.shape[2:]))
        if looking:
            self.labelling.check_range("target", masks, self.ignore_index)
        return masks

    def value_of(self, logits: Tensor, masks: Tensor, control_points: Tensor) -> Tensor:
        """The loss of checked logits (N, C, S) and masks (M, S) with control points (curves, P)."""
        group, logic = group_of(self.process_group), self.logic_of(control_points, logits)
        if self.reduction == BATCH:
            return 1 - self.metric.function(logic, self.maps_of(logits, masks, group))
        images = [
            (logits[i : i + 1], own)
            for i, own in enumerate(torch.split(masks, self.labelling.masks) if len(masks) else ())
        ]
        losses = [1 - self.metric.function(logic, self.maps_of(*image, None)) for image in images]
        holds = [(own != self.ignore_index).any() for _, own in images]
        # Of an image that is all void as released may say anything.
        kept = [loss * there for loss, there in zip(losses, holds, strict=True)]
        total = torch.stack(kept).sum() if kept else logits.float().sum()
        number = torch.stack(holds).sum() if holds else masks.sum()
        return summed(total, group) / summed(number, group).clamp(min=1)

    def maps_of(self, logits: Tensor, masks: Tensor, group: Group, candidates: int = 0) -> Maps:
        """Prediction and target as the metric's function takes them.

        Args:
            logits: Checked, (N, C, S); of K ``candidates``, one behind the other, if there are any.
            masks: Checked, (M, S), as many.
            group: The processes that hold the other parts of the batch.
            candidates: See ``Maps``.
        """
        dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
        void = masks == self.ignore_index
        has_void = may_hold_void(~void)
        hidden = void if has_void and not self.as_released else None
        labels = masks.masked_fill(void, 0) if has_void else masks
        maps = Maps(
            pred=self._prediction(logits, labels, hidden, dtype),
            target=one_hot(labels, ~void, dtype),
            void=void if has_void else None,
            num_classes=self.labelling.labels,
            channels=self.labelling.masks if self.labelling.multilabel else 0,
            off=self.labelling.multilabel and self.metric.multilabel == "both",
            tolerance=self.tolerance,
            exclude_background=self.exclude_background,
            as_released=self.as_released,
            candidates=candidates,
            group=group,
        )
        return maps if self.class_weights.none else replace(maps, weights=self._weights(maps))

    def _prediction(
        self, logits: Tensor, labels: Tensor, hidden: Tensor | None, dtype: torch.dtype
    ) -> ClassMap:
        """The softmax probabilities of logits (N, C, S), those at the labels (M, S) known; see ``fused``."""
        if self._by_kernels(logits):
            from surrogate_zoo.metrics.fused import FusedPrediction  # noqa: PLC0415 - loads Triton

            return FusedPrediction(self.labelling.scores_of(logits, None), labels, hidden)
        return SoftPrediction(self.labelling.scores_of(logits.to(dtype), None), labels, hidden)

    def _weights(self, maps: Maps) -> Tensor:
        """What the classes weigh, (K,); of a channel, the class off as the one on."""
        pixels = maps.target.labelled[0].values  # where nothing is counted, dtype and device alone
        if self.class_weights.counts:
            pixels = replace(maps, totals=[], off=False).total(maps.target)
            pixels = pixels[0] if maps.candidates else pixels  # of one target
        found = self.class_weights.of(pixels)
        return found.repeat_interleave(2) if maps.off else found

    def logic_of(self, control_points: Tensor, logits: Tensor) -> Logic:
        """The logic with curves of control points (curves, P), or of K candidates (curves, K, P)."""
        if not len(control_points):
            return Logic()
        curves = [self._curve(points, self._truth_table) for points in control_points]
        if self._by_kernels(logits):
            from surrogate_zoo.metrics.curve_kernels import with_kernels  # noqa: PLC0415 - loads Triton

            curves = with_kernels(curves, logits.device)
        return CurveLogic(dict(zip(self._curves, curves, strict=True)))

    def _by_kernels(self, logits: Tensor) -> bool:
        """Whether a batch goes by kernels."""
        return self.fused and logits.dtype != torch.float64 and _has_kernels(logits)

    def extra_repr(self) -> str:
        """Name the metric and the options in the module's printed form."""
        return f"{self.metric.name}, num_classes={self.num_classes}, family={self.family!r}"


def _has_kernels(logits: Tensor) -> bool:
    """Whether there are kernels for a batch: on a GPU, or by Triton's interpreter."""
    if torch.compiler.is_compiling() or not logits.numel():
        return False
    runs = logits.is_cuda or os.environ.get("TRITON_INTERPRET") == "1"
    return runs and find_spec("triton") is not None


def _curve_rows(
    metric: Metric, family: CurveFamily, control_points: Sequence[float] | None
) -> list[list[float]]:
    """Split flat control points into one row a curve; no rows for the product logic."""
    if control_points is None:
        return []
    curves = metric.curves
    flat = [float(value) for value in control_points]
    share, rest = divmod(len(flat), len(curves))
    if rest:
        raise InputError(
            f"{metric.name} has {len(curves)} curves; control_points has {len(flat)} numbers."
        )
    rows = [flat[i * share : (i + 1) * share] for i in range(len(curves))]
    for name, row in zip(curves, rows, strict=True):
        family.check(name, row)
    return rows
