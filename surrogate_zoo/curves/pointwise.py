"""Functions that keep their slopes, and the pieces that they are evaluated in."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

# Elements evaluated at a time on the CPU. What a formula makes on the way lives for one piece, so a
# long one costs little more than reading its inputs and writing its value and slopes.
PIECE = 1 << 18


def _scaled(grad: Tensor, _inputs: Sequence[Tensor], slopes: Sequence[Tensor]) -> list[Tensor]:
    grad = grad.reshape(grad.shape + (1,) * (slopes[0].ndim - grad.ndim))
    return [grad * slope for slope in slopes]


def sloped(
    fast: Callable[..., tuple[Tensor, ...]],
    plain: Callable[..., Tensor],
    *inputs: Tensor,
    back: Callable[..., Sequence[Tensor | None]] = _scaled,
) -> Tensor:
    """Evaluate a function together with its slopes, which are kept for the backward pass beside its inputs.

    Who has to look into the function goes through ``plain``: torch.compile, and a backward pass that
    is differentiated itself, as by ``create_graph=True`` and torch.func.

    Args:
        fast: Inputs -> value, and its slopes towards each of them, or what else ``back`` takes. The
            shape of the value is the first part of the slopes': an element depends on no more than what lies
            behind it.
        plain: Inputs -> value, in operations that torch differentiates.
        *inputs: Float tensors.
        back: Gradient of the value, inputs and slopes -> gradients of the inputs.

    Returns:
        The value; differentiable as often as ``plain`` is.
    """
    if torch.compiler.is_compiling():
        return plain(*inputs)
    if not torch.is_grad_enabled():
        return fast(*inputs)[0]
    value: Tensor = _Sloped.apply((fast, plain, back), *inputs)[0]
    return value


class _Sloped(torch.autograd.Function):
    @staticmethod
    def forward(ways: tuple[Callable[..., Any], ...], *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(ways[0](*inputs))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        (_, ctx.plain, ctx.back), *tensors = inputs
        ctx.mark_non_differentiable(*output[1:])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, *output[1:])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        grad, saved, needed = gradients[0], ctx.saved_tensors, ctx.needs_input_grad[1:]
        inputs, slopes = saved[: len(needed)], saved[len(needed) :]
        if grad is None:
            return (None,) * (1 + len(needed))
        if not torch.is_grad_enabled():
            return None, *ctx.back(grad, inputs, slopes)
        views = [each.view_as(each) for each in inputs]  # since one may depend on another
        asked = [each for each, own in zip(views, needed, strict=True) if own]
        found = iter(torch.autograd.grad(ctx.plain(*views), asked, grad, create_graph=True))
        return None, *(next(found) if own else None for own in needed)


def pieces(rows: Tensor) -> Iterator[slice]:
    """Cut the first dimension into pieces of about :data:`PIECE` elements; one piece on a GPU."""
    count = max(len(rows), 1)
    share = max(1, PIECE * count // max(rows.numel(), 1)) if rows.device.type == "cpu" else count
    return (slice(start, start + share) for start in range(0, len(rows), share))


def blocks(planes: Tensor, *, whole: bool) -> Iterator[tuple[slice, slice, slice]]:
    """Cut maps (N, C, P) into blocks of about `PIECE` elements on the CPU; one block on a GPU.

    Args:
        planes: The maps.
        whole: Whether a block holds all classes of its pixels.

    Yields:
        Which images, classes and pixels.
    """
    n, classes, pixels = planes.shape
    if planes.device.type != "cpu":
        yield slice(0, n), slice(0, classes), slice(0, pixels)
        return
    width = min(pixels, max(1, PIECE // classes if whole else PIECE))
    rows = classes if whole else max(1, PIECE // max(1, width))
    for image in range(n):
        for row in range(0, classes, max(1, rows)):
            for start in range(0, pixels, max(1, width)):
                yield slice(image, image + 1), slice(row, row + rows), slice(start, start + width)
