"""The evaluator as a metric of torchmetrics; needs the extra ``torchmetrics``."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from surrogate_zoo.metrics.evaluator import SegmentationEvaluator
from surrogate_zoo.modes import MULTICLASS


class SegmentationMetric(Metric):  # type: ignore[misc]
    """:class:`lossfit.SegmentationEvaluator` as a ``torchmetrics.Metric``.

    Its states are the evaluator's totals, which torchmetrics adds up over processes: scores are those of
    the whole data set, not means of the processes' scores.

    Args:
        num_classes: C of the logits; 1 is binary with one channel.
        mode: ``multiclass`` or ``multilabel``, as of the evaluator.
        ignore_index: Label of void pixels.
        tolerance: Boundary tolerance in pixels.
        exclude_background: See the evaluator.
        **kwargs: Those of ``torchmetrics.Metric``.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    totals: Tensor

    def __init__(
        self,
        num_classes: int,
        *,
        mode: str = MULTICLASS,
        ignore_index: int = 255,
        tolerance: int = 5,
        exclude_background: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._options = {
            "mode": mode,
            "ignore_index": ignore_index,
            "tolerance": tolerance,
            "exclude_background": exclude_background,
        }
        self.num_classes = num_classes
        self.add_state("totals", default=self._evaluator().totals(), dist_reduce_fx="sum")

    def _evaluator(self) -> SegmentationEvaluator:
        return SegmentationEvaluator(self.num_classes, **self._options)  # type: ignore[arg-type]

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add a batch.

        Args:
            preds: Logits, float (N, C, H, W), or softmax probabilities; or labels as the evaluator takes.
                Of one channel and of a multilabel no probabilities: what is above 0 is on.
            target: Labels as the evaluator takes.
        """
        evaluator = self._evaluator()
        logits = preds.is_floating_point()
        evaluator.update(evaluator.labelling.predicted(preds) if logits else preds, target)
        self.totals = self.totals + evaluator.totals().to(self.totals.device)

    def compute(self) -> dict[str, Tensor]:
        """Return every metric by name, scalars; NaN where there was nothing to measure."""
        evaluator = self._evaluator()
        evaluator.restore(self.totals)
        return {name: torch.tensor(score) for name, score in evaluator.compute().items()}
