"""The losses of a training, step by step, on its device."""

import math

import torch
from torch import Tensor

from workers.tasks.base import Curve

CURVE_POINTS = 50


class LossRecord:
    """The loss of every step.

    Args:
        iterations: How many steps there will be.
        device: Where the losses are.

    Attributes:
        values: float32 (``iterations``,).
    """

    def __init__(self, iterations: int, device: torch.device) -> None:
        self.values = torch.zeros(iterations, device=device)

    def note(self, at: int | Tensor, loss: Tensor) -> None:
        """Note the loss () of a step, whose number may be on the device, int64 (1,)."""
        if isinstance(at, Tensor):
            self.values.index_copy_(0, at, loss[None])
        else:
            self.values[at] = loss

    def sound(self, steps: int) -> Tensor:
        """Whether the losses of the first steps are finite: bool () on the device, not awaited."""
        return torch.isfinite(self.values[:steps]).all()

    def wrong(self, steps: int) -> str | None:
        """Which of the first steps' losses is not finite; None where all are."""
        found = (~torch.isfinite(self.values[:steps])).nonzero()
        if not len(found):
            return None
        step = int(found[0])
        return f"The loss became {float(self.values[step])} at iteration {step}."

    def curve(self, steps: int) -> Curve:
        """(iteration, mean loss since the point before), about fifty points; ends at a failure."""
        losses = self.values[:steps].cpu()
        width = max(1, steps // CURVE_POINTS)
        ends = range(width, steps + 1, width)
        means = [(end, float(losses[end - width : end].mean())) for end in ends]
        return tuple((end, mean) for end, mean in means if math.isfinite(mean))
