"""Piecewise quadratic Bezier curves g: [0, 1] -> [0, 1] that shape a surrogate's AND and OR."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Elements evaluated at a time on the CPU: the temporaries of one chunk stay in the cache, which is
# three times as fast as whole-tensor operations on maps of (4, 21, 256, 256).
_CHUNK = 1 << 18

# The slope of a curve is infinite where a segment starts or ends vertically; it is cut here, so that
# gradients stay finite.
_STEEPEST = 1e6


def bezier(x: Tensor, control_points: Tensor) -> Tensor:
    """Evaluate a piecewise Bezier curve and keep its slope for the backward pass.

    On a segment with control points (x0, y0), (x1, y1), (x2, y2) the curve parameter is
    ``t = (x - x0) / ((x1 - x0) + sqrt((x1 - x0)^2 + (x0 - 2 x1 + x2)(x - x0)))``, the form of the
    quadratic's root that does not cancel. The released implementation uses the textbook root, which
    divides by zero where x1 lies half-way.

    Args:
        x: Values in [0, 1] of any shape, float32 or float64.
        control_points: Flat inner control points u1, v1, u2, v2, ..., shape (2 (2n - 1),) for n
            segments, rising in both coordinates. Not differentiated: they are searched.

    Returns:
        g(x), shape and dtype of ``x``, in [0, 1], with g(0) = 0 and g(1) = 1 exactly. Differentiable
        once; the slope is at most 1e6.
    """
    result: Tensor = _Bezier.apply(x, _coefficients(control_points, x.dtype))
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


class _Bezier(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, coefficients: Tensor) -> Tensor:
        line = x.reshape(-1)
        chunk = _CHUNK if x.device.type == "cpu" else max(line.numel(), 1)
        value, slope = torch.empty_like(line), torch.empty_like(line)
        for part, part_value, part_slope in zip(
            *(torch.split(t, chunk) for t in (line, value, slope)), strict=True
        ):
            _evaluate(part, coefficients, part_value, part_slope)
        ctx.save_for_backward(slope.view(x.shape))
        return value.view(x.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return grad * slope, None


def _evaluate(x: Tensor, coefficients: Tensor, value: Tensor, slope: Tensor) -> None:
    """Write g(x) and g'(x); all of shape (P,)."""
    x0, a, b, y0, c, d = _of_segment(x, coefficients)
    offset = (x - x0).clamp_(min=0)
    root = torch.addcmul(a * a, b, offset).clamp_(min=_STEEPEST**-2).sqrt_()
    t = offset.div_(a + root)
    rise = torch.addcmul(c, d, t)
    torch.addcmul(y0, t, c + rise, out=value).clamp_(0, 1)
    torch.div(rise, root, out=slope)
    # The largest x is looked at first, since filling by a mask costs more than all of the above.
    if x.device.type != "cpu" or (x.numel() and bool(x.amax() >= 1)):
        value.masked_fill_(x >= 1, 1)


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
    chosen = [inside[0] * first for first in coefficients[:, 0]]
    for segment, indicator in enumerate(inside[1:], start=1):
        for row, total in enumerate(chosen):
            total.addcmul_(indicator, coefficients[row, segment])
    return chosen
