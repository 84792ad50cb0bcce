"""Class maps: one value for every image, class and pixel, (N, C, H, W), or of volumes (N, C, D, H, W).

A one-hot target is zero but for one class a pixel, so it is kept as labels and values of shape
(N, H, W); whatever is multiplied with it is looked up at those labels alone.
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from surrogate_zoo.curves.pointwise import blocks

Curve = Callable[[Tensor], Tensor]
"""A function g of [0, 1] onto itself with g(0) = 0 and g(1) = 1, or one of each candidate."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """A map that is zero but for one class a pixel.

    Attributes:
        labels: The class of every pixel, int64 (N, H, W), 0..C-1.
        values: The value there, (N, H, W).
    """

    labels: Tensor
    values: Tensor


class ClassMap:
    """The sum of a dense part and of labelled parts; values (N, C, H, W). Never changes.

    Args:
        crisp: Every value is 0 or 1.
        dense: Values of every class, (N, C, H, W), or None.
        labelled: Parts that live on one class a pixel.
        shaped: ``(source, g)`` in place of both: the map ``g(source)`` of a dense source, evaluated
            only where it is looked at, everywhere or at one class a pixel.
        looked_up: ``(labels, values)`` of one class a pixel, (N, H, W) both, where they are known already.
    """

    def __init__(
        self,
        *,
        crisp: bool = False,
        dense: Tensor | None = None,
        labelled: tuple[Labelled, ...] = (),
        shaped: "tuple[ClassMap, Curve] | None" = None,
        looked_up: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        self.crisp = crisp
        self.labelled = labelled
        self._dense = dense
        self._shaped = shaped
        # Pairs, since torch.compile follows no id of a tensor.
        self._looked_up = [] if looked_up is None else [looked_up]

    @property
    def dense(self) -> Tensor | None:
        """The dense part, (N, C, H, W); None where there is none."""
        if self._dense is None and self._shaped is not None:
            source, curve = self._shaped
            self._dense = curve(source.as_dense())
        return self._dense

    @property
    def only_labels(self) -> Labelled | None:
        """The labelled part, where the map is nothing else."""
        return self.labelled[0] if len(self.labelled) == 1 and not self.has_dense else None

    @property
    def has_dense(self) -> bool:
        """Whether there is a dense part."""
        return self._dense is not None or self._shaped is not None

    def shaped(self, curve: Curve) -> "ClassMap":
        """Apply a curve with g(0) = 0 to every value of a map of one part."""
        part = self.only_labels
        if part is not None:
            return ClassMap(labelled=(Labelled(part.labels, curve(part.values)),))
        return ClassMap(shaped=(self, curve))

    def at(self, labels: Tensor) -> Tensor:
        """Look the map up at one class a pixel: (N, H, W)."""
        for known, values in self._looked_up:
            if known is labels:
                return values
        self._looked_up.append((labels, self._look_up(labels)))
        return self._looked_up[-1][1]

    def _look_up(self, labels: Tensor) -> Tensor:
        if self._shaped is not None:
            source, curve = self._shaped
            return curve(source.at(labels))
        parts = [] if self.dense is None else [self.dense.gather(1, labels[:, None])[:, 0]]
        for part in self.labelled:
            same = part.labels is labels
            parts.append(part.values if same else part.values * (part.labels == labels))
        return sum(parts[1:], parts[0])

    def as_dense(self, num_classes: int | None = None) -> Tensor:
        """All values, (N, C, H, W); ``num_classes`` is needed where no part is dense."""
        result = self.dense
        if result is None:
            n, *size = self.labelled[0].labels.shape
            result = self.labelled[0].values.new_zeros(n, num_classes or 0, *size)
        for part in self.labelled:
            result = result.scatter_add(1, part.labels[:, None], part.values[:, None])
        return result

    def dense_totals(self, region: Tensor | None) -> Tensor | None:
        """Sum of the dense part over the pixels of ``region`` (N, H, W) of each image: (N, C)."""
        if self._shaped is not None and self._dense is None:
            source, curve = self._shaped
            return source.curve_totals(curve, region)
        return None if self.dense is None else sums(self.dense, region)

    def curve_totals(self, curve: Curve, region: Tensor | None) -> Tensor:
        """Sum of a curve of all values over the pixels of ``region`` (N, H, W) of each image: (N, C)."""
        return sums(curve(self.as_dense()), region)

    def largest(self, region: Tensor | None) -> Tensor:
        """Largest value (N, C) inside a region (N, H, W) of 0 and 1; 0 where that is empty."""
        return _largest(self.as_dense(), region)

    def eroded(self, *_: Any, **__: Any) -> "ClassMap | None":
        """Minimum over a window of each pixel, where a map knows a shorter way; else None."""
        return None

    def edges_of(self, *_: Any, **__: Any) -> "ClassMap | None":
        """The XOR of an inner map and this, where a map knows a shorter way than a given one; else None."""
        return None

    def dilated_at(self, *_: Any, **__: Any) -> Tensor | None:
        """Maximum over a window at one class a pixel, where a map knows a shorter way; else None."""
        return None

    def with_labels(self, labelled: tuple[Labelled, ...], *, crisp: bool = False) -> "ClassMap":
        """The same dense part with other labelled parts."""
        # One that is shaped stays unevaluated.
        dense = self.dense if self._shaped is None else self._dense
        return ClassMap(crisp=crisp, dense=dense, labelled=labelled, shaped=self._shaped)

    def marked(self, crisp: bool) -> "ClassMap":
        """The same map, known to be crisp or not (sums forget it)."""
        return self.with_labels(self.labelled, crisp=crisp)

    def __add__(self, other: "ClassMap") -> "ClassMap":
        """Sum of two maps; parts on the same labels are added up."""
        return self._combined(other, torch.add)

    def __sub__(self, other: "ClassMap") -> "ClassMap":
        """Difference of two maps; parts on the same labels are subtracted."""
        return self._combined(other, torch.sub)

    def _combined(self, other: "ClassMap", operation: Callable[..., Tensor]) -> "ClassMap":
        def both(left: Tensor | None, right: Tensor | None) -> Tensor | None:
            if right is None:
                return left
            return operation(torch.zeros_like(right) if left is None else left, right)

        parts = list(self.labelled)
        for part in other.labelled:
            place = next((i for i, p in enumerate(parts) if p.labels is part.labels), len(parts))
            same = parts[place].values if place < len(parts) else None
            values = both(same, part.values)
            if values is not None:
                parts[place : place + 1] = [Labelled(part.labels, values)]
        labelled = tuple(parts)
        if not other.has_dense:
            return self.with_labels(labelled)  # a shaped map stays unevaluated
        return ClassMap(dense=both(self.dense, other.dense), labelled=labelled)

    def __mul__(self, other: "ClassMap") -> "ClassMap":
        """Product; where one factor lives on one class a pixel, only that class is looked up."""
        crisp = self.crisp and other.crisp
        for factor, rest in ((other, self), (self, other)):
            part = factor.only_labels
            if part is not None:
                found = Labelled(part.labels, rest.at(part.labels) * part.values)
                return ClassMap(crisp=crisp, labelled=(found,))
        return ClassMap(crisp=crisp, dense=self.as_dense() * other.as_dense())


class LazyMap(ClassMap):
    """A dense map that is made once somebody looks at it."""

    @property
    def has_dense(self) -> bool:
        """There is nothing else."""
        return True

    @property
    def dense(self) -> Tensor:
        """All values, (N, C, S)."""
        if self._dense is None:
            self._dense = self._made()
        return self._dense

    @abstractmethod
    def _made(self) -> Tensor:
        """All values, once."""


def one_hot(labels: Tensor, counted: Tensor, dtype: torch.dtype) -> ClassMap:
    """Make a crisp map of labels (N, H, W), zero where ``counted`` (bool, same shape) is False."""
    return ClassMap(crisp=True, labelled=(Labelled(labels, counted.to(dtype)),))


def sums(values: Tensor, region: Tensor | None) -> Tensor:
    """Sums of maps (N, C, S) inside a region (N, S) of 0 and 1: (N, C)."""
    return _inside(values, region).sum(2)


def _inside(values: Tensor, region: Tensor | None) -> Tensor:
    return (values if region is None else values * region[:, None]).flatten(2)


def _largest(values: Tensor, region: Tensor | None) -> Tensor:
    """Largest value (N, C) of maps (N, C, S) inside a region (N, S) of 0 and 1; 0 where that is empty."""
    if region is None or torch.compiler.is_compiling():
        return _inside(values, region).amax(2)
    planes, inside = values.flatten(2), region.flatten(1)[:, None]
    largest = planes.new_zeros(planes.shape[:2])
    for images, classes, pixels in blocks(planes, whole=False):
        most = (planes[images, classes, pixels] * inside[images, :, pixels]).amax(2)
        largest[images, classes] = torch.maximum(largest[images, classes], most)
    return largest
