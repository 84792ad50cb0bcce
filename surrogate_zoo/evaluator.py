"""Exact metrics over a data set: counts are summed up batch by batch, scores derived at the end."""

import math

import torch
from torch import Tensor

from surrogate_zoo.errors import InputError
from surrogate_zoo.logic import BooleanLogic
from surrogate_zoo.maps import Maps
from surrogate_zoo.metrics import METRICS
from surrogate_zoo.surrogate import check_labels, one_hot


class SegmentationEvaluator:
    """All metrics of :data:`surrogate_zoo.METRICS` over everything it was shown.

    Keeps totals alone (a few numbers a class), so order and split of the batches do not matter and
    evaluators of parts of a data set can be merged. Every metric runs its one function with Boolean
    logic, on top of the totals of the batches before.

    Args:
        num_classes: C.
        ignore_index: Label of void pixels in the target.
        tolerance: Boundary tolerance in pixels (biou, bf1).
        exclude_background: Leave class 0 out of boundary bands and of BF1 (PASCAL VOC).
        as_released: Count void borders as edges, and boundary pixels at void pixels in BF1, as the
            released implementation does.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        ignore_index: int = 255,
        tolerance: int = 5,
        exclude_background: bool = False,
        as_released: bool = False,
    ) -> None:
        if num_classes < 2:
            raise InputError(f"num_classes must be at least 2, not {num_classes}.")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.tolerance = tolerance
        self.exclude_background = exclude_background
        self.as_released = as_released
        self._totals: dict[str, tuple[Tensor, ...]] = {}

    @property
    def _options(self) -> tuple[object, ...]:
        return (
            self.num_classes,
            self.ignore_index,
            self.tolerance,
            self.exclude_background,
            self.as_released,
        )

    def update(self, pred: Tensor, target: Tensor) -> None:
        """Add a batch.

        Args:
            pred: Predicted labels, integer (N, H, W), 0..C-1; values at void pixels do not matter.
            target: Labels, integer (N, H, W), 0..C-1 or ``ignore_index``; on any device.

        Raises:
            InputError: Shapes differ, or labels are out of range. Nothing is added.
        """
        pred, target, void = checked_labels(pred, target, self.num_classes, self.ignore_index)
        if not self.as_released:
            pred = pred.masked_fill(void, 0)
        check_labels("pred", pred, self.num_classes, None)
        scored = {
            name: self._run(name, pred, target.masked_fill(void, 0), void) for name in METRICS
        }
        self._totals = {
            name: tuple(total.cpu() for total in maps.totals) for name, (maps, _) in scored.items()
        }

    def _run(self, name: str, pred: Tensor, target: Tensor, void: Tensor) -> tuple[Maps, Tensor]:
        counted = torch.ones_like(void) if self.as_released else ~void
        maps = Maps(
            pred=one_hot(pred, counted, torch.float64),
            target=one_hot(target, ~void, torch.float64),
            void=void,
            num_classes=self.num_classes,
            tolerance=self.tolerance,
            exclude_background=self.exclude_background,
            as_released=self.as_released,
            carried=tuple(total.to(pred.device) for total in self._totals.get(name, ())),
        )
        return maps, METRICS[name].function(BooleanLogic(), maps)

    def merge(self, other: "SegmentationEvaluator") -> None:
        """Add everything that ``other`` was shown.

        Raises:
            InputError: The two have different options.
        """
        if self._options != other._options:
            raise InputError("Only evaluators with the same options can be merged.")
        if not self._totals:
            self._totals = dict(other._totals)
            return
        for name, totals in other._totals.items():
            pairs = zip(self._totals[name], totals, strict=True)
            self._totals[name] = tuple(mine + theirs for mine, theirs in pairs)

    def compute(self) -> dict[str, float]:
        """Return every metric, in 0..1; NaN where there was nothing to measure."""
        if not self._totals:
            return dict.fromkeys(METRICS, math.nan)
        # An image of one void pixel adds nothing, so this derives the scores from the totals alone.
        label, void = torch.zeros(1, 1, 1, dtype=torch.int64), torch.ones(1, 1, 1, dtype=torch.bool)
        return {name: float(self._run(name, label, label, void)[1]) for name in METRICS}

    def reset(self) -> None:
        """Forget everything."""
        self._totals = {}


def checked_labels(
    pred: Tensor, target: Tensor, num_classes: int, ignore_index: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Check shapes and dtypes of a batch of labels (N, H, W), and the range of the target's.

    Returns:
        Prediction and target as int64, and where the target is void, bool; on the prediction's device.

    Raises:
        InputError: Shapes differ, or a label of the target is out of range.
    """
    for name, labels in (("pred", pred), ("target", target)):
        if labels.ndim != 3 or labels.is_floating_point():
            raise InputError(
                f"{name} must be integer labels of shape (N, H, W), "
                f"not {labels.dtype} {tuple(labels.shape)}."
            )
    if pred.shape != target.shape:
        raise InputError(
            f"pred {tuple(pred.shape)} and target {tuple(target.shape)} differ in shape."
        )
    pred, target = pred.long(), target.long().to(pred.device)
    check_labels("target", target, num_classes, ignore_index)
    return pred, target, target == ignore_index
