"""The kinds of losses that a search of the zoo chooses among, each a box of its own parameters. No torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from search_service.spaces.space import Draft, Theta
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.dimensions import Dimension
from surrogate_zoo.losses.document import Document
from surrogate_zoo.losses.drafts import draft_of, sum_draft
from surrogate_zoo.losses.registry import LOSSES
from surrogate_zoo.metrics.targets import Target

CROSS_ENTROPY: Final = "cross-entropy"
SHARE: Final = Dimension("cross-entropy", 0.0, 0.9)
"""Weight of cross entropy in a mixture; the loss itself has the rest. Both have its gradient's norm."""


@dataclass(frozen=True)
class LossKind:
    """One kind of loss of a :class:`ZooSpace`, and a box of its own parameters.

    Attributes:
        name: Of the loss in the zoo, or ``surrogate-<metric>``; of a sum, ``<one> + <other>``.
        target: The metrics that score a candidate.
        handmade: Whether it is a loss of the literature, rather than a metric's surrogate.
        dimensions: The rate, then its own parameters, then its share of cross entropy if it has one.
        starts: Points that a search tries first, without the rate.
        make: Own parameters -> the loss file's content.
    """

    name: str
    target: Target
    handmade: bool
    dimensions: tuple[Dimension, ...]
    starts: tuple[Theta, ...]
    make: Callable[[Theta], Document]

    @property
    def names(self) -> tuple[str, ...]:
        """One name a parameter, the rate first."""
        return tuple(dimension.name for dimension in self.dimensions)

    @property
    def dimension(self) -> int:
        """Number of parameters, the rate among them."""
        return len(self.dimensions)

    @property
    def mixes(self) -> bool:
        """Whether it may stand beside cross entropy."""
        return self.dimensions[-1] == SHARE

    @property
    def low(self) -> NDArray[np.float64]:
        """Lower corner of the box, shape (dimension,)."""
        return np.array([dimension.low for dimension in self.dimensions])

    @property
    def high(self) -> NDArray[np.float64]:
        """Upper corner of the box, shape (dimension,)."""
        return np.array([dimension.high for dimension in self.dimensions])

    @property
    def start(self) -> NDArray[np.float64]:
        """Its first start at the schedule's own rate, shape (dimension,)."""
        return np.array([1.0, *self.starts[0]])

    @property
    def bounded(self) -> bool:
        """Theta must lie in the box."""
        return True

    def candidate(self, point: Sequence[float]) -> Draft:
        """What a point of the box stands for.

        Raises:
            InputError: It has another length, or leaves the box.
        """
        if len(point) != self.dimension:
            raise InputError(f"{self.name} has {self.dimension} parameters, not {len(point)}.")
        for dimension, value in zip(self.dimensions, point, strict=True):
            if not dimension.holds(value):
                raise InputError(
                    f"{dimension.name} of {self.name} must lie in [{dimension.low:g}, "
                    f"{dimension.high:g}], not {value}."
                )
        return Draft(self.made(tuple(point[1:])), point[0])

    def made(self, own: Theta) -> Document:
        """The draft of the loss with these parameters, the rate not among them."""
        share, own = (own[-1], own[:-1]) if self.mixes else (0.0, own)
        loss = draft_of(self.make(own))
        return _mixed(loss, share) if share > 0 else loss


def _mixed(loss: Document, share: float) -> Document:
    """The draft of a loss beside cross entropy, which has a ``share`` of the whole."""
    terms = [(1 - share, loss), (share, LOSSES[CROSS_ENTROPY].document())]
    return sum_draft(loss["name"], terms, title=loss["title"])
