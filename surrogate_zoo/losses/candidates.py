"""The surrogates of many candidates on one batch, as one loss call."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from surrogate_zoo.batch import looks
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.constants import Constants
from surrogate_zoo.losses.declarations import BATCH
from surrogate_zoo.losses.scaled import Scaled
from surrogate_zoo.losses.surrogate import SurrogateLoss
from surrogate_zoo.processes import group_of

_ALIKE = (
    *("metric", "labelling", "family", "ignore_index", "tolerance", "exclude_background"),
    *("as_released", "reduction"),
)
"""What the losses of one call share."""


class CandidateLosses(Constants):
    """K surrogates of one metric that differ in control points and scales, each on logits of its own.

    Equal to K calls, value and gradient, in the kernels of one: one check, one softmax, one pass by curves
    whose control points are one tensor, one arithmetic over (K, C) sums. (The CPU evaluates the curves one
    candidate after the other, where numbers are faster than tensors, and so does the XOR of BF1 everywhere.)

    Args:
        losses: Surrogates, or such times a scale (:class:`surrogate_zoo.losses.scaled.Scaled`); at least one.

    Attributes:
        control_points: Float64 (curves, K, P); without any of the product logic.
        scales: Float64 (K,).

    Raises:
        InputError: There is none, one is no surrogate, or they differ in more than control points and scales.
    """

    control_points: Tensor
    scales: Tensor

    def __init__(self, losses: Sequence[nn.Module]) -> None:
        super().__init__()
        surrogates = [_surrogate(loss) for loss in losses]
        if not surrogates:
            raise InputError("CandidateLosses needs a surrogate at least.")
        self.first = surrogates[0]
        for each in surrogates:
            _check_alike(self.first, each)
        points = self.first.control_points
        if _curves(self.first):
            points = torch.stack([each.control_points for each in surrogates], dim=1)
        self.register_buffer("control_points", points, persistent=False)
        scales = [float(loss.scale) if isinstance(loss, Scaled) else 1.0 for loss in losses]
        factors = torch.tensor(scales, dtype=torch.float64, device=points.device)
        self.register_buffer("scales", factors, persistent=False)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each candidate.

        Args:
            logits: Scores of every candidate, float (K, N, C, H, W), or of volumes (K, N, C, D, H, W).
            target: Labels that all share; see ``SurrogateLoss``.

        Returns:
            Shape (K,), in the dtype that a single loss has. The gradient of the sum is, for each candidate,
            that of its own loss.

        Raises:
            InputError: As ``SurrogateLoss``, or the logits are of another number of candidates.
        """
        number = len(self.scales)
        if logits.ndim < 1 or len(logits) != number:
            raise InputError(
                f"logits must be those of {number} candidates, (K, N, C, H, W), not {tuple(logits.shape)}."
            )
        loss, looking = self.first, looks(self.first.check_values)
        loss.labelling.check(logits[0], target)
        masks = loss.masks_of(logits[0], target, looking=looking)
        with torch.autocast(logits.device.type, enabled=False):
            values = self._values(logits, masks)
            values = values * self.scales.to(values.dtype)
        if looking and not bool(torch.isfinite(values.detach()).all()):
            raise InputError(
                "logits hold NaN or infinite values at valid pixels: lower the learning rate."
            )
        return values

    def _values(self, logits: Tensor, masks: Tensor) -> Tensor:
        loss, number = self.first, len(self.scales)
        if loss.reduction != BATCH or loss.metric.package:
            # A metric from elsewhere may mix what has one dimension more.
            points = [self.control_points] * number
            if _curves(loss):
                points = list(self.control_points.unbind(1))
            return torch.stack(
                [loss.value_of(own, masks, each) for own, each in zip(logits, points, strict=True)]
            )
        masks = masks.repeat(number, *(1,) * (masks.ndim - 1))
        maps = loss.maps_of(logits.flatten(0, 1), masks, group_of(loss.process_group), number)
        return 1 - loss.metric.function(loss.logic_of(self.control_points, logits), maps)


def _curves(loss: SurrogateLoss) -> bool:
    """Whether a loss has curves."""
    return len(loss.control_points) > 0


def _surrogate(loss: nn.Module) -> SurrogateLoss:
    inner = loss.loss if isinstance(loss, Scaled) else loss
    if not isinstance(inner, SurrogateLoss):
        raise InputError(
            f"{type(inner).__name__} is no surrogate: call it for each candidate by itself."
        )
    return inner


def _check_alike(first: SurrogateLoss, other: SurrogateLoss) -> None:
    differing = [name for name in _ALIKE if getattr(first, name) != getattr(other, name)]
    if first.control_points.shape != other.control_points.shape:
        differing.append("control_points' number")
    if not first.class_weights.same(other.class_weights):
        differing.append("class_weights")
    if differing:
        raise InputError(
            f"Candidates of one call must agree in {', '.join(differing)}: call them by themselves."
        )
