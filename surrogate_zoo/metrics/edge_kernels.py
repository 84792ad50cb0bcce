"""Boundaries of soft maps as Triton kernels: what a metric asks of them, in few passes over (N, C, H, W).

Of probabilities p and their minimum e over 3 x 3 pixels, with the curves of an XOR's call sites:

- :meth:`Planes.edges`: ``x = XOR(p, e)``; :meth:`Planes.slopes`: the gradient towards p, that of e given to
  the pixel that holds the minimum, the first where several do;
- :meth:`Planes.totals`: ``sum_q w[q] x[c, q]`` over a region, the same where a crisp map b is on, and the
  largest ``w[q] x[c, q]``, in one pass; going back, x's gradient ``w[q] (G[c] + b[c, q] H[c])`` is made where
  it is needed;
- :meth:`Planes.winners`: where the maximum over the window around each pixel is, of one class a pixel.

A program works on pixels of one class of one image. Its sums are added up by torch, so that they repeat to
the last bit.
"""
# ruff: noqa: N803, PLR0917 - kernels take pointers and sizes one by one, constants in capitals
# mypy: disable-error-code="untyped-decorator, no-untyped-call, no-untyped-def"

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from surrogate_zoo.metrics.bit_maps import BITS
from surrogate_zoo.metrics.curve_kernels import Curves, curve
from surrogate_zoo.metrics.kernels import or_other

BLOCK = 512
"""Pixels that a program works on."""


@triton.jit
def _least(p, void, n, plane, q, H, W, VOID: tl.constexpr):
    """Minimum over 3 x 3 pixels, void ones counting as 1, and which holds it: 3 column + row, or 9."""
    row, column = q // W, q % W
    best, code = tl.full(q.shape, float("inf"), tl.float32), tl.full(q.shape, 9, tl.int32)
    around, gone_around = p + plane * H * W + q, void + n * H * W + q
    for across in tl.static_range(3):
        for down in tl.static_range(3):
            r, s = row + (down - 1), column + (across - 1)
            inside = (q < H * W) & (r >= 0) & (r < H) & (s >= 0) & (s < W)
            step = (down - 1) * W + (across - 1)
            value = tl.load(around + step, mask=inside, other=float("inf"))
            place = tl.full(q.shape, 3 * across + down, tl.int32)
            if VOID:
                gone = tl.load(gone_around + step, mask=inside, other=0) != 0
                value = tl.where(gone, 1.0, value)
                place = tl.where(gone, 9, place)
            better = value < best
            best, code = tl.where(better, value, best), tl.where(better, place, code)
    return best, code


@triton.jit
def _xor(a, b, table, WIDTH, CURVES, SEGMENTS: tl.constexpr, ROWS: tl.constexpr):
    """OR less AND, and its slopes towards both."""
    g, by_g = curve(a, table, SEGMENTS, ROWS)
    h, by_h = curve(b, table + CURVES * WIDTH, SEGMENTS, ROWS)
    value, left, right = -g * h, -by_g * h, -g * by_h
    g, by_g = curve(a, table + 2 * CURVES * WIDTH, SEGMENTS, ROWS)
    h, by_h = curve(b, table + 3 * CURVES * WIDTH, SEGMENTS, ROWS)
    return value + h + (1 - h) * g, left + (1 - h) * by_g, right + (1 - g) * by_h


