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
from surrogate_zoo.metrics.class_maps import ClassMap, LazyMap, sums
from surrogate_zoo.metrics.curve_kernels import Curves, coefficients_of
from surrogate_zoo.metrics.dilation import Grown
from surrogate_zoo.metrics.edge_kernels import Planes, Upstream

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
        taken = _Taken()
        found, *slots = _Edges.apply(values, void, curves, partial(self._plain, xor), taken)
        return SoftEdges(found, slots, taken)


class _Taken:
    """What kernels took of edges x (N, C, H, W), known once somebody asks for it.

    Attributes:
        asked: Whether sums were.
        region: Where, float (N, H, W); None is everywhere.
        grown: The map whose product with x was summed, and its bits, int32 (N, W, H, W).
        looked_up: Where the maxima that were looked up lie in x (N, C * H * W), and 0 where these spread
            nothing, (N, H * W) both.
    """

    def __init__(self) -> None:
        self.asked = False
        self.region: Tensor | None = None
        self.grown: tuple[Grown, Tensor] | None = None
        self.looked_up: tuple[Tensor, Tensor | None] | None = None


class SoftEdges(LazyMap):
    """Edges of a soft prediction.

    Sums over one region, of them and of their product with a crisp map that was grown, and their dilation at
    one class a pixel are taken by kernels, and all go back in the pass that goes back through the edges. What
    else is asked for, torch makes of the values.

    Args:
        values: Float32 (N, C, H, W), contiguous.
        slots: Zeros that go with them, whose gradient is that of what is taken: (N, C) twice, (N, H * W).
        taken: What is.
    """

    def __init__(self, values: Tensor, slots: Sequence[Tensor], taken: _Taken) -> None:
        super().__init__()
        self._values, self._slots, self._taken = values, slots, taken
        self._numbers: tuple[Tensor, ...] = ()

    def _made(self) -> Tensor:
        return self._values

    def with_labels(self, labelled: Any, *, crisp: bool = False) -> ClassMap:
        """The same values with labelled parts."""
        return ClassMap(crisp=crisp, dense=self.dense, labelled=labelled)

    def __mul__(self, other: ClassMap) -> ClassMap:
        """Product; with a crisp map that was grown it is not made before somebody looks at it."""
        return _Matched(self, other) if isinstance(other, Grown) else super().__mul__(other)

    def dense_totals(self, region: Tensor | None) -> Tensor:
        """Sum over the pixels of ``region`` (N, H, W) of each image: (N, C)."""
        if not self._takes(region):
            return sums(self._values, region)
        return self._slots[0] + self._numbers[0]

    def matched(self, grown: Grown, region: Tensor | None) -> Tensor | None:
        """The same of the product with a crisp map; None where another was asked for before."""
        if not self._takes(region, grown):
            return None
        return self._slots[1] + self._numbers[2]

    def largest(self, region: Tensor | None) -> Tensor:
        """The largest value (N, C) inside a region; no gradient."""
        if not self._takes(region):
            return super().largest(region)
        return self._numbers[1]

    def dilated_at(
        self, labels: Tensor, void: Tensor | None, radius: int, axes: int
    ) -> Tensor | None:
        """The maximum over a window of the map of one class, for every pixel: (N, H, W)."""
        if axes != 2 or self._taken.looked_up is not None:
            return None
        hidden = None if void is None else void.to(torch.uint8).contiguous()
        values = self._values.detach()
        place = _Winners.apply(values, hidden, labels.contiguous(), radius).flatten(1)
        places = labels.flatten(1) * place.shape[1] + place
        kept = None if void is None else (~void).flatten(1).gather(1, place).to(values.dtype)
        self._taken.looked_up = places, kept
        return (self._slots[2] + _at(values, places, kept)).view(labels.shape)

    def _takes(self, region: Tensor | None, grown: Grown | None = None) -> bool:
        """Take sums over a region, and of the product with a map; whether they are known then."""
        taken = self._taken
        if taken.asked and region is not taken.region:
            return False
        if grown is not None and taken.grown is not None:
            return taken.grown[0] is grown
        if grown is not None:
            bits = grown.bits()
            if bits is None:
                return False
            taken.grown = grown, bits.words.contiguous()
        if grown is not None or not taken.asked:
            taken.asked, taken.region = True, region
            words = None if taken.grown is None else taken.grown[1]
            self._numbers = _Totals.apply(self._values.detach(), _flat(region), words)
        return True


