"""Curve families: which curves g shape a surrogate's logic, and how a search walks among them.

A family owns all that depends on it: the number of segments unless told otherwise, theta and its
box, control points and what makes them valid. The constraints of Auto Seg-Loss (eqs. 10, 11) stand here
and nowhere else: the truth table, g(0) = 0 and g(1) = 1, and monotonicity, g never falls. Whatever
their coordinates, all curves map [0, 1] into [0, 1]. How a curve is evaluated is told by
:data:`surrogate_zoo.curves.curves.SHAPES`. Needs neither NumPy nor torch.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from surrogate_zoo.errors import InputError
from surrogate_zoo.registry import Registry


@dataclass(frozen=True)
class CurveFamily(ABC):
    """One entry of :data:`CURVE_FAMILIES`; its methods speak of a single curve.

    Attributes:
        name: The name that users write.
        summary: What its curves are, in one sentence.
        source: Paper and equation.
        shape: How its curves are evaluated; a key of :data:`surrogate_zoo.curves.curves.SHAPES`.
        segments: Segments of a curve unless a search says otherwise; None takes the metric's own.
        least: The fewest segments of a curve.
        truth_table: Promises g(0) = 0 and g(1) = 1. Only then the surrogate equals its metric on
            one-hot input.
        monotone: Promises that g never falls.
        bounded: Whether theta must lie in the box from ``low`` to ``high``. If not, any finite theta
            is valid, and the box is where samplers draw that need one.
        low: The box's lower end, in every coordinate.
        high: Its upper end.
    """

    name: str
    summary: str
    source: str
    shape: str
    segments: int | None = None
    least: int = 1
    truth_table: bool = True
    monotone: bool = True
    bounded: bool = True
    low: float = 0.0
    high: float = 1.0

    @abstractmethod
    def parameters(self, segments: int) -> tuple[str, ...]:
        """Names of the entries of theta, in order."""

    @abstractmethod
    def start(self, segments: int) -> list[float]:
        """Theta of the straight line g(x) = x."""

    @abstractmethod
    def control_points(self, theta: Sequence[float]) -> list[float]:
        """Turn a valid theta into flat absolute control points."""

    @abstractmethod
    def theta(self, control_points: Sequence[float]) -> list[float]:
        """Turn valid control points into a theta that gives them."""

    @abstractmethod
    def check(self, curve: str, control_points: Sequence[float]) -> int:
        """Check the control points of the curve named ``curve``; return its number of segments.

        Raises:
            InputError: Their count fits no number of segments, or their values break the family's
                constraints (NaN does).
        """


@dataclass(frozen=True)
class BezierFamily(CurveFamily):
    """Piecewise quadratic Bezier curves (Auto Seg-Loss, eqs. 12 and 13), and its ablations.

    n segments have the points B_0, ..., B_2n with B_i = (u_i, v_i); neighbours share an end point.
    u_0 = 0 and u_2n = 1 always, and the u_i rise in between, for else the curve is no function.

    - All constraints: v_0 = 0, v_2n = 1, the v_i rise. For i = 1..2n-1 and both coordinates
      ``theta_i = (B_i - B_{i-1}) / (1 - B_{i-1})``, the share of the room up to 1 that a step takes.
    - Without truth table, eq. 10 falls: v_0 and v_2n are parameters too, and the same
      shares, of v_0, ..., v_2n now, keep all of them rising within [0, 1]. The straight line takes
      the shares 0 and 1 at the ends.
    - Without monotonicity, eq. 11 falls: v_i itself is the parameter, anywhere in
      [0, 1], for i = 1..2n-1. The u_i keep their shares.
    - With neither, v_0, ..., v_2n are the parameters, each anywhere in [0, 1].

    Theta is the u_i and v_i in turn: u1, v1, ..., or v0, u1, v1, ..., v2n without truth table.
    Control points are the inner points u1, v1, u2, v2, ...; without truth table all points, from
    0, v0 to 1, v2n. Where the straight line is not inside of the cube but on its face, a search may
    have to start a little inside.
    """

    shape: str = "bezier"

    def parameters(self, segments: int) -> tuple[str, ...]:
        """Names such as ``u1`` and ``v1``."""
        inner = range(1, 2 * segments)
        names = _interleaved([f"u{i}" for i in inner], [f"v{i}" for i in inner])
        return tuple(names) if self.truth_table else ("v0", *names, f"v{2 * segments}")

    def start(self, segments: int) -> list[float]:
        """Theta of the straight line: shares 1/(2n), 1/(2n - 1), ..., 1/2, or heights i/(2n)."""
        inner = range(1, 2 * segments)
        shares = [1 / (2 * segments + 1 - i) for i in inner]
        heights = shares if self.monotone else [i / (2 * segments) for i in inner]
        theta = _interleaved(shares, heights)
        return theta if self.truth_table else [0.0, *theta, 1.0]

    def control_points(self, theta: Sequence[float]) -> list[float]:
        """Turn theta in [0, 1] into flat absolute control points."""
        if self.truth_table:
            return _interleaved(_risen(theta[0::2]), self._heights(theta[1::2]))
        heights = self._heights([theta[0], *theta[2:-1:2], theta[-1]])
        return _interleaved([0.0, *_risen(theta[1:-1:2]), 1.0], heights)

    def theta(self, control_points: Sequence[float]) -> list[float]:
        """Invert :meth:`control_points`; where a rising coordinate has reached 1, the rest is 0."""
        across, up = control_points[0::2], control_points[1::2]
        heights = _shares(up) if self.monotone else [float(v) for v in up]
        if self.truth_table:
            return _interleaved(_shares(across), heights)
        return [heights[0], *_interleaved(_shares(across[1:-1]), heights[1:-1]), heights[-1]]

    def check(self, curve: str, control_points: Sequence[float]) -> int:
        """See the base class; n segments have 2n - 1 points, or 2n + 1 without truth table."""
        fixed = 2 if self.truth_table else -2  # coordinates of end points that are not written
        segments, rest = divmod(len(control_points) + fixed, 4)
        if rest or segments < 1:
            count = "2 (2n - 1)" if self.truth_table else "2 (2n + 1)"
            raise InputError(
                f"Curve {curve!r} needs {count} control point coordinates for n segments of the "
                f"family {self.name!r}, not {len(control_points)}."
            )
        across, up = control_points[0::2], control_points[1::2]
        if not self.truth_table and (across[0] != 0 or across[-1] != 1):
            raise InputError(
                f"Control points of curve {curve!r} must begin at u = 0 and end at u = 1 in the "
                f"family {self.name!r}: {list(across)}."
            )
        _check_rise(curve, across)
        (_check_rise if self.monotone else _check_range)(curve, up)
        return segments

    def _heights(self, theta: Sequence[float]) -> list[float]:
        return _risen(theta) if self.monotone else [float(v) for v in theta]


# A rise below this share is written back as this share: theta must be finite.
_LEAST_RISE = 1e-12


@dataclass(frozen=True)
class LinearFamily(CurveFamily):
    """Piecewise linear curves over knots at i/n (Auto Seg-Loss, appendix B).

    The n rises from knot to knot are a softmax of theta, so every real theta is a monotone curve
    with fixed ends, and a search needs no truncation. A constant that is added to theta changes
    nothing. Control points are the heights v1, ..., v_{n-1} at the inner knots.
    """

    shape: str = "linear"
    segments: int | None = 5
    least: int = 2  # a single segment leaves nothing to search
    bounded: bool = False
    low: float = -3.0
    high: float = 3.0

    def parameters(self, segments: int) -> tuple[str, ...]:
        """``rise1``, ..., one a segment."""
        return tuple(f"rise{i}" for i in range(1, segments + 1))

    def start(self, segments: int) -> list[float]:
        """Equal rises: zeros."""
        return [0.0] * segments

    def control_points(self, theta: Sequence[float]) -> list[float]:
        """Turn any finite theta into heights."""
        highest = max(theta)
        sums = list(accumulate(math.exp(value - highest) for value in theta))
        return [height / sums[-1] for height in sums[:-1]]

    def theta(self, control_points: Sequence[float]) -> list[float]:
        """Logarithms of the rises, with mean 0."""
        rises = [high - low for low, high in pairwise([0.0, *control_points, 1.0])]
        logs = [math.log(max(rise, _LEAST_RISE)) for rise in rises]
        mean = math.fsum(logs) / len(logs)
        return [value - mean for value in logs]

    def check(self, curve: str, control_points: Sequence[float]) -> int:
        """See the base class; n segments have n - 1 heights, and at least one."""
        if not control_points:
            raise InputError(
                f"Curve {curve!r} needs n - 1 control points for n segments, n at least 2, of the "
                f"family {self.name!r}, not 0."
            )
        _check_rise(curve, control_points)
        return len(control_points) + 1


def _interleaved(first: Sequence, second: Sequence) -> list:  # type: ignore[type-arg]
    return [value for pair in zip(first, second, strict=True) for value in pair]


def _risen(shares: Sequence[float]) -> list[float]:
    """Coordinates from shares of the room up to 1: ``1 - B_i = prod_j (1 - theta_j)``, j <= i."""
    return [1.0 - room for room in accumulate((1.0 - s for s in shares), lambda a, b: a * b)]


def _shares(coordinates: Sequence[float]) -> list[float]:
    """Invert :func:`_risen`."""
    steps = pairwise([0.0, *coordinates])
    return [min((high - low) / (1.0 - low), 1.0) if low < 1 else 0.0 for low, high in steps]


def _check_rise(curve: str, coordinates: Sequence[float]) -> None:
    if not all(low <= high for low, high in pairwise([0.0, *coordinates, 1.0])):
        raise InputError(
            f"Control points of curve {curve!r} must rise within [0, 1]: {list(coordinates)}."
        )


def _check_range(curve: str, coordinates: Sequence[float]) -> None:
    if not all(0 <= value <= 1 for value in coordinates):
        raise InputError(
            f"Control points of curve {curve!r} must lie in [0, 1]: {list(coordinates)}."
        )


_PAPER = "Li et al., Auto Seg-Loss, ICLR 2021"

CURVE_FAMILIES: Registry[CurveFamily] = Registry(
    "curve family",
    (
        BezierFamily("bezier", "Piecewise quadratic Bezier curves.", f"{_PAPER}, eqs. 12 and 13"),
        LinearFamily("linear", "Piecewise linear curves.", f"{_PAPER}, appendix B"),
        BezierFamily(
            "bezier-no-truth-table",
            "Rising Bezier curves whose values at 0 and 1 are searched too.",
            f"{_PAPER}, ablation of eq. 10",
            truth_table=False,
        ),
        BezierFamily(
            "bezier-no-monotonicity",
            "Bezier curves from (0, 0) to (1, 1) that may fall in between.",
            f"{_PAPER}, ablation of eq. 11",
            monotone=False,
        ),
        BezierFamily(
            "bezier-unconstrained",
            "Bezier curves without truth table that may fall.",
            f"{_PAPER}, ablation of eqs. 10 and 11",
            truth_table=False,
            monotone=False,
        ),
    ),
)
"""All curve families by name."""
