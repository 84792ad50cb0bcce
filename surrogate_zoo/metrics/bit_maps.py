"""Crisp maps whose every class is a bit of a word, so that a window over all classes is one over words."""

import torch
from torch import Tensor

from surrogate_zoo.metrics.class_maps import ClassMap, Labelled, LazyMap
from surrogate_zoo.metrics.windows import window_or

BITS = 31
"""Classes of a word, which leaves the sign alone."""


class BitMap(LazyMap):
    """A crisp map whose every class is a bit: words (N, W, S), int32, of :data:`BITS` classes.

    Args:
        words: Class c of a pixel is bit c % 31 of its word c // 31.
        num_classes: C.
    """

    def __init__(self, words: Tensor, num_classes: int) -> None:
        super().__init__(crisp=True)
        self.words, self._num_classes = words, num_classes

    def _made(self) -> Tensor:
        """All values, int8 (N, C, S)."""
        classes = torch.arange(self._num_classes, device=self.words.device)
        bits = (classes % BITS).int().view(-1, *(1,) * (self.words.ndim - 2))
        return (self.words[:, classes // BITS] >> bits & 1).to(torch.int8)

    def with_labels(self, labelled: tuple[Labelled, ...], *, crisp: bool = False) -> ClassMap:
        """The same values with labelled parts."""
        return ClassMap(crisp=crisp, dense=self.dense, labelled=labelled)

    def _look_up(self, labels: Tensor) -> Tensor:
        words = self.words
        if words.shape[1] == 1:
            return (words[:, 0] >> labels.int() & 1).to(torch.int8)
        word = words.gather(1, labels[:, None] // BITS)[:, 0]
        return (word >> (labels.int() % BITS) & 1).to(torch.int8)


def grown_bits(
    part: Labelled, void: Tensor | None, radius: int, axes: int, num_classes: int
) -> BitMap:
    """Every class that a pixel sees in the window around it.

    Args:
        part: A crisp map of one class a pixel.
        void: Bool (N, S), pixels that are not seen. None has none.
        radius: Of the window, pixels.
        axes: 2 for images, 3 for volumes.
        num_classes: C.
    """
    seen = part.values != 0
    if void is not None:
        seen &= ~void
    labels, words = part.labels.int()[:, None], -(-num_classes // BITS)
    bits = seen[:, None].int() << (labels if words == 1 else labels % BITS)
    if words > 1:
        word = torch.arange(words, device=bits.device, dtype=torch.int32)
        own = labels // BITS == word.view(-1, *(1,) * (bits.ndim - 2))
        bits = bits * own
    return BitMap(window_or(bits, radius, axes), num_classes)
