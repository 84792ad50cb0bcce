"""The loss made of a metric: ``1 - surrogate``, where the surrogate is the metric over smooth logic."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from surrogate_zoo.class_maps import ClassMap, Labelled
from surrogate_zoo.curve_families import CURVE_FAMILIES, CurveFamily
from surrogate_zoo.errors import InputError
from surrogate_zoo.logic import CurveLogic, Logic
from surrogate_zoo.maps import Maps
from surrogate_zoo.metrics import METRICS, Metric


class SurrogateLoss(nn.Module):
    """A metric's surrogate as a training loss (Li et al., Auto Seg-Loss, ICLR 2021).

    The value is ``1 - metric`` with softmax probabilities in place of the one-hot prediction and
    smooth logic in place of Boolean logic, over the whole batch: a ratio of sums, so the mean of the
    losses of two half batches is not the loss of the batch. On one-hot input it equals
    ``1 - metric`` for any control points of a family that keeps the truth table; the families that
    do not are ablations.

    Void pixels touch nothing: no boundary at their border, no value, no gradient. A class that
    neither target nor prediction has is left out of means; a batch without anything to measure has
    loss 0 and no gradient. The released implementation differs in both: see ``as_released``.

    Args:
        metric: Name in :data:`surrogate_zoo.METRICS`.
        control_points: Absolute flat control points as the family writes them (``bezier``: the
            coordinates u1, v1, u2, v2, ... in [0, 1] of the inner ones), curve after curve in the
            order of ``METRICS[metric].curves``, the same number for every curve. None takes the
            product logic (the naive surrogate).
        num_classes: C.
        family: Name of a family in :data:`surrogate_zoo.curve_families.CURVE_FAMILIES`.
        ignore_index: Label of void pixels.
        tolerance: Boundary tolerance in pixels (boundary metrics).
        exclude_background: Leave class 0 out of boundaries, as PASCAL VOC does (boundary metrics).
        as_released: Reproduce the released implementation: void borders count as edges, the BF1
            surrogate sees no void mask, absent classes stay in means.

    Attributes:
        check_values: Look for labels out of range and for NaN. That waits for a GPU, so a loop whose
            labels were checked once may switch it off.

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
        points = _curve_rows(self.metric, CURVE_FAMILIES[family], control_points)
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
        check_batch(logits, target, self.num_classes, self.ignore_index, values=self.check_values)
        with torch.autocast(logits.device.type, enabled=False):
            loss = 1 - self.metric.function(self._logic(), self._maps(logits, target))
        if self.check_values and not bool(torch.isfinite(loss.detach())):
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
        )

    def _logic(self) -> Logic:
        if not len(self.control_points):
            return Logic()
        return CurveLogic(
            dict(zip(self.metric.curves, self.control_points, strict=True)), self.family
        )

    def extra_repr(self) -> str:
        """Name the metric and the options in the module's printed form."""
        return f"{self.metric.name}, num_classes={self.num_classes}, family={self.family!r}"


def one_hot(labels: Tensor, counted: Tensor, dtype: torch.dtype) -> ClassMap:
    """Make a crisp map of labels (N, H, W), zero where ``counted`` (bool, same shape) is False."""
    return ClassMap(crisp=True, labelled=(Labelled(labels, counted.to(dtype)),))


def may_hold_void(valid: Tensor) -> bool:
    """Whether masking void pixels (False in ``valid``) may matter; on a GPU always, unseen.

    A look at the values would make a GPU wait, and masking costs little there.
    """
    return valid.device.type != "cpu" or not bool(valid.all())


def check_batch(
    logits: Tensor, target: Tensor, num_classes: int, ignore_index: int, *, values: bool
) -> None:
    """Check shapes and dtypes of a batch, and the range of its labels where ``values`` is True.

    Raises:
        InputError: Names the argument, what it is and what it should be.
    """
    if logits.ndim != 4 or logits.shape[1] != num_classes:
        raise InputError(
            f"logits must have shape (N, {num_classes}, H, W), not {tuple(logits.shape)}."
        )
    if not logits.is_floating_point():
        raise InputError(f"logits must be floating point, not {logits.dtype}.")
    expected = (logits.shape[0], *logits.shape[2:])
    if target.shape != expected:
        raise InputError(
            f"target must have shape (N, H, W) = {expected}, not {tuple(target.shape)}."
        )
    if target.dtype != torch.int64:
        raise InputError(f"target must be int64 labels, not {target.dtype}: call target.long().")
    if values:
        check_labels("target", target, num_classes, ignore_index)


def check_labels(name: str, labels: Tensor, num_classes: int, ignore_index: int | None) -> None:
    """Check that every label is a class or void.

    Raises:
        InputError: Names the argument and the label that is out of range.
    """
    outside = (labels < 0) | (labels >= num_classes)
    if ignore_index is not None:
        outside &= labels != ignore_index
    if bool(outside.any()):
        label = int(labels[outside][0])
        void = "" if ignore_index is None else f", void is {ignore_index}"
        raise InputError(f"{name} holds the label {label}; classes are 0..{num_classes - 1}{void}.")


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
