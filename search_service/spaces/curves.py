"""The paper's search space: curves that shape the logic of a metric's surrogate. No torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_service.spaces.space import Draft
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.document import Document, sum_document, surrogate_document
from surrogate_zoo.losses.drafts import draft_of, in_mode
from surrogate_zoo.losses.parameter_space import ControlPoints, ParameterSpace
from surrogate_zoo.metrics.targets import Target
from surrogate_zoo.modes import MULTICLASS


@dataclass(frozen=True)
class CurveSpace:
    """The curves of a target's surrogates, and the learning rate where it is searched too.

    Attributes:
        parameters: The curves, and the weights of several surrogates.
        name: Name of the losses.
        title: Their title.
        options: Options of the surrogates, such as ``tolerance``.
        companion: A loss that is added to every candidate's surrogate.
        rates: Least and largest factor on the schedule's peak learning rate, one more parameter, the
            last; None leaves the rate as it is.
        scaled: Whether candidates are trained with the gradient of cross entropy, rather than their own.
        mode: Of the logits, which candidates say: ``multiclass`` or ``multilabel``.
    """

    parameters: ParameterSpace
    name: str = "candidate"
    title: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    companion: Document | None = None
    rates: tuple[float, float] | None = None
    scaled: bool = False
    mode: str = MULTICLASS

    @property
    def target(self) -> Target:
        """The metrics and their weights."""
        return self.parameters.target

    @property
    def names(self) -> tuple[str, ...]:
        """One name a parameter, such as ``and.u1``."""
        return (*self.parameters.names, *(("rate",) if self.rates else ()))

    @property
    def dimension(self) -> int:
        """Number of parameters."""
        return len(self.names)

    @property
    def bounded(self) -> bool:
        """Whether theta must lie in the box; a rate that leaves it is taken as the end it is past."""
        return self.parameters.bounded

    @property
    def low(self) -> NDArray[np.float64]:
        """Lower corner of the box, shape (dimension,)."""
        return self._with_rate(self.parameters.low, 0.0)

    @property
    def high(self) -> NDArray[np.float64]:
        """Upper corner of the box, shape (dimension,)."""
        return self._with_rate(self.parameters.high, 1.0)

    @property
    def start(self) -> NDArray[np.float64]:
        """The straight line, at the schedule's own rate as far as the box holds it."""
        return self.at_own_rate(self.parameters.start)

    def at_own_rate(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """A theta of the curves with the schedule's own rate, as far as the box holds it."""
        if self.rates is None:
            return theta
        low, high = np.log(self.rates)
        return self._with_rate(theta, float(np.clip(-low / (high - low), 0, 1)))

    def named(self, theta: Sequence[float]) -> dict[str, Any]:
        """Each coordinate by its name; the rate as the factor that it stands for."""
        named = dict(zip(self.names, theta, strict=True))
        return named | ({"rate": self._rate(theta)} if self.rates else {})

    def curves(self, theta: Sequence[float]) -> tuple[float, ...]:
        """The part of a theta that is of the curves and the weights."""
        return tuple(theta[: self.parameters.dimension])

    def candidate(self, theta: Sequence[float]) -> Draft:
        """See :class:`search_service.spaces.space.Space`."""
        if len(theta) != self.dimension:
            raise InputError(f"theta must have {self.dimension} numbers, not {len(theta)}.")
        loss = in_mode(self._loss(self.curves(theta)), self.mode)
        return Draft(draft_of(loss), self._rate(theta), scaled=self.scaled)

    def _loss(self, theta: Sequence[float]) -> Document:
        """A surrogate, or the weighted sum of several and of the companion."""
        terms = self.parameters.surrogates(theta)
        if len(terms) == 1 and self.companion is None:
            return self._surrogate(self.name, *terms[0][1:])
        summands = [
            (weight, self._surrogate(f"{self.name[:100]}.{metric}", metric, points))
            for weight, metric, points in terms
        ]
        summands += [] if self.companion is None else [(1.0, self.companion)]
        return sum_document(self.name, summands, title=self.title)

    def _surrogate(self, name: str, metric: str, points: ControlPoints) -> Document:
        return surrogate_document(
            name,
            metric,
            points,
            family=self.parameters.family,
            title=self.title,
            options=self.options,
        )

    def _rate(self, theta: Sequence[float]) -> float:
        if self.rates is None:
            return 1.0
        low, high = self.rates
        ends = self.parameters.low[-1], self.parameters.high[-1]
        share = float(np.clip((theta[-1] - ends[0]) / (ends[1] - ends[0]), 0, 1))
        return float(low * (high / low) ** share)

    def _with_rate(self, values: NDArray[np.float64], share: float) -> NDArray[np.float64]:
        """Append the rate's coordinate, where there is one: its ends are those of the curves."""
        if self.rates is None:
            return values
        low, high = self.parameters.low[-1], self.parameters.high[-1]
        return np.append(values, low + share * (high - low))
