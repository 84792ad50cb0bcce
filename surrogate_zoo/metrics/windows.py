"""Maximum and minimum over a square window or a cube, many times faster on a CPU than max-pooling."""

import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

# Elements of the planes worked on at a time on the CPU, so that they stay in the cache.
_PLANE_CHUNK = 1 << 18


def window_max(values: Tensor, radius: int, axes: int = 2) -> Tensor:
    """Maximum over the (2 radius + 1)^axes window of the last dimensions, clipped at the border.

    The same as ``max_pool2d(values, 2 radius + 1, stride=1, padding=radius)``: a square window is
    separable, and along one axis the window's width doubles with every step, so radius 5 takes 8
    passes. Where several pixels share the maximum, the first of them gets the gradient.

    Args:
        values: Tensor (..., H, W) or (..., D, H, W), float or integer; masks of 0 and 1 are fastest
            as uint8.
        radius: Pixels >= 0.
        axes: 2 for images, 3 for volumes.

    Returns:
        Shape and dtype of ``values``.
    """
    return _windows(values, radius, axes, _MAX)


def window_min(values: Tensor, radius: int, axes: int = 2) -> Tensor:
    """Minimum over the window; otherwise as :func:`window_max`."""
    return _windows(values, radius, axes, _MIN)


def min_back(planes: Tensor, grad: Tensor, radius: int) -> Tensor:
    """The gradient of planes (P, S) by that of :func:`window_min`; nothing is differentiated."""
    return _gradient(planes, grad, radius, _MIN)


def window_or(words: Tensor, radius: int, axes: int = 2) -> Tensor:
    """Union of the bits of integers in the window; otherwise as :func:`window_max`, without gradient."""
    return _Window.forward(words, radius, axes, _OR)


def window_starts(size: torch.Size, radius: int) -> tuple[Tensor, Tensor]:
    """Where in a padded plane each pixel's window starts, and which pixel lies where in it: int64, flat.

    In the padding the second one is 0.
    """
    pixels = F.pad(torch.arange(size.numel()).view(size), (radius,) * (2 * len(size)))
    places = torch.arange(pixels.numel()).view(pixels.shape)
    return places[tuple(slice(side) for side in size)].flatten(), pixels.view(-1)


def first_maxima(plane: Tensor, radius: int, starts: Tensor) -> Tensor:
    """Where in a plane (S), padded, the maxima of windows lie that start at ``starts``: int64, as many.

    It is gone back by the steps that widened the windows; where several share the maximum, it is the first.
    """
    *lines, widest = _lines(plane[None], radius, _MAX)
    places, most = starts, widest.index_select(0, starts)
    for shift, line in zip(reversed(_shifts(radius, plane.shape)), reversed(lines), strict=True):
        late = line.index_select(0, places) != most
        places = places.add(late, alpha=shift)
    return places


class _Extreme(NamedTuple):
    """What makes a maximum or a minimum: of two values, is the later one better, what never wins."""

    of: Callable[[Tensor, Tensor], Tensor]
    better: Callable[..., Tensor]
    never: float


_MAX = _Extreme(torch.maximum, torch.gt, -torch.inf)
_MIN = _Extreme(torch.minimum, torch.lt, torch.inf)
_OR = _Extreme(torch.bitwise_or, torch.gt, 0)


def _windows(values: Tensor, radius: int, axes: int, extreme: _Extreme) -> Tensor:
    if torch.compiler.is_compiling():
        return _pooled(values, radius, axes, extreme)
    if not torch.is_grad_enabled():
        return _Window.forward(values, radius, axes, extreme)
    result: Tensor = _Window.apply(values, radius, axes, extreme)
    return result


def _pooled(values: Tensor, radius: int, axes: int, extreme: _Extreme) -> Tensor:
    """The same by max-pooling: what compilers and second derivatives see."""
    sign = -1 if extreme == _MIN else 1  # an equal one: torch.func takes tuples apart
    numbers = values if values.is_floating_point() else values.float()
    pooled = sign * numbers.reshape(-1, 1, *values.shape[-axes:])
    pool = F.max_pool2d if axes == 2 else F.max_pool3d
    for axis in reversed(range(axes)):  # one after the other, at a fraction of what a window costs
        width, padding = [1] * axes, [0] * axes
        width[axis], padding[axis] = 2 * radius + 1, radius
        pooled = pool(pooled, width, stride=1, padding=padding)
    return (sign * pooled).view(values.shape).to(values.dtype)


