"""Tells before any training that a loss is hopeless: gradient steps on predictions alone.

After the loss-rejection test of AutoLoss-Zero (Li et al., CVPR 2022, section 3.3): predictions for a
few training images are optimised with the loss directly, without a network; one that hardly raises
the metric is not worth a training. Departures: predictions start from coarse random logits instead of
a network's; steps are few and of one length, so that the test tells where a loss pulls, not how hard;
and the measure is the naive surrogate, which the straight line is, instead of cross entropy.

A network shares its weights between pixels and averages over many batches, which the test does not
see: it finds losses that pull at the wrong pixels, and no others.
"""

from math import isfinite

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surrogate_zoo import SegmentationEvaluator, SurrogateLoss
from surrogate_zoo.errors import LossfitError
from surrogate_zoo.labelling import labelling_of
from surrogate_zoo.losses.weighted_sum import Term, WeightedSum
from surrogate_zoo.metrics.targets import Target
from surrogate_zoo.modes import MULTICLASS
from workers.learning.streams import Stream, generator
from workers.tasks.proxy import ProxyTask, RejectionSpec

BLOB = 8  # pixels between two random logits; those between are interpolated
FLAT = 1e-12  # least root mean square of a gradient


class RejectionTest:
    """The test of one task; its answer depends on the task and the loss alone.

    Args:
        task: The proxy task.
        spec: How to test.
        masks: int64 (N, H, W) of a training batch, 255 = void, or (N, C, H, W) of a multi-label; the first
            ``spec.images`` count.
        num_classes: C of the logits; 1 is binary with one channel.
        mode: ``multiclass`` or ``multilabel``.
    """

    def __init__(
        self,
        task: ProxyTask,
        spec: RejectionSpec,
        masks: Tensor,
        num_classes: int,
        *,
        mode: str = MULTICLASS,
    ) -> None:
        self._task, self._spec, self._labelling = task, spec, labelling_of(num_classes, mode)
        self._options = {**task.scoring.of_labels, "mode": mode}
        self._target = Target(task.metric)
        self._masks = masks[: spec.images]
        self._logits = _coarse_logits(self._masks, num_classes, task.seed)
        self._before = self._score(self._logits)
        self._line = self.gain(self._naive())

    def reason(self, loss: nn.Module) -> str | None:
        """Why a loss is rejected; None where it is to be trained.

        Nothing is rejected where even the straight line raises nothing, or where there is nothing
        to measure. A loss that cannot be computed is left to the training, which says why.

        Args:
            loss: ``forward(logits (N, C, H, W) float32, target (N, H, W) int64) -> scalar``.
        """
        try:
            gain = self.gain(loss)
        except LossfitError:
            return None
        if gain is None or self._line is None or gain >= self._spec.share * max(0.0, self._line):
            return None
        return (
            f"Rejected before training: {self._spec.steps} gradient steps on predictions alone "
            f"change {self._task.metric} by {gain:+.4f}; it takes {self._spec.share:g} of the "
            f"{self._line:+.4f} of the straight line."
        )

    def gain(self, loss: nn.Module) -> float | None:
        """What the steps raise the metric by; None where there is nothing to measure."""
        if self._before is None:
            return None
        logits = self._logits.clone().requires_grad_()
        for _ in range(self._spec.steps):
            (gradient,) = torch.autograd.grad(loss(logits, self._masks), logits)
            length = gradient.square().mean().sqrt().clamp_min(FLAT)
            with torch.no_grad():
                logits -= self._spec.step_size * gradient / length
        after = self._score(logits.detach())
        return None if after is None else after - self._before

    def _naive(self) -> nn.Module:
        """The straight line of every curve: the naive surrogates of the target's metrics."""
        channels = self._labelling.channels
        return WeightedSum(
            Term(weight, SurrogateLoss(name, None, num_classes=channels, **self._options), ())
            for weight, name in self._target.terms
        )

    def _score(self, logits: Tensor) -> float | None:
        evaluator = SegmentationEvaluator(self._labelling.channels, **self._options)
        evaluator.update(self._labelling.predicted(logits), self._masks)
        measured = {name: score for name, score in evaluator.compute().items() if isfinite(score)}
        return self._target.score(measured)


def _coarse_logits(masks: Tensor, num_classes: int, seed: int) -> Tensor:
    """Random logits (N, C, H, W): blobs of classes, whose borders lie anywhere."""
    count, (height, width) = len(masks), masks.shape[-2:]
    grid = (count, num_classes, -(-height // BLOB), -(-width // BLOB))
    normal = generator(seed, Stream.PREDICTIONS).standard_normal(grid)
    drawn = torch.from_numpy(normal).float()
    size = (height, width)
    return F.interpolate(drawn.to(masks.device), size=size, mode="bilinear", align_corners=False)
