"""The loss made of a metric: ``1 - surrogate``, where the surrogate is the metric over smooth logic."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from surrogate_zoo.batch import check_batch, looks, may_hold_void
from surrogate_zoo.curves.curves import SHAPES
from surrogate_zoo.curves.families import CURVE_FAMILIES, CurveFamily
from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.metrics.class_maps import ClassMap, one_hot
from surrogate_zoo.metrics.logic import CurveLogic, Logic
from surrogate_zoo.metrics.maps import Maps
from surrogate_zoo.metrics.metric import Metric
from surrogate_zoo.processes import Processes, group_of


class SurrogateLoss(nn.Module):
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
        num_classes: C.
        family: Name of a family in :data:`surrogate_zoo.curves.families.CURVE_FAMILIES`.
        ignore_index: Label of void pixels.
        tolerance: Boundary tolerance in pixels (boundary metrics).
        exclude_background: Leave class 0 out of boundaries, as PASCAL VOC does (boundary metrics).
        as_released: Reproduce the released implementation: void borders count as edges, the BF1
            surrogate sees no void mask, absent classes stay in means, but for BF1's, which leaves
            out classes without a boundary in the target.

    Attributes:
        check_values: Look for labels out of range and for NaN. That waits for a GPU, so a loop whose
            labels were checked once may switch it off. Under torch.compile nobody looks.
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
        family: str = "bezier",
        ignore_index: int = 255,
        tolerance: int = 5,
        exclude_background: bool = False,
        as_released: bool = False,
    ) -> None:
        super().__init__()
        if num_classes < 2:
            raise InputError(f"num_classes must be at least 2, not {num_classes}.")
        if tolerance < 0:
            raise InputError(f"tolerance must be a number of pixels >= 0, not {tolerance}.")
        self.metric = METRICS[metric]
        self.num_classes = num_classes
        self.family = family
        self.ignore_index = ignore_index
        self.tolerance = tolerance
        self.exclude_background = exclude_background
        self.as_released = as_released
        self.check_values = True
        self.process_group: Processes = None
        # Looked up here, since torch.compile follows no registry.
        entry = CURVE_FAMILIES[family]
        self._curve, self._truth_table = SHAPES[entry.shape], entry.truth_table
        self._curves = () if control_points is None else self.metric.curves
        points = _curve_rows(self.metric, entry, control_points)
        self.register_buffer("control_points", torch.tensor(points, dtype=torch.float64))

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            logits: Scores before softmax, float (N, C, H, W). Half precision is computed in float32.
            target: Labels, int64 (N, H, W), 0..C-1 or ``ignore_index``.

        Returns:
            Scalar in [0, 1], but above 1 where kappa is negative; float32 (float64 for float64 logits).

        Raises:
            InputError: A wrong shape or dtype, a label out of range, or NaN or infinite logits.
        """
        looking = looks(self.check_values)
        check_batch(logits, target, self.num_classes, self.ignore_index, values=looking)
        with torch.autocast(logits.device.type, enabled=False):
            loss = 1 - self.metric.function(self._logic(), self._maps(logits, target))
        if looking and not bool(torch.isfinite(loss.detach())):
            raise InputError(
                "logits hold NaN or infinite values at valid pixels: lower the learning rate."
            )
        return loss

    def _maps(self, logits: Tensor, target: Tensor) -> Maps:
        scores = logits if logits.dtype == torch.float64 else logits.float()
        void = target == self.ignore_index
        has_void = may_hold_void(~void)
        if has_void and not self.as_released:
            scores = scores.masked_fill(void[:, None], 0)
        return Maps(
            pred=ClassMap(dense=scores.softmax(1)),
            target=one_hot(target.masked_fill(void, 0), ~void, scores.dtype),
            void=void if has_void else None,
            num_classes=self.num_classes,
            tolerance=self.tolerance,
            exclude_background=self.exclude_background,
            as_released=self.as_released,
            group=group_of(self.process_group),
        )

    def _logic(self) -> Logic:
        if not len(self.control_points):
            return Logic()
        return CurveLogic(
            {
                name: self._curve(points, self._truth_table)
                for name, points in zip(self._curves, self.control_points, strict=True)
            }
        )

    def extra_repr(self) -> str:
        """Name the metric and the options in the module's printed form."""
        return f"{self.metric.name}, num_classes={self.num_classes}, family={self.family!r}"


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