class _Window(torch.autograd.Function):
    @staticmethod
    def forward(values: Tensor, radius: int, axes: int, extreme: _Extreme) -> Tensor:
        planes = values.reshape(-1, *values.shape[-axes:])
        result = torch.empty_like(planes)
        for rows in _chunks(planes, radius):
            result[rows] = _extreme(planes[rows], radius, extreme)
        return result.view(values.shape)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004
        values, ctx.radius, ctx.axes, ctx.extreme = inputs
        ctx.save_for_backward(values)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        (values,) = ctx.saved_tensors
        if torch.is_grad_enabled():  # this pass is differentiated itself
            pooled = _pooled(values, ctx.radius, ctx.axes, ctx.extreme)
            (slope,) = torch.autograd.grad(pooled, values, grad, create_graph=True)
            return slope, None, None, None
        planes, grads = (t.reshape(-1, *t.shape[-ctx.axes :]) for t in (values, grad))
        result = torch.empty_like(grads)
        for rows in _chunks(planes, ctx.radius):
            result[rows] = _gradient(planes[rows], grads[rows], ctx.radius, ctx.extreme)
        return result.view(grad.shape), None, None, None


def _lines(planes: Tensor, radius: int, extreme: _Extreme) -> list[Tensor]:
    """Padded planes (P, S) as one flat tensor, and its extremes over ever wider windows.

    Padded rows lie one behind the other, so a shift along any axis is a shift of the flat tensor:
    no window that starts inside an image reaches past its padding.
    """
    padding = (radius,) * (2 * (planes.ndim - 1))
    lines = [F.pad(planes, padding, value=_never(planes.dtype, extreme)).view(-1)]
    for shift in _shifts(radius, planes.shape[1:]):
        lines.append(extreme.of(lines[-1][:-shift], lines[-1][shift:]))
    return lines


def _never(dtype: torch.dtype, extreme: _Extreme) -> float:
    """The value that never wins, which is the end of an integer's range."""
    if dtype.is_floating_point or not extreme.never:
        return extreme.never
    limits = torch.iinfo(dtype)
    return limits.min if extreme.never < 0 else limits.max


def _extreme(planes: Tensor, radius: int, extreme: _Extreme) -> Tensor:
    """Window extreme of planes (P, S)."""
    return _planes(_lines(planes, radius, extreme)[-1], planes, radius)


def _gradient(planes: Tensor, grad: Tensor, radius: int, extreme: _Extreme) -> Tensor:
    """Give every window's gradient (P, S) to the first pixel that holds its extreme.

    The extremes are computed again: cheaper than keeping who won at every step, and nothing is stored.
    """
    size = grad.shape[1:]
    lines, shifts = _lines(planes, radius, extreme), _shifts(radius, size)
    line = torch.zeros_like(lines[-1])
    _planes(line, grad, radius).copy_(grad)
    for shift, values in zip(reversed(shifts), reversed(lines[:-1]), strict=True):
        # A comparison into floats is vectorised on the CPU, one into bools is not.
        late = extreme.better(values[shift:], values[:-shift], out=torch.empty_like(line))
        wider = torch.empty_like(values)
        torch.addcmul(line, late, line, value=-1, out=wider[:-shift])
        wider[-shift:].zero_()
        wider[shift:].addcmul_(late, line)
        line = wider
    return _planes(line[radius * sum(_strides(radius, size)[1:]) :], grad, radius)


def _planes(line: Tensor, like: Tensor, radius: int) -> Tensor:
    """View a flat tensor of padded planes as planes (P, S) without their padding."""
    return line.as_strided(like.shape, _strides(radius, like.shape[1:]), line.storage_offset())


@cache
def _strides(radius: int, size: torch.Size) -> tuple[int, ...]:
    """Strides of padded planes of a size, the first that of whole planes."""
    padded = [side + 2 * radius for side in size]
    return tuple(math.prod(padded[axis:]) for axis in range(len(padded) + 1))


@cache
def _shifts(radius: int, size: torch.Size) -> tuple[int, ...]:
    """Shifts of the flat padded planes that widen the window step by step, the first axis first."""
    shifts = []
    for stride in _strides(radius, size)[1:]:
        reach, wanted = 1, 2 * radius + 1
        while reach < wanted:
            step = min(reach, wanted - reach)
            shifts.append(step * stride)
            reach += step
    return tuple(shifts)


def _chunks(planes: Tensor, radius: int) -> Iterator[slice]:
    count, whole = len(planes), _strides(radius, planes.shape[1:])[0]
    share = max(1, _PLANE_CHUNK // whole if planes.device.type == "cpu" else count)
    return (slice(start, start + share) for start in range(0, count, share))
