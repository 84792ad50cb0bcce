"""A search space: what samplers need to know of it, and what one of its points stands for. No torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from surrogate_zoo.losses.document import Document
from surrogate_zoo.metrics.targets import Target

Theta: TypeAlias = tuple[float, ...]
"""Parameters of one candidate."""


@dataclass(frozen=True)
class Draft:
    """What a theta stands for: a loss, and what changes in the training with it.

    Attributes:
        loss: A draft of a loss file's content: its ``scale`` is null where it is to be measured on
            the batches that it is trained with (see ``surrogate_zoo.losses.drafts``).
        rate: Factor on the schedule's peak learning rate.
    """

    loss: Document
    rate: float = 1.0


class Space(Protocol):
    """What every space can tell."""

    @property
    def target(self) -> Target:
        """The metrics that score a candidate, and their weights."""
        ...

    def named(self, theta: Sequence[float]) -> dict[str, Any]:
        """A theta's parameters by name, for people."""
        ...

    def candidate(self, theta: Sequence[float]) -> Draft:
        """What a theta stands for.

        Raises:
            InputError: It is no theta of this space.
        """
        ...


class Box(Protocol):
    """What a sampler needs of parameters that all have values in an interval."""

    @property
    def target(self) -> Target:
        """The metrics that score a candidate, and their weights."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """One name a parameter."""
        ...

    @property
    def dimension(self) -> int:
        """Number of parameters."""
        ...

    @property
    def low(self) -> NDArray[np.float64]:
        """Lower corner, shape (dimension,), of the box that samplers which need one draw from."""
        ...

    @property
    def high(self) -> NDArray[np.float64]:
        """Upper corner of that box, shape (dimension,)."""
        ...

    @property
    def start(self) -> NDArray[np.float64]:
        """Where a search starts unless it is told otherwise, shape (dimension,)."""
        ...

    @property
    def bounded(self) -> bool:
        """Whether theta must lie in the box."""
        ...
