"""Evaluate an elementwise formula piece by piece, in the CPU's cache, and keep its slopes alone."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Elements evaluated at a time on the CPU. What a formula makes on the way lives for one piece, so a
# long one costs little more than reading its inputs and writing its value and slopes.
PIECE = 1 << 18


def pointwise(formula: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """Return ``formula(*inputs)``, for a formula that works element by element.

    Autograd differentiates the formula as it is written, piece by piece, in the forward pass; only
    the slopes towards the inputs are kept for the backward pass.

    Args:
        formula: Takes flat pieces, shape (P,), of all inputs and returns one; must not mix elements.
        *inputs: Float tensors of one shape.

    Returns:
        Shape of the inputs; differentiable once.
    """
    result: Tensor = _Pointwise.apply(formula, *inputs)
    return result


class _Pointwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, formula: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        lines = [tensor.reshape(-1) for tensor in inputs]
        value = torch.empty_like(lines[0])
        slopes = [torch.empty_like(line) for line in lines]
        for part in pieces(value):
            leaves = [line[part].detach().requires_grad_() for line in lines]
            with torch.enable_grad():
                result = formula(*leaves)
            value[part] = result.detach()
            grads = torch.autograd.grad(result, leaves, torch.ones_like(result))
            for slope, grad in zip(slopes, grads, strict=True):
                slope[part] = grad
        ctx.save_for_backward(*(slope.view(inputs[0].shape) for slope in slopes))
        return value.view(inputs[0].shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return None, *(grad * slope for slope in ctx.saved_tensors)


def pieces(rows: Tensor) -> Iterator[slice]:
    """Cut the first dimension into pieces of about :data:`PIECE` elements; one piece on a GPU."""
    count = max(len(rows), 1)
    share = max(1, PIECE * count // max(rows.numel(), 1)) if rows.device.type == "cpu" else count
    return (slice(start, start + share) for start in range(0, len(rows), share))