class _Matched(LazyMap):
    """The product of edges and a crisp map that was grown."""

    def __init__(self, edges: SoftEdges, grown: Grown) -> None:
        super().__init__()
        self._edges, self._grown = edges, grown

    def _made(self) -> Tensor:
        return self._edges.dense * self._grown.dense

    def dense_totals(self, region: Tensor | None) -> Tensor:
        """Sum over the pixels of ``region`` (N, H, W) of each image: (N, C)."""
        found = self._edges.matched(self._grown, region)
        return sums(self.dense, region) if found is None else found


class _Edges(torch.autograd.Function):
    """Probabilities to their edges; what is made on the way is made again, not kept."""

    @staticmethod
    def forward(
        values: Tensor,
        void: Tensor | None,
        curves: Sequence[PiecewiseCurve],
        _plain: Plain,
        _taken: _Taken,
    ) -> tuple[Tensor, ...]:
        edges = Planes(values, void).edges(_table(curves, values))
        sums, pixels = values.shape[:2], (len(values), values.shape[2:].numel())
        return edges, values.new_zeros(sums), values.new_zeros(sums), values.new_zeros(pixels)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:  # noqa: ARG004
        values, void, ctx.curves, ctx.plain, ctx.taken = inputs
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(values, void)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        values, void = ctx.saved_tensors
        if all(gradient is None for gradient in gradients):
            return (None,) * 5
        if torch.is_grad_enabled():
            return _differentiable(values, ctx.plain, ctx.taken, gradients), *(None,) * 4
        upstream = _upstream(values, ctx.taken, gradients)
        slopes = Planes(values, void).slopes(_table(ctx.curves, values), upstream)
        return slopes, None, None, None, None


def _upstream(values: Tensor, taken: _Taken, gradients: Sequence[Tensor | None]) -> Upstream:
    """The gradients of edges, sums, sums of the product and maxima, as the kernel takes them."""
    given, *by_sums, by_maximum = gradients
    if by_maximum is not None and taken.looked_up is not None:
        places, kept = taken.looked_up
        weighed = by_maximum if kept is None else by_maximum * kept
        whole = torch.contiguous_format  # a copy that is flattened would lose what is added
        given = torch.zeros_like(values) if given is None else given.clone(memory_format=whole)
        given.flatten(1).scatter_add_(1, places, weighed)
    bits = None if taken.grown is None else taken.grown[1]
    sums, parts = (None if each is None else each.contiguous() for each in by_sums)
    given = None if given is None else given.contiguous()
    return Upstream(given, _flat(taken.region), bits, sums, parts)


def _differentiable(
    values: Tensor, plain: Plain, taken: _Taken, gradients: Sequence[Tensor | None]
) -> Tensor:
    """The gradient of values by the definition, in operations that torch differentiates."""
    leaf = values.view_as(values)
    edges = plain(leaf)
    found = [edges, sums(edges, taken.region)]
    found.append(
        found[1] if taken.grown is None else sums(edges * taken.grown[0].dense, taken.region)
    )
    found.append(found[1] if taken.looked_up is None else _at(edges, *taken.looked_up))
    asked = [pair for pair in zip(found, gradients, strict=True) if pair[1] is not None]
    outputs, upstream = zip(*asked, strict=True)
    (slopes,) = torch.autograd.grad(outputs, leaf, upstream, create_graph=True)
    return slopes


def _at(values: Tensor, places: Tensor, kept: Tensor | None) -> Tensor:
    """Values (N, C, H, W) at places (N, P) of an image's, 0 where these spread nothing."""
    found = values.flatten(1).gather(1, places)
    return found if kept is None else found * kept


class _Totals(torch.autograd.Function):
    """Sums and largest values without a gradient; a Function, since torch.func wraps tensors."""

    @staticmethod
    def forward(values: Tensor, region: Tensor | None, bits: Tensor | None) -> tuple[Tensor, ...]:
        return Planes(values, None).totals(region, bits)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:  # noqa: ARG004
        ctx.mark_non_differentiable(*output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, ...]:  # noqa: ARG004
        return (None,) * 3


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
