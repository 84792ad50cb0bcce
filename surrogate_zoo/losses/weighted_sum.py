"""The weighted sum of several losses, as one loss."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Term(NamedTuple):
    """One term of a sum.

    Attributes:
        weight: > 0.
        loss: A loss of the zoo.
        inputs: Names of the inputs that its ``forward`` takes beside logits and target.
    """

    weight: float
    loss: nn.Module
    inputs: tuple[str, ...]


class WeightedSum(nn.Module):
    """Sum of losses, each times its weight; each gets the inputs it asks for.

    Args:
        terms: The terms; their losses check the batch.
    """

    def __init__(self, terms: Iterable[Term]) -> None:
        super().__init__()
        kept = list(terms)
        self.weights = [term.weight for term in kept]
        self.losses = nn.ModuleList(term.loss for term in kept)
        self._inputs = [term.inputs for term in kept]

    @property
    def check_values(self) -> bool:
        """As ``SurrogateLoss.check_values``, for all terms at once."""
        return any(getattr(loss, "check_values", False) for loss in self.losses)

    @check_values.setter
    def check_values(self, value: bool) -> None:
        for loss in self.losses:
            setattr(loss, "check_values", value)  # noqa: B010 - no attribute of nn.Module

    def forward(self, logits: Tensor, target: Tensor, **inputs: Tensor) -> Tensor:
        """Return the sum; arguments and errors as of the terms' own losses."""
        values = [
            weight
            * loss(logits, target, **{name: inputs[name] for name in names if name in inputs})
            for weight, loss, names in zip(self.weights, self.losses, self._inputs, strict=True)
        ]
        return torch.stack(values).sum()
