"""The search space of a target: theta <-> the control points of all curves of its surrogate.

What a single curve's parameters are, :mod:`surrogate_zoo.curves.families` tells. Needs NumPy alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from surrogate_zoo.curves.families import CURVE_FAMILIES, CurveFamily
from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.metrics.targets import Target

WEIGHT_RATIO = 32.0
"""How many times its own share a weight that is searched may become, or a fraction of it."""

ControlPoints: TypeAlias = dict[str, list[float]]
"""Curve name -> its flat absolute control points, as its family writes them."""


def check_surrogates(target: Target) -> None:
    """Refuse a target that has no surrogate: those of metrics are built, those of objects are not.

    Raises:
        InputError: The target has a score of objects.
    """
    without = [name for name in target.metrics if name not in METRICS]
    if without:
        raise InputError(
            f"{', '.join(without)} scores objects and has no surrogate whose curves could be searched: "
            f"aim at a metric of label maps, {', '.join(METRICS)}."
        )


@dataclass(frozen=True)
class ParameterSpace:
    """The parameters of a target's surrogate: those of its curves, curve after curve, then weights.

    Attributes:
        metric: Name of a metric in :data:`surrogate_zoo.METRICS`, or a weighted sum of several,
            whose surrogates are then searched together.
        family: Name of a family in :data:`surrogate_zoo.curves.families.CURVE_FAMILIES`.
        segments: Segments a curve; None takes the family's own, or the metric's where the family
            has none (Bezier), of several metrics the largest.
        mixed: Whether the weights of the surrogates in their sum are searched too: one parameter
            ``weight.<metric>`` for every metric but the first. From low to high it takes the
            metric's weight by that of the first from a 32nd of the target's to 32 times it, in
            steps of equal ratio; half-way, where the start is, lie the target's own weights.
    """

    metric: str
    family: str = "bezier"
    segments: int | None = None
    mixed: bool = False

    def __post_init__(self) -> None:
        """Refuse an unknown metric or family, too few segments, and the weight of a single metric."""
        family = self._family
        check_surrogates(self.target)
        if self.mixed and len(self.target.metrics) == 1:
            raise InputError(f"{self.metric!r} is one metric: there are no weights to search.")
        if self.segments is None:
            most = max(METRICS[name].segments for name in self.target.metrics)
            object.__setattr__(self, "segments", family.segments or most)
        if self.pieces < family.least:
            raise InputError(
                f"segments must be at least {family.least} in the family {self.family!r}, "
                f"not {self.segments}."
            )

    @property
    def _family(self) -> CurveFamily:
        return CURVE_FAMILIES[self.family]

    @cached_property
    def target(self) -> Target:
        """The metrics and their weights."""
        return Target(self.metric)

    @property
    def pieces(self) -> int:
        """Segments a curve."""
        return int(self.segments or 0)

    @cached_property
    def curves(self) -> tuple[str, ...]:
        """Curve names, in the order of their parameters; of several metrics ``miou:and``."""
        if len(self.target.metrics) == 1:
            return METRICS[self.metric].curves
        return tuple(
            f"{metric}:{curve}"
            for metric in self.target.metrics
            for curve in METRICS[metric].curves
        )

    @property
    def dimension(self) -> int:
        """Number of parameters."""
        return len(self.names)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """One name a parameter, such as ``and.u1``."""
        parameters = self._family.parameters(self.pieces)
        shapes = [f"{curve}.{name}" for curve in self.curves for name in parameters]
        weights = self.target.metrics[1:] if self.mixed else ()
        return (*shapes, *(f"weight.{metric}" for metric in weights))

    @property
    def _shapes(self) -> int:
        """Number of parameters that are of curves; those of weights come after them."""
        return len(self.curves) * len(self._family.parameters(self.pieces))

    @property
    def start(self) -> NDArray[np.float64]:
        """Theta of the straight line and of the target's own weights, shape (dimension,)."""
        theta = (self.low + self.high) / 2
        theta[: self._shapes] = np.tile(self._family.start(self.pieces), len(self.curves))
        return theta

    @property
    def bounded(self) -> bool:
        """Whether theta must lie in the box from :attr:`low` to :attr:`high`."""
        return self._family.bounded

    @property
    def low(self) -> NDArray[np.float64]:
        """Lower corner, shape (dimension,), of the box that samplers which need one draw from."""
        return np.full(self.dimension, self._family.low)

    @property
    def high(self) -> NDArray[np.float64]:
        """Upper corner of that box, shape (dimension,)."""
        return np.full(self.dimension, self._family.high)

    def control_points(self, theta: Sequence[float] | NDArray[np.float64]) -> ControlPoints:
        """Turn theta, shape (dimension,), into absolute control points.

        Raises:
            InputError: Theta has another length, is not finite, or leaves the box of a bounded space.
        """
        values = np.asarray(theta, dtype=np.float64)
        if values.shape != (self.dimension,):
            raise InputError(f"theta must have shape ({self.dimension},), not {values.shape}.")
        if not np.isfinite(values).all():
            raise InputError("theta must be finite in every coordinate.")
        low, high = self._family.low, self._family.high
        if self.bounded and not ((values >= low) & (values <= high)).all():
            raise InputError(f"theta must lie in [{low:g}, {high:g}] in every coordinate.")
        rows = values[: self._shapes].reshape(len(self.curves), -1).tolist()
        return {
            name: self._family.control_points(row)
            for name, row in zip(self.curves, rows, strict=True)
        }

    def weights(self, theta: Sequence[float] | NDArray[np.float64]) -> tuple[float, ...]:
        """Weight of each metric's surrogate, above 0; their sum is that of the target's own.

        Where theta has no bounds, a parameter outside its box is taken as the end that it is past.
        """
        base = np.array([weight for weight, _ in self.target.terms])
        if not self.mixed:
            return tuple(base.tolist())
        share = ((np.asarray(theta) - self.low) / (self.high - self.low))[self._shapes :]
        powers = np.append(0.0, 2 * np.clip(share, 0, 1) - 1)
        weights = base * WEIGHT_RATIO**powers
        return tuple((weights * (base.sum() / weights.sum())).tolist())

    def surrogates(
        self, theta: Sequence[float] | NDArray[np.float64]
    ) -> tuple[tuple[float, str, ControlPoints], ...]:
        """Weight, metric and control points of each of the target's surrogates; as the above."""
        points = iter(self.control_points(theta).values())
        return tuple(
            (weight, metric, dict(zip(METRICS[metric].curves, points, strict=False)))
            for weight, metric in zip(self.weights(theta), self.target.metrics, strict=True)
        )

    def theta(
        self,
        control_points: Mapping[str, Sequence[float]],
        weights: Sequence[float] | None = None,
    ) -> NDArray[np.float64]:
        """Find a theta that gives these control points, shape (dimension,).

        Args:
            control_points: As :meth:`control_points` gives them.
            weights: As :meth:`weights` gives them, up to a factor; None takes the target's own.
                Only looked at where they are searched.

        Raises:
            InputError: Curves are missing, control points are not valid in the family, or weights
                are further from the target's own than a search goes.
        """
        if set(control_points) != set(self.curves):
            raise InputError(
                f"{self.metric} has the curves {list(self.curves)}, not {list(control_points)}."
            )
        theta: list[float] = []
        for name in self.curves:
            row = [float(value) for value in control_points[name]]
            if self._family.check(name, row) != self.pieces:
                raise InputError(f"Curve {name!r} does not have {self.pieces} segments: {row}.")
            theta += self._family.theta(row)
        return np.array([*theta, *self._theta_of_weights(weights)])

    def _theta_of_weights(self, weights: Sequence[float] | None) -> list[float]:
        if not self.mixed:
            return []
        base = np.array([weight for weight, _ in self.target.terms])
        ratios = (base if weights is None else np.array(weights)) / base
        powers = (np.log(ratios / ratios[0]) / np.log(WEIGHT_RATIO))[1:]
        if (np.abs(powers) > 1 + 1e-9).any():
            raise InputError(
                f"The weights {list(weights or ())} are more than {WEIGHT_RATIO:g} times away from "
                f"those of {self.metric}."
            )
        low, high = self.low[self._shapes :], self.high[self._shapes :]
        theta: list[float] = (low + (high - low) * np.clip((powers + 1) / 2, 0, 1)).tolist()
        return theta
