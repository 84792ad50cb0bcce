"""Curves of logic as Triton kernels: ``g(x)`` and ``g'(x)`` in one pass, by coefficients that are made once.

:func:`curve` is what other kernels call; :meth:`Curves.with_slope` is for what else a curve is asked for.
"""
# ruff: noqa: N803, PLR0917 - kernels take pointers, strides and constants one by one, constants in capitals
# mypy: disable-error-code="untyped-decorator, no-untyped-call, no-untyped-def"

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple, cast

import torch
import triton
import triton.language as tl
from torch import Tensor

from surrogate_zoo.curves.curves import PiecewiseCurve

VALUES = 1024
"""Values that a program applies a curve to."""
ALIGNED = 4
"""Numbers that a table's width is a multiple of, so that each candidate's starts at 16 bytes' multiple."""


@triton.jit
def curve(x, table, SEGMENTS: tl.constexpr, ROWS: tl.constexpr):
    """g(x) and g'(x): of 6 rows of coefficients a Bezier curve, of 3 a linear one, of none the identity."""
    value, slope = x, x * 0 + 1
    if ROWS > 0:
        x0, y0 = x * 0 + tl.load(table), x * 0 + tl.load(table + SEGMENTS)
        a, b, e, d = x0, x0, x0, x0
        a = x * 0 + tl.load(table + 2 * SEGMENTS)
        if ROWS == 6:
            e = x * 0 + tl.load(table + 3 * SEGMENTS)
            b = x * 0 + tl.load(table + 4 * SEGMENTS)
            d = x * 0 + tl.load(table + 5 * SEGMENTS)
        for segment in tl.static_range(1, SEGMENTS):
            beyond = x > tl.load(table + segment)
            x0 = tl.where(beyond, tl.load(table + segment), x0)
            y0 = tl.where(beyond, tl.load(table + SEGMENTS + segment), y0)
            a = tl.where(beyond, tl.load(table + 2 * SEGMENTS + segment), a)
            if ROWS == 6:
                e = tl.where(beyond, tl.load(table + 3 * SEGMENTS + segment), e)
                b = tl.where(beyond, tl.load(table + 4 * SEGMENTS + segment), b)
                d = tl.where(beyond, tl.load(table + 5 * SEGMENTS + segment), d)
        offset = x - x0
        if ROWS == 6:
            root = tl.sqrt(tl.maximum(offset * b + a * a, 1e-12))
            t = offset / (root + a)
            value = (t * d + 2 * e) * t + y0
            slope = (t * d + e) / root
        else:
            value = offset * a + y0
            slope = a
        value = tl.minimum(tl.maximum(value, 0.0), 1.0)
        value = tl.where(x >= 1, tl.load(table + ROWS * SEGMENTS), value)
    return value, slope


@triton.jit
def _evaluate(
    x, table, value, slope, P, width,
    SEGMENTS: tl.constexpr, ROWS: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    k, q = tl.program_id(1).to(tl.int64), tl.program_id(0) * BP + tl.arange(0, BP)
    given = tl.load(x + k * P + q, mask=q < P, other=0.0)
    found, steep = curve(given, table + k * width, SEGMENTS, ROWS)
    tl.store(value + k * P + q, found, mask=q < P)
    tl.store(slope + k * P + q, steep, mask=q < P)


class Curves(NamedTuple):
    """A curve, or K candidates' curves, as the kernels read them.

    Attributes:
        table: Coefficients, row by row one number a segment, then g(1): float32 (K, width), contiguous; the
            width is that of rows * segments + 1, or more.
        segments: Segments of a curve.
        rows: 6 of Bezier curves, 3 of linear ones, 0 of the identity.
    """

    table: Tensor
    segments: int
    rows: int

    def with_slope(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """g(x) and g'(x), float32 of the shape of ``x``, whose first dimension is the candidates'."""
        given = x.contiguous()
        value, slope = torch.empty_like(given), torch.empty_like(given)
        number, width = self.table.shape
        values = given.numel() // number
        with torch.cuda.device_of(x):
            _evaluate[(triton.cdiv(values, VALUES), number)](
                *(given, self.table, value, slope, values, width),
                **{"SEGMENTS": self.segments, "ROWS": self.rows, "BP": VALUES},
            )
        return value, slope


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Evaluates one of several curves by kernels.

    Attributes:
        every: Makes the coefficients of all curves, one behind the other, and keeps them.
        place: Which of them are its own.
    """

    every: Callable[[], Curves]
    place: slice

    @property
    def curves(self) -> Curves:
        """The coefficients; inside of Functions alone, since torch.func wraps what is made outside."""
        every = self.every()
        return every._replace(table=every.table[self.place])

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """g(x) and g'(x), float32 of the shape of ``x``, whose first dimension is the candidates'."""
        return self.curves.with_slope(x)


def coefficients_of(curve: PiecewiseCurve) -> Curves:
    """Those of a curve that kernels evaluate; inside of Functions alone."""
    return cast(Evaluation, curve.kernel).curves


def with_kernels(curves: Sequence[PiecewiseCurve], device: torch.device) -> list[PiecewiseCurve]:
    """Curves of one shape and as many candidates, evaluated by kernels; coefficients are made together."""
    number = curves[0].candidates
    points = [curve.control_points.reshape(number, -1) for curve in curves]

    @cache
    def every() -> Curves:
        return _table(replace(curves[0], control_points=torch.cat(points)), device)

    return [
        replace(curve, kernel=Evaluation(every, slice(i * number, (i + 1) * number)))
        for i, curve in enumerate(curves)
    ]


def _table(curve: PiecewiseCurve, device: torch.device) -> Curves:
    """A curve's coefficients; by the rows that there are, the kernels know its shape."""
    rows, ends = curve.table(torch.float32)
    number, candidates, segments = rows.shape
    unused = ends.new_zeros(candidates, -(number * segments + 1) % ALIGNED)
    flat = torch.cat([rows.movedim(1, 0).flatten(1), ends[:, None], unused], 1)
    return Curves(flat.to(device).contiguous(), segments, number)
