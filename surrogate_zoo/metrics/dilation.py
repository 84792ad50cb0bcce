"""Dilated maps, of which most are looked up at one class a pixel alone.

A soft map's dilation is asked for at the target's class of each pixel: ``m[n, p]``, the maximum of
``values[n, labels[n, p], q]`` over the pixels q of the window around p. Windows are separable, so the maxima
along all axes but the last are taken everywhere. Along the last one they are looked up at the labels, and on
the way back along the others it is found out which pixel holds the maximum.
"""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from surrogate_zoo.curves.pointwise import PIECE
from surrogate_zoo.metrics.class_maps import ClassMap, Labelled
from surrogate_zoo.metrics.windows import window_max


class Dilated(ClassMap):
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

    @property
    def has_dense(self) -> bool:
        """There is nothing else."""
        return True

    @property
    def dense(self) -> Tensor:
        """All values, (N, C, S)."""
        if self._dense is None:
            self._dense = window_max(self._values(), self._radius, self._axes)
        return self._dense

    def with_labels(self, labelled: tuple[Labelled, ...], *, crisp: bool = False) -> ClassMap:
        """The same dense part with labelled parts."""
        return ClassMap(crisp=crisp, dense=self.dense, labelled=labelled)

    def _look_up(self, labels: Tensor) -> Tensor:
        if self._dense is not None or torch.compiler.is_compiling():
            return self.dense.gather(1, labels[:, None])[:, 0]
        found = self._source.dilated_at(labels, self._void, self._radius, self._axes)
        if found is not None:
            return found
        return window_max_at(self._values(), labels, self._radius, self._axes)

    def _values(self) -> Tensor:
        """What spreads, (N, C, S)."""
        values = self._source.as_dense()
        return values if self._void is None else values * (~self._void)[:, None]


def window_max_at(values: Tensor, labels: Tensor, radius: int, axes: int = 2) -> Tensor:
    """Maximum over the window of the map of one class, for every pixel.

    Args:
        values: Float (N, C, H, W), or of volumes (N, C, D, H, W).
        labels: The class to look at, int64 (N, S), 0..C-1.
        radius: Pixels >= 0.
        axes: 2 for images, 3 for volumes.

    Returns:
        (N, S), differentiable as often as wished; as ``window_max`` has it, and where several pixels share
        the maximum, the same one has the gradient.
    """
    with torch.no_grad():
        places = _winners(values.detach(), labels, radius, axes)
    return values.flatten(1).gather(1, places.flatten(1)).view(labels.shape)


def _winners(values: Tensor, labels: Tensor, radius: int, axes: int) -> Tensor:
    """Where each window's maximum is, in values (N, C * pixels): int64 (N, S)."""
    size = values.shape[2:]
    stages, stage = [], values
    for axis in range(-axes, 0):
        stages.append(_padded(stage, axis, radius))
        if axis < -1:
            stage = _maxima(stages[-1], axis, radius)
    cells = [
        torch.arange(side, device=labels.device).view(-1, *(1,) * (axes - 1 - axis))
        for axis, side in enumerate(size)
    ]
    for axis in reversed(range(axes)):
        cells[axis] = cells[axis] + _steps(stages[axis], labels, cells, axis, radius)
    return _index(labels, cells, size)


def _padded(values: Tensor, axis: int, radius: int) -> Tensor:
    """Values with what never wins before and behind them along an axis, counted from the last."""
    return F.pad(values, (0, 0) * (-1 - axis) + (radius, radius), value=-torch.inf)


def _maxima(padded: Tensor, axis: int, radius: int) -> Tensor:
    """Maximum over 2 radius + 1 values along an axis of padded values (N, C, ...), everywhere."""
    shape = list(padded.shape)
    shape[axis] -= 2 * radius
    result = padded.new_empty(shape)
    planes, results = padded.flatten(0, 1), result.flatten(0, 1)
    for rows in _pieces(planes):
        line, reach, wanted = planes[rows], 1, 2 * radius + 1
        while reach < wanted:
            step = min(reach, wanted - reach)
            length = line.shape[axis] - step
            line = torch.maximum(line.narrow(axis, 0, length), line.narrow(axis, step, length))
            reach += step
        results[rows] = line
    return result


def _pieces(planes: Tensor) -> Iterator[slice]:
    """Cut planes so that a piece stays in the cache of a CPU; one piece on a GPU."""
    count = max(len(planes), 1)
    plane = max(planes.numel() // count, 1)
    share = max(1, PIECE // plane) if planes.device.type == "cpu" else count
    return (slice(start, start + share) for start in range(0, count, share))


def _steps(padded: Tensor, labels: Tensor, cells: list[Tensor], axis: int, radius: int) -> Tensor:
    """How far along ``axis`` the maximum lies from each pixel, int64 (N, S): the first that holds it."""
    stride = math.prod(padded.shape[3 + axis :])
    numbers, base = padded.flatten(1), _index(labels, cells, padded.shape[2:]).flatten(1)
    length = numbers.shape[1] - 2 * radius * stride
    # A step of a window is a step of the whole tensor, so one index serves all of them.
    values = [
        numbers.narrow(1, step * stride, length).gather(1, base) for step in range(2 * radius + 1)
    ]
    return torch.stack(values).max(0).indices.view(labels.shape) - radius


def _index(labels: Tensor, cells: list[Tensor], size: torch.Size) -> Tensor:
    """Where a class's pixels lie in maps of ``size``, flattened from the classes on: (N, S)."""
    place = labels
    for cell, side in zip(cells, size, strict=True):
        place = place * side + cell
    return place
