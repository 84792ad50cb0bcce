"""Dilated maps: soft ones, of which most are looked up at one class a pixel alone, and crisp ones.

A soft map's dilation is asked for at the target's class of each pixel: ``m[n, p]``, the maximum of
``values[n, labels[n, p], q]`` over the pixels q of the window around p. On a CPU each class is looked at
where it is asked for alone, and so is which pixel holds the maximum.
"""

import torch
from torch import Tensor

from surrogate_zoo.metrics.bit_maps import BitMap, grown_bits
from surrogate_zoo.metrics.class_maps import ClassMap, LazyMap
from surrogate_zoo.metrics.windows import first_maxima, window_max, window_starts


class Dilated(LazyMap):
    """The maximum of a soft map over the (2 radius + 1)^axes window, which nobody may ask for everywhere.

    Args:
        source: What is dilated, dense: float (N, C, H, W), or of volumes (N, C, D, H, W).
        void: Bool (N, H, W), pixels that spread nothing. None has none.
        radius: Pixels >= 0.
        axes: 2 for images, 3 for volumes.
    """

    def __init__(self, source: ClassMap, void: Tensor | None, radius: int, axes: int) -> None:
        super().__init__()
        self._source, self._void, self._radius, self._axes = source, void, radius, axes

    def _made(self) -> Tensor:
        return window_max(self._values(), self._radius, self._axes)

    def _look_up(self, labels: Tensor) -> Tensor:
        if self._dense is None and not (self.crisp or torch.compiler.is_compiling()):
            found = self._source.dilated_at(labels, self._void, self._radius, self._axes)
            if found is not None:
                return found
            values = self._values()
            if values.device.type == "cpu":
                return window_max_at(values, labels, self._radius)
        return self.dense.gather(1, labels[:, None])[:, 0]

    def _values(self) -> Tensor:
        """What spreads, (N, C, S)."""
        values = self._source.as_dense()
        return values if self._void is None else values * (~self._void)[:, None]


class Grown(Dilated):
    """The maximum of a crisp map, which may be asked for everywhere: uint8 (N, C, S).

    Args:
        source: What is dilated: values 0 and 1.
        void: Bool (N, S), pixels that spread nothing. None has none.
        radius: Pixels >= 0.
        axes: 2 for images, 3 for volumes.
        num_classes: C.
    """

    def __init__(
        self, source: ClassMap, void: Tensor | None, radius: int, axes: int, num_classes: int
    ) -> None:
        super().__init__(source, void, radius, axes)
        self.crisp, self._num_classes = True, num_classes

    def bits(self) -> BitMap | None:
        """The same with a bit a class, where the source has one class a pixel."""
        part = self._source.only_labels
        if part is None:
            return None
        return grown_bits(part, self._void, self._radius, self._axes, self._num_classes)

    def _values(self) -> Tensor:
        """What spreads, as bytes, since a window's maximum takes less time then."""
        part = self._source.only_labels
        if part is None:
            values = self._source.as_dense(self._num_classes).to(torch.uint8)
        else:
            n, *size = part.labels.shape
            values = part.labels.new_zeros(n, self._num_classes, *size, dtype=torch.uint8)
            values.scatter_(1, part.labels[:, None], part.values[:, None].to(torch.uint8))
        return values if self._void is None else values * (~self._void)[:, None]


def window_max_at(values: Tensor, labels: Tensor, radius: int) -> Tensor:
    """Maximum over the window of the map of one class, for every pixel.

    Args:
        values: Float (N, C, H, W), or of volumes (N, C, D, H, W), on the CPU.
        labels: The class to look at, int64 (N, S), 0..C-1.
        radius: Pixels >= 0.

    Returns:
        (N, S), differentiable as often as wished; as ``window_max`` has it, and where several pixels share
        the maximum, the same one has the gradient.
    """
    with torch.no_grad():
        places = _winners(values.detach(), labels, radius)
    return values.flatten(1).gather(1, places).view(labels.shape)


def _winners(values: Tensor, labels: Tensor, radius: int) -> Tensor:
    """Where each window's maximum is, in values (N, C * pixels): int64 (N, pixels).

    A plane is worked on while it is in the cache, for all pixels of its class; one that has none is not.
    """
    size = values.shape[2:]
    starts, pixels = window_starts(size, radius)
    places = torch.empty(len(values), size.numel(), dtype=torch.long)
    for planes, codes, found in zip(values, labels.flatten(1), places, strict=True):
        order = codes.to(torch.int16).argsort(stable=True)  # of short numbers it takes no time
        counts = torch.bincount(codes, minlength=len(planes)).tolist()
        for label, own in enumerate(order.split(counts)):
            if len(own):
                winners = first_maxima(planes[label], radius, starts.index_select(0, own))
                place = pixels.index_select(0, winners).add_(label * size.numel())
                found.index_copy_(0, own, place)
    return places
