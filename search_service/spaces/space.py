"""A search space: what samplers need to know of it, and what one of its points stands for. No torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from surrogate_zoo.losses.dimensions import Dimension
from surrogate_zoo.losses.document import Document
from surrogate_zoo.metrics.targets import Target
from workers.tasks.instances import ClusteringSpec
from workers.tasks.proxy import Candidate

Theta: TypeAlias = tuple[float, ...]
"""Parameters of one candidate."""


@dataclass(frozen=True)
class Draft:
    """What a theta stands for: a loss, and what changes in the training with it.

    Attributes:
        loss: A draft of a loss file's content: its ``scale`` is null where it is to be measured on
            the batches that it is trained with (see ``surrogate_zoo.losses.drafts``).
        rate: Factor on the schedule's peak learning rate.
        embedding: Width of the network's embeddings; None leaves the network as it is.
        clustering: How objects are found in what it predicts; None takes that of the search's scoring.
        scaled: Whether it is trained with its scale. Otherwise it is trained with the scale 1, as the paper
            has it, and its loss file says the scale all the same: for whoever takes it to a rate of theirs.
    """

    loss: Document
    rate: float = 1.0
    embedding: int | None = None
    clustering: ClusteringSpec | None = None
    scaled: bool = True

    @property
    def changes(self) -> dict[str, Any]:
        """What a result tells of it beside its loss and parameters: what else it was found with."""
        told: dict[str, Any] = {}
        if not self.scaled:
            told["scale"] = 1.0
        if self.embedding is not None:
            told["embedding"] = self.embedding
        if self.clustering is not None:
            told["clustering"] = self.clustering.model_dump(mode="json")
        return told

    def candidate(self, number: int, learning_rate: float) -> Candidate:
        """What a worker trains for it.

        Args:
            number: Its trial's number.
            learning_rate: The schedule's peak rate.
        """
        return Candidate(
            number,
            dict(self.loss),
            learning_rate=learning_rate * self.rate,
            embedding=self.embedding,
            clustering=self.clustering,
            scaled=self.scaled,
        )


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


class Kind(Protocol):
    """Parameters that belong together: the portfolio fits a model of its own to each kind."""

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Name and range of each."""
        ...


class PortfolioSpace(Space, Protocol):
    """What the portfolio needs of a space: points that are known to be good, and kinds of points."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is searched for: metrics, or weighted sums of some, each with a winner."""
        ...

    @property
    def kinds(self) -> Sequence[Kind]:
        """The kinds; a theta is of one of them."""
        ...

    def portfolio(self, rates: Sequence[float]) -> list[Theta]:
        """What a search tries first, at each of these factors on the learning rate."""
        ...

    def couples(self, thetas: Sequence[Theta]) -> list[Theta]:
        """Sums of two of these points, those of the first ones first; none where points make no sums."""
        ...

    def parts(self, theta: Sequence[float]) -> tuple[int, Theta]:
        """The number of a theta's kind, and its point in the box of the kind's dimensions."""
        ...

    def joined(self, kind: int, point: Sequence[float]) -> Theta:
        """The theta of a point of a kind."""
        ...

    def plain(self, theta: Sequence[float]) -> bool:
        """Whether it is as the literature has it: what a search has to beat."""
        ...

    def group(self, theta: Sequence[float]) -> str:
        """What tables and figures put a theta with."""
        ...


def joint_target(metrics: Sequence[str]) -> Target:
    """All metrics that several targets hold, each once.

    Raises:
        UnknownNameError: No such metric.
        InputError: One of them is no weighted sum, or names a metric twice.
    """
    names = dict.fromkeys(name for metric in metrics for name in Target(metric).metrics)
    return Target("+".join(names)) if len(metrics) > 1 else Target(metrics[0])
