"""A loss times a factor."""

from torch import Tensor, nn


class Scaled(nn.Module):
    """``scale * loss``: the shape of a loss with another size of step.

    Args:
        loss: A loss of the zoo.
        scale: > 0.
    """

    def __init__(self, loss: nn.Module, scale: float) -> None:
        super().__init__()
        self.loss = loss
        self.scale = scale

    @property
    def check_values(self) -> bool:
        """As ``SurrogateLoss.check_values``."""
        return bool(getattr(self.loss, "check_values", False))

    @check_values.setter
    def check_values(self, value: bool) -> None:
        setattr(self.loss, "check_values", value)  # noqa: B010 - no attribute of nn.Module

    def forward(self, logits: Tensor, target: Tensor, **inputs: Tensor) -> Tensor:
        """Return the loss times the scale; arguments and errors as of the loss itself."""
        value: Tensor = self.scale * self.loss(logits, target, **inputs)
        return value

    def extra_repr(self) -> str:
        """Name the scale in the module's printed form."""
        return f"scale={self.scale:g}"
