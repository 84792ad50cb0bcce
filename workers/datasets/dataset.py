"""What every dataset offers: classes, splits, and samples decoded into memory."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from surrogate_zoo.errors import DatasetError

VOID = 255
LISTED_OFFENDERS = 10
WAITING = 256  # results that may wait for their turn

Pixels = NDArray[np.uint8]
Objects = NDArray[np.int32]
"""(H, W) number of each pixel's object, 1..K without gaps, 0 = none; an object is of one class."""

Key = tuple[str, int]  # split, index in that split
Read = TypeVar("Read")


class Sample(NamedTuple):
    """One decoded sample.

    Attributes:
        image: uint8 (H, W, 3) RGB.
        mask: uint8 (H, W), labels 0..classes-1, void = 255.
        instances: int32 (H, W), see :data:`Objects`; 0 wherever the mask is none of the dataset's
            things. None where the dataset has no things.
    """

    image: Pixels
    mask: Pixels
    instances: Objects | None = None


class Lost(NamedTuple):
    """What a sample does not show of the objects in its files.

    Attributes:
        vanished: Objects that resizing left no pixel of.
        hidden: Objects without a pixel of their own before it: later ones cover them.
        overlapping: Pixels that several objects claim, before resizing; they are the last one's.
        disputed: Pixels, before resizing, that are void since two files disagree on them.
    """

    vanished: int = 0
    hidden: int = 0
    overlapping: int = 0
    disputed: int = 0


@dataclass(frozen=True)
class Samples:
    """Decoded samples of one split, in the order they were asked for.

    Attributes:
        names: Name of each sample.
        images: uint8 (H, W, 3) RGB each; sizes may differ between samples.
        masks: uint8 (H, W) each, labels 0..classes-1, void = 255.
        instances: int32 (H, W) each, see :data:`Objects`; None where the dataset has no things.
    """

    names: tuple[str, ...]
    images: tuple[Pixels, ...]
    masks: tuple[Pixels, ...]
    instances: tuple[Objects, ...] | None = None

    def __len__(self) -> int:
        return len(self.names)


class Dataset(ABC):
    """Images with masks in named splits.

    A dataset owns no open files and no decoded pixels; methods may be called from several threads.
    Opening one lists names but opens no image and no mask, and reading a split touches the files
    of that split alone.

    Attributes:
        classes: Class names in the order of their labels.
        splits: Split name -> sample names. A split that the dataset does not have is left out.
        remarks: What its owner should know, such as a split that has no public labels.
        things: Labels whose objects are told apart; empty where the dataset has no instances.
    """

    classes: tuple[str, ...]
    splits: Mapping[str, tuple[str, ...]]
    remarks: tuple[str, ...] = ()
    things: tuple[int, ...] = ()

    @abstractmethod
    def sample(self, split: str, index: int) -> Sample:
        """Decode one image with its mask, and its objects where the dataset has things.

        Raises:
            DatasetError: The files are missing, unreadable or do not match; names the file.
        """

    @abstractmethod
    def digest(self, split: str, index: int) -> bytes:
        """SHA-256 of what one sample is stored as (its files' bytes, not decoder output)."""

    def examined(self, split: str, index: int) -> tuple[Sample, Lost]:
        """Decode one sample, and tell what it does not show of its files.

        Raises:
            DatasetError: As :meth:`sample`.
        """
        return self.sample(split, index), Lost()

    def names(self, split: str) -> tuple[str, ...]:
        """Names in ``split``; a split that is not there is a DatasetError."""
        if split not in self.splits:
            raise DatasetError(
                f"The dataset has no split {split!r}. It has: {', '.join(self.splits)}."
            )
        return self.splits[split]

    def read(self, split: str, indices: Sequence[int] | None = None) -> Samples:
        """Decode samples of ``split`` with a thread pool; all of them where ``indices`` is None.

        Raises:
            DatasetError: Some samples cannot be read; lists at most ten of them and their number.
        """
        names = self.names(split)
        chosen = range(len(names)) if indices is None else indices
        found = list(collect(lambda key: self.sample(*key), ((split, index) for index in chosen)))
        objects = tuple(one.instances for one in found if one.instances is not None)
        return Samples(
            names=tuple(names[index] for index in chosen),
            images=tuple(one.image for one in found),
            masks=tuple(one.mask for one in found),
            instances=objects if self.things else None,
        )


def collect(read: Callable[[Key], Read], keys: Iterable[Key]) -> Iterator[Read]:
    """Apply ``read`` to every key with a thread pool, and yield what it gives in order.

    Few results wait at a time, however many keys there are. All keys are tried, so that all
    failures are reported at once, at the end.

    Raises:
        DatasetError: ``read`` raised it for at least one key.
    """

    def attempt(key: Key) -> Read | DatasetError:
        try:
            return read(key)
        except DatasetError as error:
            return error

    offences = []
    remaining = iter(keys)
    with ThreadPoolExecutor(max_workers=min(16, 2 * (os.cpu_count() or 1))) as pool:
        while some := list(islice(remaining, WAITING)):
            for result in pool.map(attempt, some):
                if isinstance(result, DatasetError):
                    offences.append(str(result))
                else:
                    yield result
    refuse(offences)


def refuse(offences: Sequence[str]) -> None:
    """Raise one DatasetError for ``offences`` (ten at most, and their number); none is fine."""
    if len(offences) == 1:
        raise DatasetError(offences[0])
    if offences:
        listed = "\n".join(f"- {offence}" for offence in offences[:LISTED_OFFENDERS])
        raise DatasetError(f"{len(offences)} problems with the dataset's files, such as:\n{listed}")


def compare_counts(splits: Mapping[str, Sized], published: Mapping[str, int]) -> list[str]:
    """A remark for each split that has more or fewer images than the published one."""
    return [
        f"The split {split!r} has {len(splits[split])} images; the published one has {count}."
        for split, count in published.items()
        if len(splits[split]) != count
    ]
