"""The weighted sum of several losses, as one loss."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from surrogate_zoo.labelling import Labelling
from surrogate_zoo.losses.scaled import Scaled
from surrogate_zoo.processes import Processes


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
    def terms(self) -> list[Term]:
        """The terms that it was made from."""
        return list(map(Term, self.weights, self.losses, self._inputs))

    @property
    def check_values(self) -> bool:
        """As ``SurrogateLoss.check_values``, for all terms at once."""
        return any(getattr(loss, "check_values", False) for loss in self.losses)

    @check_values.setter
    def check_values(self, value: bool) -> None:
        for loss in self.losses:
            setattr(loss, "check_values", value)  # noqa: B010 - no attribute of nn.Module

    @property
    def labelling(self) -> Labelling | None:
        """What a pixel may carry; None of a loss that is none of the zoo's."""
        return getattr(next(iter(self.losses)), "labelling", None)

    @property
    def process_group(self) -> Processes:
        """As ``SurrogateLoss.process_group``, for all terms at once."""
        return getattr(next(iter(self.losses)), "process_group", None)

    @process_group.setter
    def process_group(self, value: Processes) -> None:
        for loss in self.losses:
            setattr(loss, "process_group", value)  # noqa: B010 - no attribute of nn.Module

    def forward(self, logits: Tensor, target: Tensor, **inputs: Tensor) -> Tensor:
        """Return the sum; arguments and errors as of the terms' own losses."""
        values = [
            weight
            * loss(logits, target, **{name: inputs[name] for name in names if name in inputs})
            for weight, loss, names in zip(self.weights, self.losses, self._inputs, strict=True)
        ]
        return torch.stack(values).sum()


def of_logits(loss: nn.Module) -> nn.Module | None:
    """The part of a loss that reads the logits: what auxiliary logits are trained with.

    Args:
        loss: A loss of the zoo, or any other module that is called like one.

    Returns:
        The loss itself where all of it reads them; a sum without the terms that do not, which shares
        the other terms with it; None where nothing is left.
    """
    if isinstance(loss, Scaled):
        part = of_logits(loss.loss)
        return loss if part is loss.loss else None if part is None else Scaled(part, loss.scale)
    if not isinstance(loss, WeightedSum):
        return loss if getattr(loss, "reads_logits", True) else None
    parts = [(term, of_logits(term.loss)) for term in loss.terms]
    if all(part is term.loss for term, part in parts):
        return loss
    kept = [term._replace(loss=part) for term, part in parts if part is not None]
    return WeightedSum(kept) if kept else None
