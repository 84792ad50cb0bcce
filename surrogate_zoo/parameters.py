"""The search space of a target: theta <-> the control points of all curves of its surrogate.

What a single curve's parameters are, :mod:`surrogate_zoo.curve_families` tells. Needs NumPy alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from surrogate_zoo.curve_families import CURVE_FAMILIES, CurveFamily
from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics import METRICS
from surrogate_zoo.targets import Target

ControlPoints: TypeAlias = dict[str, list[float]]
"""Curve name -> its flat absolute control points, as its family writes them."""


@dataclass(frozen=True)
class ParameterSpace:
    """The parameters of a target's surrogate: those of its curves, curve after curve.

    Attributes:
        metric: Name of a metric in :data:`surrogate_zoo.METRICS`, or a weighted sum of several,
            whose surrogates are then searched together.
        family: Name of a family in :data:`surrogate_zoo.curve_families.CURVE_FAMILIES`.
        segments: Segments a curve; None takes the family's own, or the metric's where the family
            has none (Bezier), of several metrics the largest.
    """

    metric: str
    family: str = "bezier"
    segments: int | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown metric or family and a curve of too few segments."""
        family = self._family
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

    @property
    def target(self) -> Target:
        """The metrics and their weights."""
        return Target(self.metric)

    @property
    def pieces(self) -> int:
        """Segments a curve."""
        return int(self.segments or 0)

    @property
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

    @property
    def names(self) -> tuple[str, ...]:
        """One name a parameter, such as ``and.u1``."""
        parameters = self._family.parameters(self.pieces)
        return tuple(f"{curve}.{name}" for curve in self.curves for name in parameters)

    @property
    def start(self) -> NDArray[np.float64]:
        """Theta of the straight line, shape (dimension,)."""
        return np.tile(self._family.start(self.pieces), len(self.curves))

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
        rows = values.reshape(len(self.curves), -1).tolist()
        return {
            name: self._family.control_points(row)
            for name, row in zip(self.curves, rows, strict=True)
        }

    def surrogates(
        self, theta: Sequence[float] | NDArray[np.float64]
    ) -> tuple[tuple[float, str, ControlPoints], ...]:
        """Weight, metric and control points of each of the target's surrogates; as the above."""
        points = iter(self.control_points(theta).values())
        return tuple(
            (weight, metric, dict(zip(METRICS[metric].curves, points, strict=False)))
            for weight, metric in self.target.terms
        )

    def theta(self, control_points: Mapping[str, Sequence[float]]) -> NDArray[np.float64]:
        """Find a theta that gives these control points, shape (dimension,).

        Raises:
            InputError: Curves are missing, or control points are not valid in the family.
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
        return np.array(theta)
