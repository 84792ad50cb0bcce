"""A softmax prediction whose sums are taken by kernels, in one pass over the logits, and one pass back.

The definition stays that of :mod:`surrogate_zoo.metrics.probabilities` and of the curves, which second
derivatives go through and which the kernels are tested against.
"""

from typing import Any, cast

import torch
from torch import Tensor

from surrogate_zoo.curves.curves import PiecewiseCurve
from surrogate_zoo.metrics.class_maps import ClassMap, Curve, Labelled, LazyMap
from surrogate_zoo.metrics.curve_kernels import Curves, coefficients_of
from surrogate_zoo.metrics.fused_edges import Eroded
from surrogate_zoo.metrics.kernels import Batch
from surrogate_zoo.metrics.probabilities import probabilities


def _identity(x: Tensor) -> Tensor:
    """g(x) = x, as a curve."""
    return x


class _Sum:
    """The one sum that kernels take: a curve and a region, known once somebody asks for it.

    With it comes the largest probability of each class inside the region, (N, C).
    """

    def __init__(self) -> None:
        self.curve: Curve = _identity
        self.region: Tensor | None = None
        self.asked = False
        self.most: Tensor | None = None


class FusedPrediction(LazyMap):
    """Softmax probabilities; nothing of the logits' size is kept unless it is asked for as a dense map.

    The first sum of a curve over a region is taken by a kernel. What else needs all probabilities, as windows
    do, makes them.

    Args:
        scores: Before softmax, float32 or of half precision (N, C, S).
        labels: The classes to look up, int64 (N, S), 0..C-1.
        void: Bool (N, S), where no class has any probability. None has none.
    """

    def __init__(self, scores: Tensor, labels: Tensor, void: Tensor | None) -> None:
        super().__init__()
        self._given = scores, labels, void
        self._sum = _Sum()
        true, self._slot, self._norm = _Look.apply(scores, labels, void, self._sum)
        self._looked_up.append((labels, true))

    def _made(self) -> Tensor:
        found: Tensor = _Dense.apply(*self._given, self._norm)
        return found

    def with_labels(self, labelled: tuple[Labelled, ...], *, crisp: bool = False) -> ClassMap:
        """The same probabilities with labelled parts."""
        return ClassMap(crisp=crisp, labelled=labelled, shaped=(self, _identity))

    def dense_totals(self, region: Tensor | None) -> Tensor:
        """Sum of the probabilities over the pixels of ``region`` of each image: (N, C)."""
        return self.curve_totals(_identity, region)

    def eroded(self, void: Tensor | None, radius: int, axes: int) -> ClassMap | None:
        """Minimum over 3 x 3 pixels."""
        return Eroded(self, void, radius, axes) if radius == 1 and axes == 2 else None

    def curve_totals(self, curve: Curve, region: Tensor | None) -> Tensor:
        """Sum of a curve of them."""
        if self._sum.asked or self._dense is not None:
            return super().curve_totals(curve, region)
        self._sum.asked, self._sum.curve, self._sum.region = True, curve, region
        found, self._sum.most = _Sums.apply(*self._detached, region, curve)
        total: Tensor = self._slot + found
        return total

    def largest(self, region: Tensor | None) -> Tensor:
        """The largest probability (N, C) inside a region; no gradient."""
        if self._sum.most is None or region is not self._sum.region:
            _, found = _Sums.apply(*self._detached, region, _identity)
            return cast(Tensor, found)
        return self._sum.most

    @property
    def _detached(self) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
        scores, labels, void = self._given
        return scores.detach(), labels, void, self._norm

    def _look_up(self, labels: Tensor) -> Tensor:
        return self.dense.gather(1, labels[:, None])[:, 0]


