"""Maximum and minimum over a square window, many times faster on a CPU than max-pooling."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

# Elements of the planes worked on at a time on the CPU, so that they stay in the cache.
_PLANE_CHUNK = 1 << 19


def window_max(values: Tensor, radius: int) -> Tensor:
    """Maximum over the (2 radius + 1)^2 window of the last two dimensions, clipped at the border.

    The same as ``max_pool2d(values, 2 radius + 1, stride=1, padding=radius)``: a square window is
    separable, and along one axis the window's width doubles with every step, so radius 5 takes 8
    passes. Where several pixels share the maximum, the first of them gets the gradient.

    Args:
        values: Tensor (..., H, W), float or integer; masks of 0 and 1 are fastest as uint8.
        radius: Pixels >= 0.

    Returns:
        Shape and dtype of ``values``.
    """
    return _windows(values, radius, _MAX)


def window_min(values: Tensor, radius: int) -> Tensor:
    """Minimum over the window; otherwise as :func:`window_max`."""
    return _windows(values, radius, _MIN)


class _Extreme(NamedTuple):
    """What makes a maximum or a minimum: of two values, is the later one better, what never wins."""

    of: Callable[[Tensor, Tensor], Tensor]
    better: Callable[..., Tensor]
    never: float


_MAX = _Extreme(torch.maximum, torch.gt, -torch.inf)
_MIN = _Extreme(torch.minimum, torch.lt, torch.inf)


def _windows(values: Tensor, radius: int, extreme: _Extreme) -> Tensor:
    if torch.compiler.is_compiling():
        return _pooled(values, radius, extreme)
    result: Tensor = _Window.apply(values, radius, extreme)
    return result


def _pooled(values: Tensor, radius: int, extreme: _Extreme) -> Tensor:
    """The same by max-pooling: what compilers and second derivatives see."""
    sign = -1 if extreme == _MIN else 1  # an equal one: torch.func takes tuples apart
    numbers = values if values.is_floating_point() else values.float()
    planes = sign * numbers.reshape(-1, 1, *values.shape[-2:])
    width = 2 * radius + 1
    pooled = F.max_pool2d(planes, (1, width), stride=1, padding=(0, radius))
    pooled = F.max_pool2d(pooled, (width, 1), stride=1, padding=(radius, 0))
    return (sign * pooled).view(values.shape).to(values.dtype)


class _Window(torch.autograd.Function):
    @staticmethod
    def forward(values: Tensor, radius: int, extreme: _Extreme) -> Tensor:
        planes = values.reshape(-1, *values.shape[-2:])
        result = torch.empty_like(planes)
        for rows in _chunks(planes, radius):
            result[rows] = _extreme(planes[rows], radius, extreme)
        return result.view(values.shape)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004
        values, ctx.radius, ctx.extreme = inputs
        ctx.save_for_backward(values)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (values,) = ctx.saved_tensors
        if torch.is_grad_enabled():  # this pass is differentiated itself
            pooled = _pooled(values, ctx.radius, ctx.extreme)
            (slope,) = torch.autograd.grad(pooled, values, grad, create_graph=True)
            return slope, None, None
        planes, grads = (t.reshape(-1, *t.shape[-2:]) for t in (values, grad))
        result = torch.empty_like(grads)
        for rows in _chunks(planes, ctx.radius):
            result[rows] = _gradient(planes[rows], grads[rows], ctx.radius, ctx.extreme)
        return result.view(grad.shape), None, None


def _lines(planes: Tensor, radius: int, extreme: _Extreme) -> list[Tensor]:
    """Padded planes (P, H, W) as one flat tensor, and its extremes over ever wider windows.

    Padded rows lie one behind the other, so a shift along either axis is a shift of the flat tensor:
    no window that starts inside an image reaches past its padding.
    """
    lines = [F.pad(planes, (radius,) * 4, value=_never(planes.dtype, extreme)).view(-1)]
    for shift in _shifts(radius, planes.shape[-1]):
        lines.append(extreme.of(lines[-1][:-shift], lines[-1][shift:]))
    return lines


def _never(dtype: torch.dtype, extreme: _Extreme) -> float:
    """The value that never wins, which is the end of an integer's range."""
    if dtype.is_floating_point:
        return extreme.never
    limits = torch.iinfo(dtype)
    return limits.min if extreme.never < 0 else limits.max


def _extreme(planes: Tensor, radius: int, extreme: _Extreme) -> Tensor:
    """Window extreme of planes (P, H, W)."""
    return _planes(_lines(planes, radius, extreme)[-1], planes, radius)


def _gradient(planes: Tensor, grad: Tensor, radius: int, extreme: _Extreme) -> Tensor:
    """Give every window's gradient (P, H, W) to the first pixel that holds its extreme.

    The extremes are computed again: cheaper than keeping who won at every step, and nothing is stored.
    """
    lines, shifts = _lines(planes, radius, extreme), list(_shifts(radius, grad.shape[-1]))
    line = torch.zeros_like(lines[-1])
    _planes(line, grad, radius).copy_(grad)
    for shift, values in zip(reversed(shifts), reversed(lines[:-1]), strict=True):
        # A comparison into floats is vectorised on the CPU, one into bools is not.
        late = extreme.better(values[shift:], values[:-shift], out=torch.empty_like(line)).mul_(
            line
        )
        wider = torch.empty_like(values)
        torch.sub(line, late, out=wider[:-shift])
        wider[-shift:] = 0
        wider[shift:] += late
        line = wider
    return _planes(line[radius * (grad.shape[-1] + 2 * radius + 1) :], grad, radius)


def _planes(line: Tensor, like: Tensor, radius: int) -> Tensor:
    """View a flat tensor of padded planes as planes (P, H, W) without their padding."""
    _, height, width = like.shape
    row = width + 2 * radius
    return line.as_strided(like.shape, (row * (height + 2 * radius), row, 1), line.storage_offset())


def _shifts(radius: int, width: int) -> Iterator[int]:
    """Shifts of the flat padded planes that widen the window step by step, rows first."""
    for stride in (width + 2 * radius, 1):
        reach, wanted = 1, 2 * radius + 1
        while reach < wanted:
            step = min(reach, wanted - reach)
            yield step * stride
            reach += step


def _chunks(planes: Tensor, radius: int) -> Iterator[slice]:
    count, height, width = planes.shape
    on_cpu = planes.device.type == "cpu"
    share = (
        max(1, _PLANE_CHUNK // ((height + 2 * radius) * (width + 2 * radius)))
        if on_cpu
        else max(count, 1)
    )
    return (slice(start, start + share) for start in range(0, count, share))
