"""Piecewise quadratic Bezier curves g: [0, 1] -> [0, 1] that shape a surrogate's AND and OR."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from surrogate_zoo.pointwise import pieces

# The slope of a curve is infinite where a segment starts or ends vertically; it is cut here, so that
# gradients stay finite.
_STEEPEST = 1e6


@dataclass(frozen=True, eq=False)
class BezierCurve:
    """A piecewise Bezier curve; evaluating it keeps its slope for the backward pass.

    On a segment with control points (x0, y0), (x1, y1), (x2, y2) the curve parameter is
    ``t = (x - x0) / ((x1 - x0) + sqrt((x1 - x0)^2 + (x0 - 2 x1 + x2)(x - x0)))``, the form of the
    quadratic's root that does not cancel. The released implementation uses the textbook root, which
    divides by zero where x1 lies half-way.

    Attributes:
        control_points: Flat inner control points u1, v1, u2, v2, ..., shape (2 (2n - 1),) for n
            segments, rising in both coordinates. Not differentiated: they are searched.
    """

    control_points: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Return g(x).

        Args:
            x: Values in [0, 1] of any shape, float32 or float64.

        Returns:
            Shape and dtype of ``x``, in [0, 1], with g(0) = 0 and g(1) = 1 exactly. Differentiable
            once; the slope is at most 1e6.
        """
        result: Tensor = _Evaluation.apply(x, _coefficients(self.control_points, x.dtype))
        return result

    def total(self, x: Tensor, region: Tensor | None) -> Tensor:
        """Sum of g(x) over images and pixels of a region, without keeping g(x).

        Args:
            x: Values in [0, 1], float (N, C, H, W).
            region: 0 and 1, float (N, H, W); None takes all pixels.

        Returns:
            Shape (C,).
        """
        result: Tensor = _Total.apply(x, region, _coefficients(self.control_points, x.dtype))
        return result


def _coefficients(control_points: Tensor, dtype: torch.dtype) -> Tensor:
    """Per segment x0, x1 - x0, x0 - 2 x1 + x2 and the same in y, shape (6, n); float64 until the end."""
    inner = control_points.detach().double().reshape(-1, 2)
    start = inner.new_zeros(1, 2)
    points = torch.cat([start, inner, start + 1])
    first, middle, last = points[0:-1:2], points[1::2], points[2::2]
    return (
        torch.stack([first, middle - first, first - 2 * middle + last])
        .permute(2, 0, 1)
        .reshape(6, -1)
        .to(dtype)
    )


class _Evaluation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, coefficients: Tensor) -> Tensor:
        line = x.reshape(-1)
        value, slope = torch.empty_like(line), torch.empty_like(line)
        for part in pieces(line):
            _evaluate(line[part], coefficients, value[part], slope[part])
        ctx.save_for_backward(slope.view(x.shape))
        return value.view(x.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return grad * slope, None


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, region: Tensor | None, coefficients: Tensor) -> Tensor:
        n, classes, height, width = x.shape
        planes = x.reshape(n * classes, height * width)
        slope = torch.empty_like(planes)
        totals = planes.new_empty(n * classes)
        for part in pieces(planes):
            value = torch.empty_like(planes[part])
            flat = (t.view(-1) for t in (planes[part], value, slope[part]))
            line, line_value, line_slope = flat
            _evaluate(line, coefficients, line_value, line_slope)
            if region is not None:
                images = torch.arange(n * classes, device=x.device)[part] // classes
                counted = region.reshape(n, -1)[images]
                value.mul_(counted)
                slope[part].mul_(counted)
            totals[part] = value.sum(1)
        ctx.save_for_backward(slope.view(x.shape))
        return totals.view(n, classes).sum(0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return slope * grad[:, None, None], None, None


def _evaluate(x: Tensor, coefficients: Tensor, value: Tensor, slope: Tensor) -> None:
    """Write g(x) and g'(x); all of shape (P,)."""
    x0, a, b, y0, c, d = _of_segment(x, coefficients)
    offset = x - x0
    root = _product_sum(offset, b, a * a).clamp_(min=_STEEPEST**-2).sqrt_()
    t = offset.div_(root + a)
    rise = _product_sum(t, d, c)
    torch.add(rise, c, out=value).mul_(t).add_(y0).clamp_(0, 1)
    torch.div(rise, root, out=slope)
    # The largest x is looked at first, since filling by a mask costs more than all of the above.
    if x.device.type != "cpu" or (x.numel() and bool(x.amax() >= 1)):
        value.masked_fill_(x >= 1, 1)


def _product_sum(x: Tensor, factor: Tensor, summand: Tensor) -> Tensor:
    """``x * factor + summand``; scalars at full speed, which addcmul does not give them."""
    if factor.ndim == 0 or summand.ndim == 0:
        return (x * factor).add_(summand)
    return torch.addcmul(summand, x, factor)


def _of_segment(x: Tensor, coefficients: Tensor) -> list[Tensor]:
    """Pick for every x the coefficients of its segment; a knot belongs to the segment it ends.

    Sums of 0-1 indicators times coefficients are exact, and vectorised on the CPU, where a choice by
    a bool mask is not.
    """
    if coefficients.shape[1] == 1:
        return list(coefficients[:, 0])
    beyond = [torch.gt(x, knot, out=torch.empty_like(x)) for knot in coefficients[0, 1:]]
    inside = [
        1 - beyond[0],
        *(low - high for low, high in pairwise(beyond)),
        beyond[-1],
    ]
    return [
        _chosen(inside, row, start=1 if index in _ZERO_AT_FIRST else 0)
        for index, row in enumerate(coefficients)
    ]


_ZERO_AT_FIRST = (0, 3)  # x0 and y0: the first segment starts at the origin


def _chosen(inside: list[Tensor], row: Tensor, start: int) -> Tensor:
    """Sum of indicators times a coefficient's values by segment, from segment ``start`` on."""
    total = inside[start] * row[start]
    for segment in range(start + 1, len(inside)):
        total.addcmul_(inside[segment], row[segment])
    return total