class _Look(torch.autograd.Function):
    """Scores to true classes' probabilities, zeros to add the sums to, and the softmax's denominators.

    The gradient of those zeros is that of the sums, so that one pass back serves both.
    """

    @staticmethod
    def forward(
        scores: Tensor, labels: Tensor, void: Tensor | None, _taken: _Sum
    ) -> tuple[Tensor, Tensor, Tensor]:
        norm, true = _batch(scores, labels, void).look()
        return true.view(labels.shape), norm.new_zeros(scores.shape[:2]), norm

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        scores, labels, void, ctx.taken = inputs
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(output[2])
        ctx.save_for_backward(scores, labels, void, output[2])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, None, None, None]:
        scores, labels, void, norm = ctx.saved_tensors
        true, sums, _ = gradients
        if true is None and sums is None:
            return None, None, None, None
        if torch.is_grad_enabled():
            slopes = _differentiable((scores, labels, void), ctx.taken, true, sums)
            return slopes, None, None, None
        region = ctx.taken.region
        slopes = _batch(scores, labels, void).slopes(
            norm,
            None if region is None else region.reshape(norm.shape).float().contiguous(),
            _curves(ctx.taken.curve, norm),
            None if sums is None else sums.contiguous(),
            None if true is None else true.reshape(norm.shape).contiguous(),
        )
        return slopes.view(scores.shape), None, None, None


class _Dense(torch.autograd.Function):
    """Scores to all probabilities, (N, C, S)."""

    @staticmethod
    def forward(scores: Tensor, labels: Tensor, void: Tensor | None, norm: Tensor) -> Tensor:
        return _batch(scores, labels, void).dense(norm).view(scores.shape)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        scores, labels, void, norm = ctx.saved_tensors
        if torch.is_grad_enabled():
            leaf = scores.view_as(scores)
            every, _ = probabilities(leaf.float(), labels, void)
            (slopes,) = torch.autograd.grad(every, leaf, gradients, create_graph=True)
            return slopes, None, None, None
        upstream = gradients[0].flatten(2).contiguous()
        batch = _batch(scores, labels, void)
        slopes = batch.slopes(norm, None, _curves(_identity, norm), by_all=upstream)
        return slopes.view(scores.shape), None, None, None


class _Sums(torch.autograd.Function):
    """Sums and largest probabilities without a gradient; a Function, since torch.func wraps tensors."""

    @staticmethod
    def forward(  # noqa: PLR0917 - as torch calls it
        scores: Tensor,
        labels: Tensor,
        void: Tensor | None,
        norm: Tensor,
        region: Tensor | None,
        curve: Curve,
    ) -> tuple[Tensor, Tensor]:
        inside = None if region is None else region.reshape(norm.shape).float().contiguous()
        return _batch(scores, labels, void).sums(norm, inside, _curves(curve, norm))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:  # noqa: ARG004
        ctx.mark_non_differentiable(*output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, ...]:  # noqa: ARG004
        return (None,) * 6


def _differentiable(
    given: tuple[Tensor, Tensor, Tensor | None],
    taken: _Sum,
    true: Tensor | None,
    sums: Tensor | None,
) -> Tensor:
    """The gradient of the scores by the definition, in operations that torch differentiates."""
    scores, labels, void = given
    leaf = scores.view_as(scores)
    every, own = probabilities(leaf.float(), labels, void)
    found = [(own, true), (ClassMap(dense=every).curve_totals(taken.curve, taken.region), sums)]
    asked = [pair for pair in found if pair[1] is not None]
    values, upstream = zip(*asked, strict=True)
    (gradient,) = torch.autograd.grad(values, leaf, upstream, create_graph=True)
    return gradient


def _batch(scores: Tensor, labels: Tensor, void: Tensor | None) -> Batch:
    hidden = None if void is None else void.flatten(1).to(torch.uint8).contiguous()
    return Batch(scores.flatten(2), labels.flatten(1).contiguous(), hidden)


def _curves(curve: Curve, like: Tensor) -> Curves:
    if not isinstance(curve, PiecewiseCurve):
        return Curves(like.new_zeros(1, 1), 1, 0)
    return coefficients_of(curve)
