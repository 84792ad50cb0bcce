"""Sums over softmax probabilities as Triton kernels, which read the logits and keep nothing of their size.

Of scores z (C classes, pixels q), labels l, regions w and a curve g, with p = softmax of z over the classes:

- :func:`look`: ``log sum_c exp z[c, q]``, and the true class's probability ``p[l, q]``;
- :func:`sums`: ``sum_q w[q] g(p[c, q])``, and ``max_q w[q] p[c, q]``;
- :func:`dense`: all of p;
- :func:`slopes`: the gradient of z, ``p[c] (u[c] - sum_k p[k] u[k])`` with ``u[c] = G[c] w g'(p[c])`` of
  the sums' gradients G, and the true probability's gradient added where c = l; or u of all of p.

p is made again by each, and is 0 at void pixels. A program works on some pixels of one image, and on a few
classes after the other, so that what it reads at once lies side by side however many classes there are. Its
sums are added up by torch, so that they repeat to the last bit.
"""
# ruff: noqa: N803, PLR0917 - kernels take pointers, strides and constants one by one, constants in capitals
# mypy: disable-error-code="untyped-decorator, no-untyped-call, no-untyped-def"

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from surrogate_zoo.metrics.curve_kernels import Curves, curve


class Work(NamedTuple):
    """What a program works on at once.

    Attributes:
        elements: Classes times pixels.
        classes: Classes, one group after the other; fewer where there are not as many.
        warps: Warps that share it. One has all classes of a pixel to itself, which a sum over them wants.
    """

    elements: int
    classes: int
    warps: int


LOOK = Work(1024, 8, 1)
PASS = Work(2048, 8, 4)
BACK = Work(2048, 32, 4)
"""The way back needs all classes before the first; of up to so many it holds all."""
BACK_IN_TURN = Work(512, 4, 1)
"""Of more it makes them twice."""


@triton.jit
def _exp(x):
    """e^x for x up to 0 or so, to the last bit or two: a fast exponential ties what torch tells apart."""
    high: tl.constexpr = 1.44269502162933349609375  # log2 e in float32, and what is left of it
    low: tl.constexpr = 1.925963033500e-8
    x = tl.where(x < -200, -200.0, x)
    power = x * high
    rest = tl.fma(x, x * 0 + high, -power) + x * low
    return tl.exp2(power) * (1 + rest * 0.6931471805599453)


@triton.jit
def _log(x):
    """The natural logarithm of x, to the last bit or two."""
    found = tl.log(x)
    return found + (x * _exp(-found) - 1)


@triton.jit
def _scores(z, void, n, q, c, C, P, stride_n, stride_c, stride_p, VOID: tl.constexpr):
    """Scores of a tile, (BC, BP), -inf beyond the classes and 0 at void pixels; and where void is, (BP,)."""
    classes, pixels = (c < C)[:, None], (q < P)[None, :]
    place = n * stride_n + c[:, None] * stride_c + q[None, :] * stride_p
    x = tl.load(z + place, mask=classes & pixels, other=0.0).to(tl.float32)
    gone = q >= P
    if VOID:
        gone = tl.load(void + n * P + q, mask=q < P, other=1) != 0
        x = tl.where(gone[None, :], 0.0, x)
    return tl.where(classes, x, float("-inf")), gone


@triton.jit
def _shares(z, norm, void, n, q, c, C, P, stride_n, stride_c, stride_p, VOID: tl.constexpr):
    """Probabilities of a tile, (BC, BP), 0 at void pixels, by the softmax's denominators."""
    x, gone = _scores(z, void, n, q, c, C, P, stride_n, stride_c, stride_p, VOID)
    log = tl.load(norm + n * P + q, mask=q < P, other=0.0)
    return tl.where(gone[None, :], 0.0, _exp(x - log[None, :]))


