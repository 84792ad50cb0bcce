"""Edges of a soft map on a CPU: the XOR of the map and its erosion, both made while planes are in the cache.

The definition stays that of :mod:`surrogate_zoo.metrics.logic`, which second derivatives go through.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from surrogate_zoo.curves.curves import PiecewiseCurve
from surrogate_zoo.curves.pointwise import pieces, sloped
from surrogate_zoo.metrics.class_maps import ClassMap, LazyMap
from surrogate_zoo.metrics.windows import min_back, window_min


class Eroded(LazyMap):
    """The minimum of a soft map over the (2 radius + 1)^axes window, made where somebody looks at it.

    Args:
        source: What is eroded, dense: float (N, C, H, W), or of volumes (N, C, D, H, W).
        void: Bool (N, S), pixels that count as 1. None has none.
        radius: Pixels >= 0.
        axes: 2 for images, 3 for volumes.
    """

    def __init__(self, source: ClassMap, void: Tensor | None, radius: int, axes: int) -> None:
        super().__init__(crisp=source.crisp)
        self._source, self._void, self._radius, self._axes = source, void, radius, axes

    def _made(self) -> Tensor:
        return self._of(self._source.as_dense())

    def edges_of(
        self,
        inner: ClassMap,
        curves: Sequence[PiecewiseCurve],
        xor: Callable[[Tensor, Tensor], Tensor],
    ) -> ClassMap | None:
        """The XOR of the map and this; None of another map."""
        if inner is not self._source:
            return None
        fast, plain = partial(self._edges, curves), partial(self._plain, xor)
        return ClassMap(dense=sloped(fast, plain, inner.as_dense(), back=self._back))

    def _plain(self, xor: Callable[[Tensor, Tensor], Tensor], values: Tensor) -> Tensor:
        """The edges of values, in operations that torch differentiates."""
        return xor(values, self._of(values))

    def _edges(self, curves: Sequence[PiecewiseCurve], values: Tensor) -> tuple[Tensor, ...]:
        """The edges of values, and their slopes towards these and towards their erosion."""
        candidates = max((curve.candidates for curve in curves), default=1)
        planes = values.flatten(0, 1)
        found = [torch.empty_like(planes) for _ in range(3)]
        for candidate in range(candidates):
            shapes = [curve.of(candidate).evaluator(values.dtype) for curve in curves]
            for part, images in _parts(values, candidates, candidate):
                outer, least = planes[part], self._of(planes[part], images)
                _write(shapes or [_unshaped] * 4, outer, least, [each[part] for each in found])
        return tuple(each.view(values.shape) for each in found)

    def _back(
        self, grad: Tensor, inputs: Sequence[Tensor], slopes: Sequence[Tensor]
    ) -> list[Tensor]:
        """The gradient of values by that of their edges."""
        result = torch.empty_like(slopes[0])
        planes = [each.flatten(0, 1) for each in (*inputs, grad, *slopes, result)]
        for part, images in _parts(grad, 1, 0):
            own, upstream, by_own, by_least, out = (each[part] for each in planes)
            shown = self._shown(own, images, 1)
            back = min_back(shown, by_least * upstream, self._radius)
            torch.addcmul(self._shown(back, images, 0), by_own, upstream, out=out)
        return [result]

    def _of(self, values: Tensor, images: Tensor | None = None) -> Tensor:
        """The erosion of values (N, C, S), or of planes (P, S) that belong to ``images`` (P,)."""
        return window_min(self._shown(values, images, 1), self._radius, self._axes)

    def _shown(self, values: Tensor, images: Tensor | None, hidden: float) -> Tensor:
        """Values with a number at void pixels."""
        if self._void is None:
            return values
        void = self._void[:, None] if images is None else self._void[images]
        return values.masked_fill(void, hidden)


def _parts(values: Tensor, candidates: int, candidate: int) -> Iterator[tuple[slice, Tensor]]:
    """Planes of a candidate's maps, of (N, C, S), as many as stay in the cache; and their images (P,)."""
    images = torch.arange(len(values), device=values.device).repeat_interleave(values.shape[1])
    each = len(images) // candidates
    first, last = candidate * each, (candidate + 1) * each
    for part in pieces(values.flatten(0, 1)[first:last]):
        own = slice(first + part.start, min(first + part.stop, last))
        yield own, images[own]


def _write(
    shapes: Sequence[Callable[[Tensor], tuple[Tensor, Tensor]]],
    first: Tensor,
    second: Tensor,
    found: Sequence[Tensor],
) -> None:
    """Write ``OR - AND`` of two maps, and its slopes towards both, into tensors of their shape."""
    value, by_first, by_second = found
    (g, g_slope), (h, h_slope) = shapes[2](first), shapes[3](second)
    rest, other = 1 - h, 1 - g
    torch.addcmul(h, rest, g, out=value)
    torch.mul(rest, g_slope, out=by_first)
    torch.mul(other, h_slope, out=by_second)
    (g, g_slope), (h, h_slope) = shapes[0](first), shapes[1](second)
    value.addcmul_(g, h, value=-1)
    by_first.addcmul_(g_slope, h, value=-1)
    by_second.addcmul_(g, h_slope, value=-1)


def _unshaped(x: Tensor) -> tuple[Tensor, Tensor]:
    """A value by the identity, and its slope."""
    return x, torch.ones_like(x)
