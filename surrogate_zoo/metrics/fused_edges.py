"""Boundaries of a soft prediction by kernels: the same maps as by windows and logic, in few passes.

The definition stays that of :mod:`surrogate_zoo.metrics.maps` and :mod:`surrogate_zoo.metrics.logic`, which
second derivatives go through and which the kernels are tested against.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from surrogate_zoo.curves.curves import PiecewiseCurve
from surrogate_zoo.metrics import edges
from surrogate_zoo.metrics.class_maps import ClassMap
from surrogate_zoo.metrics.edge_kernels import Planes
from surrogate_zoo.metrics.kernels import Curves, coefficients_of

Plain = Callable[[Tensor], Tensor]
"""Probabilities -> their edges, in operations that torch differentiates."""


class Eroded(edges.Eroded):
    """The minimum of a prediction of images over 3 x 3 pixels, made where somebody looks at it by itself."""

    def edges_of(
        self,
        inner: ClassMap,
        curves: Sequence[PiecewiseCurve],
        xor: Callable[[Tensor, Tensor], Tensor],
    ) -> ClassMap | None:
        """The XOR of the prediction and this; None of another map."""
        if inner is not self._source:
            return None
        values = inner.as_dense().contiguous()
        void = None if self._void is None else self._void.to(torch.uint8).contiguous()
        plain = partial(self._plain, xor)
        found: Tensor = _Edges.apply(values, void, curves, plain)
        return SoftEdges(found)


class SoftEdges(ClassMap):
    """Edges of a soft prediction.

    Args:
        values: Float32 (N, C, H, W), contiguous.
        part: Uint8 (N, C, H, W) of 0 and 1, contiguous, what they are multiplied with; None takes all.
    """

    def __init__(self, values: Tensor, part: Tensor | None = None) -> None:
        super().__init__()
        self._values, self._part = values, part

    @property
    def has_dense(self) -> bool:
        """There is nothing else."""
        return True

    @property
    def dense(self) -> Tensor:
        """All values, (N, C, H, W)."""
        return self._values if self._part is None else self._values * self._part

    def with_labels(self, labelled: Any, *, crisp: bool = False) -> ClassMap:
        """The same values with labelled parts."""
        return ClassMap(crisp=crisp, dense=self.dense, labelled=labelled)

    def __mul__(self, other: ClassMap) -> ClassMap:
        """Product; with a crisp map of all classes it is not made before somebody looks at it."""
        own = other.dense if other.crisp and self._part is None else None
        if own is None or own.dtype != torch.uint8 or other.labelled:
            return super().__mul__(other)
        return SoftEdges(self._values, own.contiguous())

    def dense_totals(self, region: Tensor | None) -> Tensor:
        """Sum over the pixels of ``region`` (N, H, W) of each image: (N, C)."""
        totals: Tensor = _Totals.apply(self._values, self._part, _flat(region), False)
        return totals

    def largest(self, region: Tensor | None) -> Tensor:
        """The largest value (N, C) inside a region; no gradient."""
        with torch.no_grad():
            found: Tensor = _Totals.apply(self._values, self._part, _flat(region), True)
        return found

    def dilated_at(
        self, labels: Tensor, void: Tensor | None, radius: int, axes: int
    ) -> Tensor | None:
        """The maximum over a window of the map of one class, for every pixel: (N, H, W)."""
        if axes != 2 or self._part is not None:
            return None
        hidden = None if void is None else void.to(torch.uint8).contiguous()
        places = _Winners.apply(self._values.detach(), hidden, labels.contiguous(), radius)
        classes = labels.flatten(1)
        place = places.flatten(1)
        pixels = place.shape[1]
        found = self._values.flatten(1).gather(1, classes * pixels + place)
        if void is not None:
            found = found * ~void.flatten(1).gather(1, place)
        return found.view(labels.shape)


class _Edges(torch.autograd.Function):
    """Probabilities to their edges; what is made on the way is made again, not kept."""

    @staticmethod
    def forward(
        values: Tensor, void: Tensor | None, curves: Sequence[PiecewiseCurve], _plain: Plain
    ) -> Tensor:
        return Planes(values, void).edges(_table(curves, values))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004
        values, void, ctx.curves, ctx.plain = inputs
        ctx.save_for_backward(values, void)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        values, void = ctx.saved_tensors
        if torch.is_grad_enabled():
            leaf = values.view_as(values)
            (slopes,) = torch.autograd.grad(ctx.plain(leaf), leaf, gradients[0], create_graph=True)
            return slopes, None, None, None
        slopes = Planes(values, void).slopes(_table(ctx.curves, values), gradients[0].contiguous())
        return slopes, None, None, None


class _Totals(torch.autograd.Function):
    """Sums of maps over a region, or their largest values."""

    @staticmethod
    def forward(
        values: Tensor, part: Tensor | None, region: Tensor | None, largest: bool
    ) -> Tensor:
        return Planes(values, None).totals(part, region, largest=largest)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004
        values, part, region, _ = inputs
        ctx.save_for_backward(values, part, region)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        values, part, region = ctx.saved_tensors
        if torch.is_grad_enabled():
            spread = gradients[0][:, :, None, None].expand(values.shape)
            spread = spread if part is None else spread * part
            if region is not None:
                spread = spread * region.view(len(values), 1, *values.shape[2:])
            return spread, None, None, None
        given = gradients[0].contiguous()
        return Planes(values, None).spread(given, part, region), None, None, None


class _Winners(torch.autograd.Function):
    """Where a window's maximum is; a Function, since torch.func wraps tensors."""

    @staticmethod
    def forward(values: Tensor, void: Tensor | None, labels: Tensor, radius: int) -> Tensor:
        return Planes(values, void).winners(labels, radius)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, ...]:  # noqa: ARG004
        return (None,) * 4


def _flat(region: Tensor | None) -> Tensor | None:
    return None if region is None else region.flatten(1).float().contiguous()


def _table(curves: Sequence[PiecewiseCurve], like: Tensor) -> Curves:
    """The coefficients of an XOR's curves, one kind behind the other; of the product logic none."""
    if not curves:
        return Curves(like.new_zeros(4, 1), 1, 0)
    tables = [coefficients_of(curve) for curve in curves]
    return tables[0]._replace(table=torch.cat([each.table for each in tables]))
