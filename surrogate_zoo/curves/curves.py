"""Piecewise curves g: [0, 1] -> [0, 1] that shape a surrogate's AND and OR, and their slopes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from surrogate_zoo.curves.families import CURVE_FAMILIES
from surrogate_zoo.curves.pointwise import blocks, sloped
from surrogate_zoo.curves.segments import Table, line, of_segment, product_sum

# The slope of a curve is infinite where a segment starts or ends vertically; it is cut here, so that
# gradients stay finite.
_STEEPEST = 1e6

# Values that lie side by side on the CPU: one beyond the first segment, and all of them are looked at.
_GROUP = 128


@dataclass(frozen=True, eq=False)
class PiecewiseCurve(ABC):
    """A curve of segments; evaluating it keeps its slope for the backward pass.

    K curves are applied to values whose first dimension is that of K candidates one behind the other, all
    by one call.

    Attributes:
        control_points: Flat, as the curve's family writes them, (P,), or of K curves (K, P), each for its
            part of what they are applied to. Not differentiated: they are searched.
        truth_table: Whether g(0) = 0 and g(1) = 1, which control points then do not repeat.
        kernel: Gives g(x) and g'(x) of float32 values in one pass over them; None leaves it to torch.
    """

    control_points: Tensor
    truth_table: bool = True
    kernel: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Return g(x).

        Args:
            x: Values in [0, 1] of any shape, float32 or float64.

        Returns:
            Shape and dtype of ``x``, in [0, 1]; g(0) and g(1) are exact. The slope is at most 1e6.
        """
        return sloped(self.with_slope, self._plain, x)

    @property
    @abstractmethod
    def points(self) -> Tensor:
        """All points x, y from x = 0 to x = 1, those between segments and within, float64 (..., P, 2)."""

    @property
    def candidates(self) -> int:
        """K, the curves that are applied side by side; 1 of a single one."""
        return len(self.control_points) if self.control_points.ndim > 1 else 1

    def of(self, candidate: int) -> "PiecewiseCurve":
        """The curve of one candidate."""
        if self.control_points.ndim == 1:
            return self
        return replace(self, control_points=self.control_points[candidate], kernel=None)

    @abstractmethod
    def _coefficients(self, points: Tensor) -> Tensor:
        """Rows of one number a segment, (R, ..., n); x and y where it starts are the first two."""

    @abstractmethod
    def _evaluate(self, x: Tensor, chosen: list[Tensor], value: Tensor, slope: Tensor) -> None:
        """Write g(x) and g'(x) by the coefficients ``chosen`` for every x; all of shape (P,)."""

    @abstractmethod
    def _on_segment(self, x: Tensor, numbers: list[float], value: Tensor, slope: Tensor) -> None:
        """The same where all lie in one segment, whose coefficients are ``numbers``, in fewer passes."""

    @abstractmethod
    def _value(self, x: Tensor, chosen: list[Tensor]) -> Tensor:
        """g(x) for torch to differentiate; the coefficients are of the shape of ``x``, or numbers."""

    def with_slope(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """g(x) and g'(x), of the shape of ``x``; nothing is differentiated."""
        if self.kernel is not None and x.dtype == torch.float32:
            return self.kernel(x)
        lines, table = x.reshape(self.candidates, 1, -1), self.table(x.dtype)
        value, slope = x.new_empty(lines.shape), x.new_empty(lines.shape)
        for part in blocks(lines, whole=False):
            self._write(*table.of(part[0], lines), lines[part], value[part], slope[part])
            value[part].clamp_(0, 1)  # rounding
        return value.view(x.shape), slope.view(x.shape)

    def evaluator(self, dtype: torch.dtype) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """:meth:`with_slope` of a single curve, for many small x."""
        table = self.table(dtype)

        def evaluate(x: Tensor) -> tuple[Tensor, Tensor]:
            value, slope = torch.empty_like(x), torch.empty_like(x)
            self._write(table.rows[:, 0], table.ends[0], x, value, slope)
            return value.clamp_(0, 1), slope

        return evaluate

    def sums(self, region: Tensor | None, x: Tensor) -> tuple[Tensor, Tensor]:
        """Sums of g(x), (N, C), over the pixels of a region of each image, and their slopes, (N, C, H, W).

        Nothing is differentiated.

        Args:
            region: 0 and 1, float (N, H, W); None takes all pixels.
            x: Values in [0, 1], float (N, C, H, W), or of volumes (N, C, D, H, W).
        """
        planes, table = x.flatten(2), self.table(x.dtype)
        slope, totals = x.new_empty(planes.shape), x.new_zeros(planes.shape[:2])
        counted = None if region is None else region.flatten(1)[:, None]
        for images, classes, pixels in blocks(planes, whole=False):
            part, steep = planes[images, classes, pixels], slope[images, classes, pixels]
            value = x.new_empty(part.shape)
            self._write(*table.of(images, planes), part, value, steep)
            if counted is not None:
                value.mul_(counted[images, :, pixels])
                steep.mul_(counted[images, :, pixels])
            totals[images, classes] += value.sum(2)
        return totals, slope.view(x.shape)

    def _plain(self, x: Tensor) -> Tensor:
        """g(x) in operations that torch differentiates."""
        lines = x.reshape(self.candidates, -1) if self.candidates > 1 else x
        rows, ends = self.table(x.dtype)
        rows, end = (rows[:, :, None], ends[:, None]) if self.candidates > 1 else (rows[:, 0], ends)
        chosen = list(rows[..., 0])
        for segment in range(1, rows.shape[-1]):
            beyond = lines > rows[0, ..., segment]  # a knot belongs to the segment that it ends
            chosen = [
                torch.where(beyond, own, was)
                for own, was in zip(rows[..., segment], chosen, strict=True)
            ]
        return torch.where(lines >= 1, end, self._value(lines, chosen)).view(x.shape)

    def table(self, dtype: torch.dtype) -> Table:
        """The coefficients of all segments and curves."""
        points = self.points
        rows, ends = self._coefficients(points).to(dtype), points[..., -1, 1].to(dtype)
        return Table(rows if rows.ndim > 2 else rows[:, None], ends.reshape(-1))

    def _write(
        self, coefficients: Tensor, end: Tensor, x: Tensor, value: Tensor, slope: Tensor
    ) -> None:
        """Write g(x), but for rounding in [0, 1], and g'(x) into contiguous tensors of the shape of ``x``."""
        if x.device.type == "cpu" and end.ndim == 0:
            flat = x.reshape(-1), value.view(-1), slope.view(-1)
            self._write_by_groups(coefficients, end, *flat)
        else:
            self._write_anywhere(coefficients, end, x, value, slope)

    def _write_anywhere(
        self, coefficients: Tensor, end: Tensor, x: Tensor, value: Tensor, slope: Tensor
    ) -> None:
        """The same, by the segment that each x is in."""
        # The first segment starts at x = 0, and at y = 0 too by the truth table.
        chosen = of_segment(x, coefficients, zeros=2 if self.truth_table else 1)
        self._evaluate(x, chosen, value, slope)
        _finish(end, x, value)

    def _write_by_groups(
        self, coefficients: Tensor, end: Tensor, x: Tensor, value: Tensor, slope: Tensor
    ) -> None:
        """The same on the CPU, of (P,): most of many classes' probabilities lie in the first segment.

        All go by the first segment's numbers, then once more those groups of neighbours where one lies
        beyond it. Which segment each x is in costs more passes than the curve itself.
        """
        if coefficients.shape[-1] == 1:
            self._on_segment(x, coefficients[:, 0].tolist(), value, slope)
            _finish(end, x, value)
            return
        everything = len(x) - len(x) % _GROUP
        first, *rest = (each[:everything].view(-1, _GROUP) for each in (x, value, slope))
        most = first.amax(1)
        beyond = ((most > coefficients[0, 1]) | (most >= 1)).nonzero()[:, 0]
        if 2 * len(beyond) > len(first):
            self._write_anywhere(coefficients, end, x, value, slope)
            return
        self._on_segment(first, coefficients[:, 0].tolist(), *rest)
        if len(beyond):
            again = first[beyond]
            found = torch.empty_like(again), torch.empty_like(again)
            self._write_anywhere(coefficients, end, again, *found)
            for written, own in zip(rest, found, strict=True):
                written.index_copy_(0, beyond, own)
        if everything < len(x):
            self._write_anywhere(
                coefficients, end, *(each[everything:] for each in (x, value, slope))
            )


@dataclass(frozen=True, eq=False)
class BezierCurve(PiecewiseCurve):
    """Piecewise quadratic Bezier curve.

    On a segment with control points (x0, y0), (x1, y1), (x2, y2) the curve parameter is
    ``t = (x - x0) / ((x1 - x0) + sqrt((x1 - x0)^2 + (x0 - 2 x1 + x2)(x - x0)))``, the form of the
    quadratic's root that does not cancel. The released implementation uses the textbook root, which
    divides by zero where x1 lies half-way.

    Control points are u1, v1, u2, v2, ..., shape (2 (2n - 1),) for n segments, the inner ones alone;
    without truth table all, shape (2 (2n + 1),).
    """

    @property
    def points(self) -> Tensor:
        """See the base class; shape (..., 2n + 1, 2)."""
        flat = self.control_points.detach().double()
        points = flat.reshape(*flat.shape[:-1], flat.shape[-1] // 2, 2)
        if not self.truth_table:
            return points
        start = points.new_zeros(*points.shape[:-2], 1, 2)
        return torch.cat([start, points, start + 1], -2)

    def _coefficients(self, points: Tensor) -> Tensor:
        """``x0, y0``, then ``x1 - x0, y1 - y0``, then ``x0 - 2 x1 + x2, y0 - 2 y1 + y2``."""
        first, middle, last = points[..., 0:-1:2, :], points[..., 1::2, :], points[..., 2::2, :]
        rows = torch.stack([first, middle - first, first - 2 * middle + last])
        return rows.movedim(-1, 1).flatten(0, 1)

    def _evaluate(self, x: Tensor, chosen: list[Tensor], value: Tensor, slope: Tensor) -> None:
        x0, y0, a, c, b, d = chosen
        offset = x - x0
        root = product_sum(offset, b, a * a).clamp_(min=_STEEPEST**-2).sqrt_()
        t = offset.div_(root + a)
        rise = product_sum(t, d, c)
        torch.add(rise, c, out=value).mul_(t).add_(y0)
        torch.div(rise, root, out=slope)

    def _on_segment(self, x: Tensor, numbers: list[float], value: Tensor, slope: Tensor) -> None:
        x0, y0, a, c, b, d = numbers
        offset = x - x0 if x0 else x
        # Also where no x in [0, 1] needs it: parts of maps may be a little less than 0 (Boundary IoU).
        root = line(offset, b, a * a, out=slope).clamp_(min=_STEEPEST**-2).sqrt_()
        t = root + a
        torch.div(offset, t, out=t)
        line(t, d, 2 * c, out=value).mul_(t)
        if y0:
            value.add_(y0)
        torch.div(line(t, d, c, out=t), root, out=slope)

    def _value(self, x: Tensor, chosen: list[Tensor]) -> Tensor:
        x0, y0, a, c, b, d = chosen
        offset = x - x0
        t = offset / ((offset * b + a * a).clamp(min=_STEEPEST**-2).sqrt() + a)
        value: Tensor = ((t * d + 2 * c) * t + y0).clamp(0, 1)
        return value


@dataclass(frozen=True, eq=False)
class LinearCurve(PiecewiseCurve):
    """Piecewise linear curve over knots at i/n.

    Control points are the heights at the inner knots, shape (n - 1,); without truth table at all
    knots, shape (n + 1,). A knot's slope is that of the segment it ends.
    """

    @property
    def points(self) -> Tensor:
        """See the base class; shape (..., n + 1, 2)."""
        heights = self.control_points.detach().double()
        if self.truth_table:
            start = heights.new_zeros(*heights.shape[:-1], 1)
            heights = torch.cat([start, heights, start + 1], -1)
        number = heights.shape[-1]
        knots = torch.arange(number, dtype=heights.dtype, device=heights.device) / (number - 1)
        return torch.stack([knots.expand_as(heights), heights], dim=-1)

    def _coefficients(self, points: Tensor) -> Tensor:
        """``x0``, ``y0`` and the slope."""
        slopes = points[..., 1].diff() * (points.shape[-2] - 1)
        return torch.cat([points[..., :-1, :].movedim(-1, 0), slopes[None]])

    def _evaluate(self, x: Tensor, chosen: list[Tensor], value: Tensor, slope: Tensor) -> None:
        x0, y0, steepness = chosen
        torch.sub(x, x0, out=value).mul_(steepness).add_(y0)
        slope.copy_(steepness)

    def _on_segment(self, x: Tensor, numbers: list[float], value: Tensor, slope: Tensor) -> None:
        x0, y0, steepness = numbers
        line(x - x0 if x0 else x, steepness, y0, out=value)
        slope.fill_(steepness)

    def _value(self, x: Tensor, chosen: list[Tensor]) -> Tensor:
        x0, y0, steepness = chosen
        value: Tensor = ((x - x0) * steepness + y0).clamp(0, 1)
        return value


SHAPES: Mapping[str, type[PiecewiseCurve]] = {"bezier": BezierCurve, "linear": LinearCurve}
"""``CurveFamily.shape`` -> class of its curves."""


def curve_of(family: str, control_points: Tensor) -> PiecewiseCurve:
    """Make a curve of a family from its flat control points.

    Raises:
        UnknownNameError: No such family.
    """
    entry = CURVE_FAMILIES[family]
    return SHAPES[entry.shape](control_points, entry.truth_table)


def _finish(end: Tensor, x: Tensor, value: Tensor) -> None:
    """Write g(1), to the last bit, where x is 1."""
    if end.ndim or x.device.type != "cpu":
        value.copy_(torch.where(x >= 1, end, value))
    # The largest x is looked at first, since filling by a mask costs more than the curve.
    elif x.numel() and bool(x.amax() >= 1):
        value.masked_fill_(x >= 1, end)
