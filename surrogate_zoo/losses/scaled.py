"""A loss times its scale, as one loss."""

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from surrogate_zoo.errors import InputError
from surrogate_zoo.labelling import Labelling
from surrogate_zoo.processes import Processes


class Scaled(nn.Module):
    """A loss times a number > 0.

    Args:
        loss: A loss of the zoo; it checks the batch.
        scale: The factor.
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

    @property
    def labelling(self) -> Labelling | None:
        """What a pixel may carry; None of a loss that is none of the zoo's."""
        return getattr(self.loss, "labelling", None)

    @property
    def process_group(self) -> Processes:
        """As ``SurrogateLoss.process_group``."""
        return getattr(self.loss, "process_group", None)

    @process_group.setter
    def process_group(self, value: Processes) -> None:
        setattr(self.loss, "process_group", value)  # noqa: B010 - no attribute of nn.Module

    def forward(self, logits: Tensor, target: Tensor, **inputs: Tensor) -> Tensor:
        """Return the product; arguments and errors as of the loss itself."""
        value: Tensor = self.loss(logits, target, **inputs)
        return self.scale * value

    def extra_repr(self) -> str:
        """Name the scale in the module's printed form."""
        return f"scale={self.scale:g}"


def scaled(loss: nn.Module, document: Mapping[str, Any], overrides: Mapping[str, Any]) -> nn.Module:
    """Return a loss times its document's scale, or the loss itself where that is 1.

    Args:
        loss: What the document's kind says.
        document: The loss file's content.
        overrides: ``scale`` replaces the document's; without it, ``as_released`` makes it 1.

    Raises:
        InputError: The scale is no number above 0.
    """
    own = 1.0 if overrides.get("as_released") else document.get("scale", 1.0)
    scale = overrides.get("scale", own)
    number = isinstance(scale, int | float) and not isinstance(scale, bool)
    if not number or not (math.isfinite(scale) and scale > 0):
        raise InputError(f"scale must be a number above 0, not {scale!r}.")
    return loss if scale == 1 else Scaled(loss, float(scale))
