"""What masks hold, counted: pixels of each class, void, and where classes overlap."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from workers.datasets.dataset import VOID, Pixels
from workers.tasks.described import Described

LISTED_OVERLAPS = 10


class Overlap(Described):
    """Two classes of a multi-label that pixels have in common.

    Attributes:
        inner: The class that lies in the other one more than the other way round.
        outer: The other class.
        share: Share of the inner one's pixels that are of the outer one too, in 0..1.
    """

    model_config = ConfigDict(frozen=True)

    inner: str
    outer: str
    share: float


class Overlaps(Described):
    """How many classes the pixels of a multi-label have.

    Attributes:
        none: Share of the pixels of no class, among those whose labels are all known, in 0..1.
        several: Share of the pixels of two classes or more, likewise.
        pairs: The pairs that share most, ten at most.
    """

    model_config = ConfigDict(frozen=True)

    none: float
    several: float
    pairs: tuple[Overlap, ...]


@dataclass(frozen=True)
class LabelCounts:
    """The labels of one mask, or of several, counted. All numbers are of pixels.

    Attributes:
        pixels: Of each class, int64 (K,).
        known: Those whose label is known, not void, for each class, (K,); where a pixel has one class, the
            same for all.
        void: Those that are void; of a multi-label, of all channels together.
        total: All, likewise.
        together: Of two classes at once, (K, K); None where a pixel has one class.
        by_number: With no class, one, two, ... of the K classes, (K + 1,), where all labels are known.
    """

    pixels: NDArray[np.int64]
    known: NDArray[np.int64]
    void: int
    total: int
    together: NDArray[np.int64] | None = None
    by_number: NDArray[np.int64] | None = None

    @property
    def labels(self) -> set[int]:
        """The labels that have pixels, ``VOID`` too; of a multi-label 0 and 1."""
        void = {VOID} if self.void else set()
        if self.together is None:
            return set(np.flatnonzero(self.pixels).tolist()) | void
        off = {0} if int((self.known - self.pixels).sum()) else set()
        return off | ({1} if int(self.pixels.sum()) else set()) | void

    def present(self, classes: Sequence[str]) -> tuple[str, ...]:
        """Names of the classes that have pixels."""
        return tuple(name for name, number in zip(classes, self.pixels, strict=True) if number)

    def shares(self, classes: Sequence[str]) -> dict[str, float]:
        """Class -> share of the pixels whose label is known."""
        known = np.maximum(self.known, 1)
        return dict(zip(classes, (self.pixels / known).tolist(), strict=True))

    def overlaps(self, classes: Sequence[str]) -> Overlaps | None:
        """How the classes of a multi-label overlap; None where a pixel has one class."""
        if self.together is None or self.by_number is None:
            return None
        own = np.maximum(self.pixels, 1)
        pairs = []
        for first in range(len(classes)):
            for second in range(first):
                inner, outer = sorted((first, second), key=lambda each: (own[each], each))
                share = int(self.together[first, second]) / int(own[inner])
                if share > 0:
                    pairs.append(Overlap(inner=classes[inner], outer=classes[outer], share=share))
        pixels = max(int(self.by_number.sum()), 1)
        return Overlaps(
            none=int(self.by_number[0]) / pixels,
            several=int(self.by_number[2:].sum()) / pixels,
            pairs=tuple(sorted(pairs, key=lambda pair: -pair.share)[:LISTED_OVERLAPS]),
        )


def count_labels(mask: Pixels, classes: int) -> LabelCounts:
    """Count the labels of a mask, (H, W), or (H, W, ``classes``) of a multi-label."""
    if mask.ndim == 2:
        counted = np.bincount(mask.ravel(), minlength=256)
        void = int(counted[VOID])
        known = np.full(classes, mask.size - void, dtype=np.int64)
        return LabelCounts(counted[:classes], known, void, mask.size)
    flat = mask.reshape(-1, classes)
    on, void_at = flat == 1, flat == VOID
    number = on[~void_at.any(axis=1)].sum(axis=1)
    # float32 counts up to 2**24 exactly, and is multiplied fast.
    parts = [_together(part) for part in np.array_split(on, 1 + len(on) // 2**22)]
    return LabelCounts(
        pixels=on.sum(axis=0),
        known=(~void_at).sum(axis=0),
        void=int(void_at.sum()),
        total=mask.size,
        together=np.sum(parts, axis=0),
        by_number=np.bincount(number, minlength=classes + 1),
    )


def _together(on: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pixels of two classes at once, (K, K), of (pixels, K)."""
    ones = on.astype(np.float32)
    return (ones.T @ ones).astype(np.int64)


def added(counts: Iterable[LabelCounts], classes: int) -> LabelCounts:
    """All counts together; of none, those of no pixel with one class each."""
    some = list(counts)
    zero = np.zeros(classes, dtype=np.int64)
    together = [one.together for one in some if one.together is not None]
    by_number = [one.by_number for one in some if one.by_number is not None]
    return LabelCounts(
        pixels=sum((one.pixels for one in some), zero),
        known=sum((one.known for one in some), zero),
        void=sum(one.void for one in some),
        total=sum(one.total for one in some),
        together=sum(together[1:], together[0]) if together else None,
        by_number=sum(by_number[1:], by_number[0]) if by_number else None,
    )


def told(overlaps: Overlaps | None) -> Iterable[str]:
    """The remark of a report, in a plain sentence."""
    if overlaps is None:
        return
    sentence = (
        f"{overlaps.several:.1%} of the pixels are of several classes, {overlaps.none:.1%} of none"
    )
    if overlaps.pairs:
        first = overlaps.pairs[0]
        sentence += f"; {first.share:.0%} of {first.inner} lies in {first.outer}"
    yield f"{sentence}."
