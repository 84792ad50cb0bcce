"""A faster gradient of dilated depthwise convolutions on a CPU.

Its library, oneDNN, has a general way alone for them: 29 ms for 1152 channels of 6x8, a batch of 8 in the
last stage of an encoder, and a kernel of 5x5 with dilation 2, whose forward pass takes 0.3 ms. The same sums
here, in 4 ms: the maps' gradient is a convolution with the turned kernel, and that of each tap of the weight
the sum of a product of two tensors. Maps that leave the cache on the way are left to the library.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Pair = Sequence[int]

SMALL = 4096
"""Pixels of all maps of a channel; one thread is 7 times faster so at 384, and 1.2 times here."""


def convolve(
    maps: Tensor, weight: Tensor, bias: Tensor | None, dilation: Pair, groups: int
) -> Tensor:
    """``F.conv2d`` with the zeros around the maps that keep their size.

    Args:
        maps: (N, C, H, W).
        weight: (K, C / groups, A, B), with odd sides.
        bias: (K,), if any.
        dilation: Of rows and columns.
        groups: Of channels.

    Returns:
        (N, K, H, W).
    """
    if groups == maps.shape[1] == weight.shape[0] and _trains_on_a_cpu(maps, weight):
        values: Tensor = _Depthwise.apply(maps, weight, dilation)
        return values if bias is None else values + bias[:, None, None]
    return F.conv2d(maps, weight, bias, 1, _padding(weight, dilation), dilation, groups)


def _trains_on_a_cpu(maps: Tensor, weight: Tensor) -> bool:
    """Whether a gradient may be asked for that the library takes long for."""
    return (
        maps.device.type == "cpu"
        and maps.numel() <= SMALL * maps.shape[1]
        and maps.dtype == weight.dtype == torch.float32
        and weight.requires_grad
        and torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


def _padding(weight: Tensor, dilation: Pair) -> Pair:
    rows, columns = weight.shape[2:]
    return dilation[0] * (rows // 2), dilation[1] * (columns // 2)


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution that keeps the size of maps; differentiable once."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, dilation: Pair) -> Tensor:
        """Maps (N, C, H, W) and weight (C, 1, A, B) -> (N, C, H, W)."""
        ctx.save_for_backward(maps, weight)
        ctx.dilation = dilation
        return _same(maps, weight, dilation)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, pull: Tensor) -> tuple[Tensor | None, Tensor, None]:
        """Gradients of maps and weight, of the values' (N, C, H, W)."""
        maps, weight = ctx.saved_tensors
        turned = _same(pull, weight.flip(2, 3), ctx.dilation) if ctx.needs_input_grad[0] else None
        return turned, _of_weight(maps, pull, weight, ctx.dilation), None


def _same(maps: Tensor, weight: Tensor, dilation: Pair) -> Tensor:
    return F.conv2d(maps, weight, None, 1, _padding(weight, dilation), dilation, len(weight))


def _of_weight(maps: Tensor, pull: Tensor, weight: Tensor, dilation: Pair) -> Tensor:
    """The gradient of a weight (C, 1, A, B)."""
    height, width = maps.shape[2:]
    above, beside = _padding(weight, dilation)
    around = F.pad(maps, (beside, beside, above, above))
    gradient = torch.empty_like(weight)
    for row, column in product(*map(range, weight.shape[2:])):
        top, left = row * dilation[0], column * dilation[1]
        seen = around[:, :, top : top + height, left : left + width]
        gradient[:, 0, row, column] = (seen * pull).sum((0, 2, 3))
    return gradient