@triton.jit
def _look(
    z, labels, void, norm, true,
    C, P, stride_n, stride_c, stride_p,
    VOID: tl.constexpr, BC: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    n, q = tl.program_id(1).to(tl.int64), tl.program_id(0) * BP + tl.arange(0, BP)
    label = tl.load(labels + n * P + q, mask=q < P, other=0)
    most = tl.full((BP,), float("-inf"), tl.float32)
    total, own, gone = tl.zeros((BP,), tl.float32), tl.zeros((BP,), tl.float32), q >= P
    for start in range(0, C, BC):
        c = start + tl.arange(0, BC)
        x, gone = _scores(z, void, n, q, c, C, P, stride_n, stride_c, stride_p, VOID)
        largest = tl.maximum(most, tl.max(x, 0))
        base = tl.where(largest == float("-inf"), 0.0, largest)
        total = total * _exp(most - base) + tl.sum(_exp(x - base[None, :]), 0)
        own += tl.sum(tl.where(c[:, None] == label[None, :], x, 0.0), 0)
        most = largest
    log = most + _log(total)
    tl.store(norm + n * P + q, log, mask=q < P)
    tl.store(true + n * P + q, tl.where(gone, 0.0, _exp(own - log)), mask=q < P)


@triton.jit
def _sums(
    z, norm, void, region, table, out, most,
    C, P, stride_n, stride_c, stride_p, each, width,
    VOID: tl.constexpr, REGION: tl.constexpr,
    SEGMENTS: tl.constexpr, ROWS: tl.constexpr, BC: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    n, q = tl.program_id(1).to(tl.int64), tl.program_id(0) * BP + tl.arange(0, BP)
    weight = (q < P).to(tl.float32)
    if REGION:
        weight = tl.load(region + n * P + q, mask=q < P, other=0.0)
    for start in range(0, C, BC):
        c = start + tl.arange(0, BC)
        p = _shares(z, norm, void, n, q, c, C, P, stride_n, stride_c, stride_p, VOID)
        value, _ = curve(p, table + n // each * width, SEGMENTS, ROWS)
        place = (n * tl.num_programs(0) + tl.program_id(0)) * C + c
        tl.store(out + place, tl.sum(value * weight[None, :], 1), mask=c < C)
        tl.store(most + place, tl.max(p * weight[None, :], 1), mask=c < C)


@triton.jit
def _dense(
    z, norm, void, out, C, P, stride_n, stride_c, stride_p,
    VOID: tl.constexpr, BC: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    n, q = tl.program_id(1).to(tl.int64), tl.program_id(0) * BP + tl.arange(0, BP)
    for start in range(0, C, BC):
        c = start + tl.arange(0, BC)
        p = _shares(z, norm, void, n, q, c, C, P, stride_n, stride_c, stride_p, VOID)
        place = (n * C + c[:, None]) * P + q[None, :]
        tl.store(out + place, p, mask=(c < C)[:, None] & (q < P)[None, :])


@triton.jit
def _pulled(
    z, norm, labels, void, region, table, by_sum, by_true, by_all, n, q, c,
    C, P, stride_n, stride_c, stride_p, each, width,
    VOID: tl.constexpr, REGION: tl.constexpr, SUMS: tl.constexpr, TRUE: tl.constexpr, ALL: tl.constexpr,
    SEGMENTS: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Probabilities of a tile, and their gradient u, (BC, BP)."""
    p = _shares(z, norm, void, n, q, c, C, P, stride_n, stride_c, stride_p, VOID)
    u = p * 0
    if SUMS:
        _, slope = curve(p, table + n // each * width, SEGMENTS, ROWS)
        upstream = tl.load(by_sum + n * C + c, mask=c < C, other=0.0)
        u = upstream[:, None] * slope
        if REGION:
            u = u * tl.load(region + n * P + q, mask=q < P, other=0.0)[None, :]
    if TRUE:
        label = tl.load(labels + n * P + q, mask=q < P, other=0)
        own = tl.load(by_true + n * P + q, mask=q < P, other=0.0)
        u += tl.where(c[:, None] == label[None, :], own[None, :], 0.0)
    if ALL:
        place = (n * C + c[:, None]) * P + q[None, :]
        u += tl.load(by_all + place, mask=(c < C)[:, None] & (q < P)[None, :], other=0.0)
    return p, u


@triton.jit
def _slopes(
    z, norm, labels, void, region, table, by_sum, by_true, by_all, out,
    C, P, stride_n, stride_c, stride_p, each, width, out_n, out_c, out_p,
    VOID: tl.constexpr, REGION: tl.constexpr, SUMS: tl.constexpr, TRUE: tl.constexpr, ALL: tl.constexpr,
    SEGMENTS: tl.constexpr, ROWS: tl.constexpr, ONCE: tl.constexpr, BC: tl.constexpr, BP: tl.constexpr,
):  # fmt: skip
    n, q = tl.program_id(1).to(tl.int64), tl.program_id(0) * BP + tl.arange(0, BP)
    c = tl.arange(0, BC)
    if ONCE:
        p, u = _pulled(
            z, norm, labels, void, region, table, by_sum, by_true, by_all, n, q, c,
            C, P, stride_n, stride_c, stride_p, each, width,
            VOID, REGION, SUMS, TRUE, ALL, SEGMENTS, ROWS,
        )  # fmt: skip
        found = p * (u - tl.sum(p * u, 0)[None, :])
        place = n * out_n + c[:, None] * out_c + q[None, :] * out_p
        tl.store(
            out + place, found.to(out.dtype.element_ty), mask=(c < C)[:, None] & (q < P)[None, :]
        )
    else:
        common = tl.zeros((BP,), tl.float32)
        for turn in tl.static_range(2):
            for start in range(0, C, BC):
                p, u = _pulled(
                    z, norm, labels, void, region, table, by_sum, by_true, by_all, n, q, start + c,
                    C, P, stride_n, stride_c, stride_p, each, width,
                    VOID, REGION, SUMS, TRUE, ALL, SEGMENTS, ROWS,
                )  # fmt: skip
                if turn == 0:
                    common += tl.sum(p * u, 0)
                else:
                    found = p * (u - common[None, :])
                    place = n * out_n + (start + c)[:, None] * out_c + q[None, :] * out_p
                    mask = (start + c < C)[:, None] & (q < P)[None, :]
                    tl.store(out + place, found.to(out.dtype.element_ty), mask=mask)


class Batch(NamedTuple):
    """What all kernels read.

    Attributes:
        scores: Float (N, C, P) of any strides.
        labels: Classes, int64 (N, P), contiguous.
        void: Uint8 (N, P), contiguous; None has none.
    """

    scores: Tensor
    labels: Tensor
    void: Tensor | None

    def _tiles(self, work: Work) -> tuple[int, int, int]:
        """Classes and pixels of a tile, and tiles of an image."""
        padded = max(2, triton.next_power_of_2(self.scores.shape[1]))
        classes = min(padded, work.classes)
        pixels = work.elements // classes
        return classes, pixels, triton.cdiv(self.scores.shape[2], pixels)

    @property
    def _sides(self) -> tuple[int, ...]:
        return (*self.scores.shape[1:], *self.scores.stride())

    def look(self) -> tuple[Tensor, Tensor]:
        """Logarithms of the softmax's denominator, and true classes' probabilities: float32 (N, P) both."""
        classes, pixels, tiles = self._tiles(LOOK)
        norm = torch.empty(self.labels.shape, dtype=torch.float32, device=self.labels.device)
        true = torch.empty_like(norm)
        with torch.cuda.device_of(self.scores):
            _look[(tiles, len(self.scores))](
                *(self.scores, self.labels, or_other(self.void, norm), norm, true, *self._sides),
                **{"VOID": self.void is not None, "BC": classes, "BP": pixels},
                num_warps=LOOK.warps,
            )
        return norm, true

    def sums(self, norm: Tensor, region: Tensor | None, curves: Curves) -> tuple[Tensor, Tensor]:
        """Sums of the curve over a region (N, P) of each image, and largest probabilities: (N, C) both."""
        classes, pixels, tiles = self._tiles(PASS)
        out, most = norm.new_empty(2, len(self.scores), tiles, self.scores.shape[1])
        with torch.cuda.device_of(self.scores):
            _sums[(tiles, len(self.scores))](
                *(self.scores, norm, or_other(self.void, norm), or_other(region, norm)),
                *(curves.table, out, most),
                *(*self._sides, *self._candidates(curves)),
                **{"VOID": self.void is not None, "REGION": region is not None},
                **{"SEGMENTS": curves.segments, "ROWS": curves.rows, "BC": classes, "BP": pixels},
                num_warps=PASS.warps,
            )
        return out.sum(1), most.amax(1)

    def dense(self, norm: Tensor) -> Tensor:
        """All probabilities, float32 (N, C, P), contiguous."""
        classes, pixels, tiles = self._tiles(PASS)
        found = norm.new_empty(self.scores.shape)
        with torch.cuda.device_of(self.scores):
            _dense[(tiles, len(self.scores))](
                *(self.scores, norm, or_other(self.void, norm), found, *self._sides),
                **{"VOID": self.void is not None, "BC": classes, "BP": pixels},
                num_warps=PASS.warps,
            )
        return found

    def slopes(
        self,
        norm: Tensor,
        region: Tensor | None,
        curves: Curves,
        by_sum: Tensor | None = None,
        by_true: Tensor | None = None,
        by_all: Tensor | None = None,
    ) -> Tensor:
        """The gradient of the scores by those of the sums (N, C), of ``true`` (N, P), of all (N, C, P)."""
        work = BACK if self.scores.shape[1] <= BACK.classes else BACK_IN_TURN
        classes, pixels, tiles = self._tiles(work)
        found = torch.empty_like(self.scores)
        with torch.cuda.device_of(self.scores):
            _slopes[(tiles, len(self.scores))](
                *(
                    self.scores,
                    norm,
                    self.labels,
                    or_other(self.void, norm),
                    or_other(region, norm),
                ),
                *(
                    curves.table,
                    *(or_other(each, norm) for each in (by_sum, by_true, by_all)),
                    found,
                ),
                *(*self._sides, *self._candidates(curves), *found.stride()),
                **{"VOID": self.void is not None, "REGION": region is not None},
                **{
                    "SUMS": by_sum is not None,
                    "TRUE": by_true is not None,
                    "ALL": by_all is not None,
                },
                **{"SEGMENTS": curves.segments, "ROWS": curves.rows, "BC": classes, "BP": pixels},
                ONCE=work is BACK,
                num_warps=work.warps,
            )
        return found

    def _candidates(self, curves: Curves) -> tuple[int, int]:
        """Images of each candidate, and numbers of its curve."""
        return max(1, len(self.scores) // len(curves.table)), curves.table.shape[1]


def or_other(tensor: Tensor | None, other: Tensor) -> Tensor:
    """A tensor, or what a kernel gets in its place, which does not read it."""
    return other if tensor is None else tensor