@triton.jit
def _edges(
    p, void, table, x, C, H, W, tiles, each, CURVES, WIDTH,
    VOID: tl.constexpr, SEGMENTS: tl.constexpr, ROWS: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    plane = (tl.program_id(0) // tiles).to(tl.int64)
    q = tl.program_id(0) % tiles * BP + tl.arange(0, BP)
    n = plane // C
    a = tl.load(p + plane * H * W + q, mask=q < H * W, other=0.0)
    b, _ = _least(p, void, n, plane, q, H, W, VOID)
    b = tl.where(q < H * W, b, 0.0)
    value, _, _ = _xor(a, b, table + n // each * WIDTH, WIDTH, CURVES, SEGMENTS, ROWS)
    tl.store(x + plane * H * W + q, value, mask=q < H * W)


@triton.jit
def _is_on(bits, n, plane, q, C, P, WORDS, BITS: tl.constexpr):
    """Whether a plane's class is on in a map of bits (N, WORDS, P): 0.0 or 1.0."""
    label = (plane - n * C).to(tl.int32)
    word = tl.load(bits + (n * WORDS + label // BITS) * P + q, mask=q < P, other=0)
    return ((word >> (label % BITS)) & 1).to(tl.float32)


@triton.jit
def _edge_slopes(
    p, void, table, given, region, bits, by_sum, by_part, left, right, code,
    C, H, W, WORDS, tiles, each, CURVES, WIDTH,
    VOID: tl.constexpr, GIVEN: tl.constexpr, REGION: tl.constexpr, SUM: tl.constexpr, PART: tl.constexpr,
    SEGMENTS: tl.constexpr, ROWS: tl.constexpr, BITS: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    plane = (tl.program_id(0) // tiles).to(tl.int64)
    q = tl.program_id(0) % tiles * BP + tl.arange(0, BP)
    n, place, mask = plane // C, plane * H * W + q, q < H * W
    a = tl.load(p + place, mask=mask, other=0.0)
    b, found = _least(p, void, n, plane, q, H, W, VOID)
    b = tl.where(mask, b, 0.0)
    _, by_a, by_b = _xor(a, b, table + n // each * WIDTH, WIDTH, CURVES, SEGMENTS, ROWS)
    upstream = a * 0
    if SUM:
        upstream += tl.load(by_sum + plane)
    if PART:
        upstream += tl.load(by_part + plane) * _is_on(bits, n, plane, q, C, H * W, WORDS, BITS)
    if REGION:
        upstream = upstream * tl.load(region + n * H * W + q, mask=mask, other=0.0)
    if GIVEN:
        upstream += tl.load(given + place, mask=mask, other=0.0)
    tl.store(left + place, upstream * by_a, mask=mask)
    tl.store(right + place, upstream * by_b, mask=mask)
    tl.store(code + place, found.to(tl.uint8), mask=mask)


@triton.jit
def _gather(left, right, code, H, W, tiles, BP: tl.constexpr):
    """Add to each pixel what those windows give back whose minimum it holds."""
    plane = (tl.program_id(0) // tiles).to(tl.int64)
    q = tl.program_id(0) % tiles * BP + tl.arange(0, BP)
    row, column = q // W, q % W
    place = plane * H * W + q
    total = tl.load(left + place, mask=q < H * W, other=0.0)
    for across in tl.static_range(3):
        for down in tl.static_range(3):
            r, s = row - (down - 1), column - (across - 1)
            inside = (q < H * W) & (r >= 0) & (r < H) & (s >= 0) & (s < W)
            step = (1 - down) * W + (1 - across)
            held = tl.load(code + place + step, mask=inside, other=9) == 3 * across + down
            total += tl.load(right + place + step, mask=inside & held, other=0.0)
    tl.store(left + place, total, mask=q < H * W)


@triton.jit
def _totals(
    x, bits, region, out, C, P, WORDS, tiles, number,
    PART: tl.constexpr, REGION: tl.constexpr, BITS: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    plane = (tl.program_id(0) // tiles).to(tl.int64)
    q = tl.program_id(0) % tiles * BP + tl.arange(0, BP)
    value = tl.load(x + plane * P + q, mask=q < P, other=0.0)
    if REGION:
        value = value * tl.load(region + plane // C * P + q, mask=q < P, other=0.0)
    tl.store(out + tl.program_id(0), tl.sum(value, 0))
    tl.store(out + number + tl.program_id(0), tl.max(value, 0))
    if PART:
        value = value * _is_on(bits, plane // C, plane, q, C, P, WORDS, BITS)
        tl.store(out + 2 * number + tl.program_id(0), tl.sum(value, 0))


@triton.jit
def _winners(x, void, labels, out, C, H, W, tiles, RADIUS, VOID: tl.constexpr, BP: tl.constexpr):
    n = (tl.program_id(0) // tiles).to(tl.int64)
    q = tl.program_id(0) % tiles * BP + tl.arange(0, BP)
    row, column, mask = q // W, q % W, q < H * W
    label = tl.load(labels + n * H * W + q, mask=mask, other=0)
    best = tl.full(q.shape, float("-inf"), tl.float32)
    winner = q
    side = 2 * RADIUS + 1
    for step in range(side * side):
        r, s = row + (step % side - RADIUS), column + (step // side - RADIUS)
        inside = mask & (r >= 0) & (r < H) & (s >= 0) & (s < W)
        place = r * W + s
        value = tl.load(x + (n * C + label) * H * W + place, mask=inside, other=float("-inf"))
        if VOID:
            gone = tl.load(void + n * H * W + place, mask=inside, other=0) != 0
            value = tl.where(gone, 0.0, value)
        better = value > best
        best, winner = tl.where(better, value, best), tl.where(better, place, winner)
    tl.store(out + n * H * W + q, winner.to(tl.int64), mask=mask)


class Upstream(NamedTuple):
    """The gradient of edges x (N, C, P), by parts; None is none.

    Attributes:
        given: Of x, float32 (N, C, P), contiguous.
        region: Where sums were taken, float32 (N, P), contiguous; None is everywhere.
        bits: Where the classes are on that ``by_part`` is of, int32 (N, W, P), contiguous.
        by_sum: Of sums over the region, (N, C), contiguous.
        by_part: Of sums over the part of it where bits are on, (N, C), contiguous.
    """

    given: Tensor | None
    region: Tensor | None
    bits: Tensor | None
    by_sum: Tensor | None
    by_part: Tensor | None


class Planes(NamedTuple):
    """Maps of images.

    Attributes:
        values: Float32 (N, C, H, W), contiguous.
        void: Uint8 (N, H, W), contiguous; None has none.
    """

    values: Tensor
    void: Tensor | None

    def edges(self, curves: Curves) -> Tensor:
        """The XOR of the maps and their minimum, float32 (N, C, H, W).

        Args:
            curves: Of the operands of AND and of OR, four of each candidate, one kind behind the other.
        """
        found = torch.empty_like(self.values)
        with torch.cuda.device_of(found):
            _edges[self._grid(found.flatten(0, 1))](
                *(self.values, or_other(self.void, found), curves.table, found),
                *(*self.values.shape[1:], self._tiles),
                *self._curved(curves),
                **self._constants(curves),
            )
        return found

    def slopes(self, curves: Curves, upstream: "Upstream") -> Tensor:
        """The gradient of the maps by that of their edges."""
        left, right = torch.empty_like(self.values), torch.empty_like(self.values)
        code = torch.empty_like(self.values, dtype=torch.uint8)
        grid = self._grid(left.flatten(0, 1))
        given, region, bits, by_sum, by_part = upstream
        height, width = self.values.shape[2:]
        with torch.cuda.device_of(left):
            _edge_slopes[grid](
                *(self.values, or_other(self.void, left), curves.table),
                *(or_other(each, left) for each in upstream),
                *(
                    left,
                    right,
                    code,
                    self.values.shape[1],
                    height,
                    width,
                    _words(bits),
                    self._tiles,
                ),
                *self._curved(curves),
                **{"GIVEN": given is not None, "REGION": region is not None},
                **{"SUM": by_sum is not None, "PART": by_part is not None, "BITS": BITS},
                **self._constants(curves),
            )
            _gather[grid](left, right, code, height, width, self._tiles, BP=BLOCK)
        return left

    def totals(self, region: Tensor | None, bits: Tensor | None) -> tuple[Tensor, ...]:
        """Sums over a region (N, P), the largest values in it, sums where bits (N, W, P) are on: (N, C)."""
        classes, pixels = self._sides
        out = self.values.new_empty(2 + (bits is not None), len(self.values), classes, self._tiles)
        with torch.cuda.device_of(out):
            _totals[self._grid(self.values.flatten(0, 1))](
                *(self.values, or_other(bits, out), or_other(region, out), out),
                *(classes, pixels, _words(bits), self._tiles, out[0].numel()),
                **{"PART": bits is not None, "REGION": region is not None},
                **{"BITS": BITS, "BP": BLOCK},
            )
        sums, most, *matched = out
        return sums.sum(2), most.amax(2), *(each.sum(2) for each in matched)

    def winners(self, labels: Tensor, radius: int) -> Tensor:
        """Which pixel of the window around each one is the largest of a class, 0 at void: int64 (N, P).

        Args:
            labels: The classes, int64 (N, P), contiguous.
            radius: Of the window, pixels.
        """
        found = torch.empty_like(labels)
        with torch.cuda.device_of(found):
            _winners[self._grid(labels)](
                *(self.values, or_other(self.void, labels), labels, found),
                *(*self.values.shape[1:], self._tiles, radius),
                VOID=self.void is not None,
                BP=BLOCK,
            )
        return found

    @property
    def _sides(self) -> tuple[int, int]:
        return self.values.shape[1], self.values.shape[2:].numel()

    @property
    def _tiles(self) -> int:
        return int(triton.cdiv(self._sides[1], BLOCK))

    def _grid(self, planes: Tensor) -> tuple[int]:
        return (len(planes) * self._tiles,)

    def _curved(self, curves: Curves) -> tuple[int, ...]:
        number = max(1, len(curves.table) // 4)
        return max(1, len(self.values) // number), number, curves.table.shape[1]

    def _constants(self, curves: Curves) -> dict[str, int]:
        return {
            **{"VOID": self.void is not None, "BP": BLOCK},
            **{"SEGMENTS": curves.segments, "ROWS": curves.rows},
        }


def _words(bits: Tensor | None) -> int:
    return 1 if bits is None else bits.shape[1]
