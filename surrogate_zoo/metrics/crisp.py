"""Crisp maps of one batch: labels, counted in integers, and whatever metrics share, computed once.

Metrics are functions over a logic and maps (:mod:`surrogate_zoo.metrics.catalogue`). Shown labels, most of
them ask for the same few numbers: nine need the pixels of each class that prediction, target and both
have, which is the confusion matrix's margins and diagonal. Here every map, window and total of a batch
is kept by what it was made of, so the second metric that asks finds it. Values are bytes, windows run over
bytes, and a class's boundary is one bit of a word instead of a plane of its own. Nothing here waits for a
GPU.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

import torch
from torch import Tensor

from surrogate_zoo.metrics.bit_maps import grown_bits
from surrogate_zoo.metrics.class_maps import ClassMap, Labelled
from surrogate_zoo.metrics.logic import BooleanLogic
from surrogate_zoo.metrics.maps import Maps, rows_by_label
from surrogate_zoo.metrics.windows import window_max, window_min

_T = TypeVar("_T")


class Once:
    """What was made of a batch so far, by its name and the very objects it was made of."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], tuple[tuple[object, ...], object]] = {}

    def __call__(self, name: str, operands: tuple[object, ...], make: Callable[[], _T]) -> _T:
        """Return what ``make`` made the first time.

        Args:
            name: What it is.
            operands: Maps and tensors, known by identity, and plain numbers.
            make: Makes it.
        """
        key = (name, *(id(o) if isinstance(o, ClassMap | Tensor) else o for o in operands))
        if key not in self._made:
            self._made[key] = (operands, make())  # kept, so that no other takes its identity
        return cast("_T", self._made[key][1])


class SharedLogic(BooleanLogic):
    """Boolean logic whose combinations of the same maps are made once for all metrics.

    Args:
        once: What was made of the batch.
    """

    def __init__(self, once: Once) -> None:
        self._once = once

    def and_(self, site: str, first: ClassMap, second: ClassMap) -> ClassMap:
        """As of :class:`Logic`."""
        left, right = self._shaped(site, first, second)
        return self._once("and", (first, second), lambda: left * right)

    def or_(self, site: str, first: ClassMap, second: ClassMap) -> ClassMap:
        """As of :class:`Logic`."""
        left, right = self._shaped(site, first, second)

        def made() -> ClassMap:
            both = self.and_(site, left, right)
            return (left + right - both).marked(first.crisp and second.crisp)

        return self._once("or", (first, second), made)

    def xor(self, site: str, first: ClassMap, second: ClassMap) -> ClassMap:
        """As of :class:`Logic`."""
        return self._once("xor", (first, second), lambda: self._xor(site, first, second))


class Enough(Exception):  # noqa: N818 - no error
    """All totals of a metric are known: what it would make of them need not be computed."""


@dataclass(frozen=True, eq=False)
class CrispMaps(Maps):
    """Maps of labels alone; as :class:`Maps`, in integers.

    Values of maps are int8, totals float64, which holds every count up to 2**53.

    Attributes:
        once: What was made of the batch, for all metrics together.
        wanted: After so many totals :class:`Enough` is raised; 0 goes on to the score.
    """

    once: Once = field(default_factory=Once)
    wanted: int = 0

    @property
    def _valid(self) -> Tensor | None:
        void, dtype = self.void, self._values.dtype
        return None if void is None else self.once("valid", (void,), lambda: (~void).to(dtype))

    def _region(self, within: Tensor | None, include_void: bool) -> Tensor | None:
        region = super()._region
        return self.once("region", (within, include_void), lambda: region(within, include_void))

    def total(
        self, m: ClassMap, within: Tensor | None = None, *, include_void: bool = False
    ) -> Tensor:
        """As of :class:`Maps`."""
        region = self._region(within, include_void)
        by_class = self._by_class
        total = self.once(
            "total",
            (m, region, self.off),
            lambda: by_class(self._by_mask(m, region)).sum(0),
        )
        return self._carry(total)

    def _by_mask(self, m: ClassMap, region: Tensor | None) -> Tensor:
        """Sums over the pixels of a region of each mask and its classes, float64 (N, C)."""
        shape = (len(self._values), self.num_classes)
        dense = m.dense_totals(region)
        total = torch.zeros(shape, device=self._values.device, dtype=torch.float64)
        total = total if dense is None else total + dense
        for part in m.labelled:
            total = total + self._counted(part, region)
        return total

    def _counted(self, part: Labelled, region: Tensor | None) -> Tensor:
        """Sums of one part, (N, C)."""

        def made() -> Tensor:
            values = part.values if region is None else part.values * region
            whole = values if values.is_floating_point() else values.int()
            return rows_by_label(part.labels, whole, self.num_classes).sum(1)

        return self.once("part", (part.labels, part.values, region), made)

    def erode(self, m: ClassMap, radius: int = 1) -> ClassMap:
        """As of :class:`Maps`."""
        erode = super().erode
        return self.once("erode", (m, radius), lambda: erode(m, radius))

    def rim(self, m: ClassMap) -> ClassMap:
        """As of :class:`Maps`."""
        rim = super().rim
        return self.once("rim", (m,), lambda: rim(m))

    def band(self, edge: ClassMap) -> Tensor:
        """As of :class:`Maps`; int8."""
        band = super().band
        return self.once("band", (edge,), lambda: band(edge))

    def dilate(self, m: ClassMap) -> ClassMap:
        """As of :class:`Maps`."""
        part = m.only_labels
        if part is None or not m.crisp:
            return super().dilate(m)
        void, radius = self._hidden, self.tolerance
        grown = lambda: grown_bits(part, void, radius, self._axes, self.num_classes)  # noqa: E731
        return self.once("dilate", (m,), grown)

    def _uniform(self, part: Labelled, radius: int) -> Tensor:
        """1 where the pixel's neighbours all carry its label, int8 (N, S)."""
        beyond = self.num_classes + 1
        dtype = torch.uint8 if beyond < 256 else torch.int32
        codes = self.once("codes", (part.labels,), lambda: part.labels.to(dtype) + 1)
        missing = part.values == 0
        least = codes.masked_fill(missing, 0 if self.as_released else beyond)
        most = codes.masked_fill(missing, 0)
        same = window_min(least, radius, self._axes) == codes
        same &= window_max(most, radius, self._axes) == codes
        return same.to(part.values.dtype) * part.values

    def _carry(self, total: Tensor) -> Tensor:
        total = super()._carry(total)
        if len(self.totals) == self.wanted:
            raise Enough
        return total
