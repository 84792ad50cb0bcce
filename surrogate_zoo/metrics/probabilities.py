"""Softmax probabilities of every class and of the true one, with one backward pass for both."""

from typing import Any

import torch
from torch import Tensor

from surrogate_zoo.curves.pointwise import blocks


def probabilities(scores: Tensor, labels: Tensor, void: Tensor | None) -> tuple[Tensor, Tensor]:
    """The probabilities of all classes, and those of one class a pixel.

    Args:
        scores: Before softmax, float32 or float64 (N, C, S), S being (H, W) or (D, H, W).
        labels: The classes to look up, int64 (N, S), 0..C-1.
        void: Bool (N, S). No class has any probability there, and whatever the scores are, NaN too, reaches
            neither value nor gradient. None has none.

    Returns:
        Shape (N, C, S) and (N, S); differentiable as often as wished.
    """
    if torch.compiler.is_compiling():
        return _plain(scores, labels, void)
    if not torch.is_grad_enabled():
        return _look_up(_softmax(scores, void), labels)
    found: tuple[Tensor, Tensor] = _Probabilities.apply(scores, labels, void)
    return found


def _plain(scores: Tensor, labels: Tensor, void: Tensor | None) -> tuple[Tensor, Tensor]:
    """The same for a compiler, which joins its steps, where none of them scatters."""
    softmax = (scores if void is None else scores.masked_fill(void[:, None], 0)).softmax(1)
    if void is not None:
        softmax = softmax.masked_fill(void[:, None], 0)
    classes = torch.arange(scores.shape[1], device=scores.device)
    others = labels[:, None] != classes.view(-1, *(1,) * (labels.ndim - 1))
    return softmax, softmax.masked_fill(others, 0).sum(1)


def _softmax(scores: Tensor, void: Tensor | None) -> Tensor:
    softmax = scores.softmax(1)
    return softmax if void is None else softmax.masked_fill_(void[:, None], 0)


def _look_up(softmax: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    return softmax, softmax.gather(1, labels[:, None])[:, 0]


class _Probabilities(torch.autograd.Function):
    @staticmethod
    def forward(scores: Tensor, labels: Tensor, void: Tensor | None) -> tuple[Tensor, Tensor]:
        return _look_up(_softmax(scores, void), labels)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*output, inputs[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, None, None]:
        softmax, found, labels = ctx.saved_tensors
        every, true = gradients
        if every is None and true is None:
            return None, None, None
        if torch.is_grad_enabled():
            return _slope(softmax, labels, every, true), None, None
        pull = None if true is None else true * found
        return _slope_by_blocks(softmax, labels, every, pull), None, None


def _slope(softmax: Tensor, labels: Tensor, every: Tensor | None, true: Tensor | None) -> Tensor:
    """The gradient of the scores, in operations that torch differentiates."""
    gradient = torch.zeros_like(softmax) if every is None else every
    if true is not None:
        gradient = gradient.scatter_add(1, labels[:, None], true[:, None])
    return softmax * (gradient - (softmax * gradient).sum(1, keepdim=True))


def _slope_by_blocks(
    softmax: Tensor, labels: Tensor, every: Tensor | None, pull: Tensor | None
) -> Tensor:
    """The same, block by block, by ``pull``: the true classes' probabilities times their gradient."""
    planes, rows = softmax.flatten(2), labels.flatten(1)[:, None]
    result = torch.empty_like(planes)
    for block in blocks(planes, whole=True):
        part, at = planes[block], rows[block]
        hit = None if pull is None else pull.flatten(1)[:, None][block]
        if every is not None:
            weighed = every.flatten(2)[block] * part
            weighed = weighed if hit is None else weighed.scatter_add_(1, at, hit)
            torch.addcmul(weighed, part, weighed.sum(1, keepdim=True), value=-1, out=result[block])
        elif hit is not None:  # nothing but the true class pulls
            torch.mul(part, -hit, out=result[block]).scatter_add_(1, at, hit)
    return result.view_as(softmax)
