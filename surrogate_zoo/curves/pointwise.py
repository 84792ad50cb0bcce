"""Functions that keep their slopes, and the pieces that they are evaluated in."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

# Elements evaluated at a time on the CPU. What a formula makes on the way lives for one piece, so a
# long one costs little more than reading its inputs and writing its value and slopes.
PIECE = 1 << 17


def sloped(
    fast: Callable[..., tuple[Tensor, ...]], plain: Callable[..., Tensor], *inputs: Tensor
) -> Tensor:
    """Evaluate a function together with its slopes, which are kept for the backward pass beside its inputs.

    Who has to look into the function goes through ``plain``: torch.compile, and a backward pass that
    is differentiated itself, as by ``create_graph=True`` and torch.func.

    Args:
        fast: Inputs -> value, and its slopes towards each of them. The shape of the value is the
            first part of the slopes' shape: an element depends on no more than what lies behind it.
        plain: Inputs -> value, in operations that torch differentiates.
        *inputs: Float tensors.

    Returns:
        The value; differentiable as often as ``plain`` is.
    """
    if torch.compiler.is_compiling():
        return plain(*inputs)
    if not torch.is_grad_enabled():
        return fast(*inputs)[0]
    value: Tensor = _Sloped.apply(fast, plain, *inputs)[0]
    return value


class _Sloped(torch.autograd.Function):
    @staticmethod
    def forward(
        fast: Callable[..., tuple[Tensor, ...]], _plain: Callable[..., Tensor], *inputs: Tensor
    ) -> tuple[Tensor, ...]:
        return fast(*inputs)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        _, ctx.plain, *tensors = inputs
        ctx.mark_non_differentiable(*output[1:])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, *output[1:])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        grad, saved = gradients[0], ctx.saved_tensors
        if grad is None:
            return (None,) * len(ctx.needs_input_grad)
        inputs, slopes = saved[: len(saved) // 2], saved[len(saved) // 2 :]
        if torch.is_grad_enabled():
            return None, None, *_differentiable(ctx.plain, inputs, grad, ctx.needs_input_grad[2:])
        grad = grad.reshape(grad.shape + (1,) * (slopes[0].ndim - grad.ndim))
        return None, None, *(grad * slope for slope in slopes)


def _differentiable(
    plain: Callable[..., Tensor],
    inputs: tuple[Tensor, ...],
    grad: Tensor,
    needed: tuple[bool, ...],
) -> list[Tensor | None]:
    """Gradients of the inputs that need them, which can be differentiated again."""
    # Views, since one input may depend on another.
    views = [each.view_as(each) for each in inputs]
    leaves = [each for each, asked in zip(views, needed, strict=True) if asked]
    found = iter(torch.autograd.grad(plain(*views), leaves, grad, create_graph=True))
    return [next(found) if asked else None for asked in needed]


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
