"""Softmax probabilities of every class and of the true one, with one backward pass for both."""

from typing import Any, TypeAlias

import torch
from torch import Tensor

from surrogate_zoo.curves.pointwise import blocks

Parts: TypeAlias = list[tuple[Tensor, Tensor]]
"""A gradient (N, C, S) as a sum of tensors, each of which is to be multiplied by a factor (N, C)."""


def probabilities(
    scores: Tensor, labels: Tensor, void: Tensor | None, aside: Parts | None = None
) -> tuple[Tensor, Tensor]:
    """The probabilities of all classes, and those of one class a pixel.

    Args:
        scores: Before softmax, float32 or float64 (N, C, S), S being (H, W) or (D, H, W).
        labels: The classes to look up, int64 (N, S), 0..C-1.
        void: Bool (N, S). No class has any probability there, and whatever the scores are, NaN too, reaches
            neither value nor gradient. None has none.
        aside: What a backward pass adds to the gradient of all probabilities, and takes out; its tensors may
            be overwritten.

    Returns:
        Shape (N, C, S) and (N, S); differentiable as often as wished.
    """
    if torch.compiler.is_compiling():
        return _plain(scores, labels, void)
    if not torch.is_grad_enabled():
        return _look_up(_softmax(scores, void), labels)
    found: tuple[Tensor, Tensor] = _Probabilities.apply(scores, labels, void, aside)
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
    def forward(
        scores: Tensor, labels: Tensor, void: Tensor | None, _aside: Parts | None
    ) -> tuple[Tensor, Tensor]:
        return _look_up(_softmax(scores, void), labels)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.set_materialize_grads(False)
        ctx.aside = inputs[3]
        ctx.save_for_backward(*output, inputs[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, None, None, None]:
        softmax, found, labels = ctx.saved_tensors
        every, true = gradients
        parts = [ctx.aside.pop() for _ in range(len(ctx.aside or ()))]
        if every is None and true is None and not parts:
            return None, None, None, None
        if torch.is_grad_enabled():
            return _slope(softmax, labels, every, true), None, None, None
        flat = None if every is None else every.flatten(2)
        pull = None if true is None else (true * found).flatten(1)[:, None]
        return _slope_by_blocks(softmax, labels, flat, pull, parts), None, None, None


def _slope(softmax: Tensor, labels: Tensor, every: Tensor | None, true: Tensor | None) -> Tensor:
    """The gradient of the scores, in operations that torch differentiates."""
    gradient = torch.zeros_like(softmax) if every is None else every
    if true is not None:
        gradient = gradient.scatter_add(1, labels[:, None], true[:, None])
    return softmax * (gradient - (softmax * gradient).sum(1, keepdim=True))


def _slope_by_blocks(
    softmax: Tensor, labels: Tensor, every: Tensor | None, pull: Tensor | None, parts: Parts
) -> Tensor:
    """The same, block by block, of flat maps.

    Args:
        softmax: (N, C, S).
        labels: (N, S).
        every: Gradient of all probabilities, (N, C, P).
        pull: The true classes' probabilities times their gradient, (N, 1, P).
        parts: What else there is of the gradient of all probabilities; overwritten.
    """
    planes, rows = softmax.flatten(2), labels.flatten(1)[:, None]
    slopes = [(slope.flatten(2), factor[:, :, None]) for slope, factor in parts]
    result = slopes[0][0] if slopes else torch.empty_like(planes)
    for block in blocks(planes, whole=True):
        part, at, own = planes[block], rows[block], result[block]
        hit = None if pull is None else pull[block]
        if slopes:
            own.mul_(slopes[0][1][block[0]])
            for slope, factor in slopes[1:]:
                own.addcmul_(slope[block], factor[block[0]])
            if every is not None:
                own.add_(every[block])
            own.mul_(part)
        elif every is not None:
            torch.mul(every[block], part, out=own)
        elif hit is not None:  # nothing but the true class pulls
            torch.mul(part, -hit, out=own).scatter_add_(1, at, hit)
            continue
        if hit is not None:
            own.scatter_add_(1, at, hit)
        own.addcmul_(part, own.sum(1, keepdim=True), value=-1)
    return result.view_as(softmax)
