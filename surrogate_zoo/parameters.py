"""The search space: theta in the unit cube <-> control points of piecewise Bezier curves.

Needs NumPy alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from surrogate_zoo.control_points import check_control_points
from surrogate_zoo.errors import InputError, UnknownNameError
from surrogate_zoo.metrics import METRICS

ControlPoints: TypeAlias = dict[str, list[float]]
"""Curve name -> flat absolute coordinates u1, v1, u2, v2, ... of its inner control points, in 0..1."""

CURVE_FAMILIES = ("bezier",)
"""Names of the curve families that a space can be made of."""


@dataclass(frozen=True)
class ParameterSpace:
    """The parameters of one metric's surrogate, each in [0, 1].

    A curve of n quadratic Bezier segments has 2n - 1 inner control points B_i between (0, 0) and
    (1, 1). Coordinate by coordinate, ``theta_i = (B_i - B_{i-1}) / (1 - B_{i-1})``, so every point
    of the unit cube is a monotone curve with fixed ends (Auto Seg-Loss, eq. 8).

    Attributes:
        metric: Name of a metric in :data:`surrogate_zoo.METRICS`.
        family: Curve family; ``bezier``.
        segments: Bezier segments a curve; None takes the metric's own.
    """

    metric: str
    family: str = "bezier"
    segments: int | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown metric or family and a curve without segments."""
        default = METRICS[self.metric].segments
        if self.family not in CURVE_FAMILIES:
            raise UnknownNameError("curve family", self.family, CURVE_FAMILIES)
        if self.segments is None:
            object.__setattr__(self, "segments", default)
        if self.pieces < 1:
            raise InputError(f"segments must be at least 1, not {self.segments}.")

    @property
    def pieces(self) -> int:
        """Bezier segments a curve."""
        return int(self.segments or 0)

    @property
    def curves(self) -> tuple[str, ...]:
        """Curve names, in the order of their parameters."""
        return METRICS[self.metric].curves

    @property
    def _points(self) -> int:
        return 2 * self.pieces - 1

    @property
    def dimension(self) -> int:
        """Number of parameters: two for every inner control point of every curve."""
        return len(self.curves) * 2 * self._points

    @property
    def names(self) -> tuple[str, ...]:
        """One name a parameter, such as ``and.u1``."""
        return tuple(
            f"{c}.{axis}{i}"
            for c in self.curves
            for i in range(1, self._points + 1)
            for axis in "uv"
        )

    @property
    def start(self) -> NDArray[np.float64]:
        """Theta of the straight line, shape (dimension,): 1/(2n), 1/(2n - 1), ..., 1/2 along a curve."""
        steps = np.repeat(1.0 / np.arange(self._points + 1, 1, -1), 2)
        return np.tile(steps, len(self.curves))

    @property
    def bounded(self) -> bool:
        """Whether theta must lie in the box from :attr:`low` to :attr:`high`."""
        return True

    @property
    def low(self) -> NDArray[np.float64]:
        """Lower corner, shape (dimension,), of the box that samplers which need one draw from."""
        return np.zeros(self.dimension)

    @property
    def high(self) -> NDArray[np.float64]:
        """Upper corner of that box, shape (dimension,)."""
        return np.ones(self.dimension)

    def control_points(self, theta: Sequence[float] | NDArray[np.float64]) -> ControlPoints:
        """Turn theta, shape (dimension,) in [0, 1], into absolute control points.

        Raises:
            InputError: Theta has another length, or a value outside [0, 1].
        """
        cube = np.asarray(theta, dtype=np.float64)
        if cube.shape != (self.dimension,):
            raise InputError(f"theta must have shape ({self.dimension},), not {cube.shape}.")
        if not ((cube >= 0) & (cube <= 1)).all():
            raise InputError("theta must lie in [0, 1] in every coordinate.")
        # 1 - B_i = prod_j (1 - theta_j), j <= i
        points = 1.0 - np.cumprod(1.0 - cube.reshape(len(self.curves), self._points, 2), axis=1)
        return {
            name: row.reshape(-1).tolist() for name, row in zip(self.curves, points, strict=True)
        }

    def theta(self, control_points: Mapping[str, Sequence[float]]) -> NDArray[np.float64]:
        """Invert :meth:`control_points`; where a coordinate has reached 1, the rest is 0.

        Raises:
            InputError: Curves are missing, or control points do not rise within [0, 1].
        """
        if set(control_points) != set(self.curves):
            raise InputError(
                f"{self.metric} has the curves {list(self.curves)}, not {list(control_points)}."
            )
        rows = [np.asarray(control_points[name], dtype=np.float64) for name in self.curves]
        for name, row in zip(self.curves, rows, strict=True):
            if check_control_points(name, row.tolist()) != self.pieces:
                raise InputError(
                    f"Curve {name!r} does not have {self.pieces} segments: {row.tolist()}."
                )
        points = np.stack(rows).reshape(len(rows), self._points, 2)
        before = np.concatenate([np.zeros_like(points[:, :1]), points[:, :-1]], axis=1)
        room = 1.0 - before
        theta: NDArray[np.float64] = np.where(
            room > 0, (points - before) / np.where(room > 0, room, 1.0), 0.0
        )
        return np.clip(theta, 0.0, 1.0).reshape(-1)
