"""What every dataset offers: classes, splits, and samples decoded into memory."""

import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from surrogate_zoo.errors import DatasetError
from surrogate_zoo.modes import MULTICLASS
from workers.tasks import labels
from workers.tasks.file_sources import SplitFiles

VOID = labels.VOID
LISTED_OFFENDERS = 10
WAITING = 256  # results that may wait for their turn

Pixels = NDArray[np.uint8]
Bands = NDArray[Any]
"""(H, W, B) uint8, uint16 or float32; B = 3 and uint8 where the dataset does not say how many."""

Objects = NDArray[np.int32]
"""(H, W) number of each pixel's object, 1..K without gaps, 0 = none; an object is of one class."""

Key = tuple[str, int]  # split, index in that split
Read = TypeVar("Read")


class Sample(NamedTuple):
    """One decoded sample.

    Attributes:
        image: uint8 (H, W, 3) RGB, or all bands of a dataset that says how many it has, see
            :data:`Bands`.
        mask: uint8 (H, W), labels 0..classes-1, void = 255; of a multi-label (H, W, classes), 0 off and
            1 on in the channel of each class, void = 255.
        instances: int32 (H, W), see :data:`Objects`; 0 wherever the mask is none of the dataset's
            things. None where the dataset has no things.
    """

    image: Bands
    mask: Pixels
    instances: Objects | None = None


class Lost(NamedTuple):
    """What a sample shows otherwise than its files, and does not show of the objects in them.

    Attributes:
        vanished: Objects that resizing left no pixel of.
        hidden: Objects without a pixel of their own before it: later ones cover them.
        overlapping: Pixels that several objects claim, before resizing; they are the last one's.
        disputed: Pixels, before resizing, that are void since two files disagree on them.
        turned: Whether the image was turned upright, as its EXIF orientation says.
    """

    vanished: int = 0
    hidden: int = 0
    overlapping: int = 0
    disputed: int = 0
    turned: bool = False


@dataclass(frozen=True)
class Samples:
    """Decoded samples of one split, in the order they were asked for.

    Attributes:
        names: Name of each sample.
        images: uint8 (H, W, 3) RGB each, or (H, W, B) as of :class:`Sample`; sizes may differ between
            samples.
        masks: uint8 (H, W) each, labels 0..classes-1, void = 255; (H, W, classes) of a multi-label, as of
            :class:`Sample`.
        instances: int32 (H, W) each, see :data:`Objects`; None where the dataset has no things.
    """

    names: tuple[str, ...]
    images: tuple[Bands, ...]
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
        classes: Class names in the order of their labels, or of a multi-label's channels.
        mode: ``multiclass``; ``binary``, two classes that networks tell apart with one channel; or
            ``multilabel``, where a pixel may have several classes, or none.
        splits: Split name -> sample names. A split that the dataset does not have is left out.
        remarks: What its owner should know, such as a split that has no public labels.
        things: Labels whose objects are told apart; empty where the dataset has no instances.
        bands: How many bands images have, as the owner says; None for RGB with 8 bits.
        registered: The files of each split as they were when the dataset was registered; reading a
            split that has others is an error. Empty where the dataset is not registered.
    """

    classes: tuple[str, ...]
    splits: Mapping[str, tuple[str, ...]]
    remarks: tuple[str, ...] = ()
    things: tuple[int, ...] = ()
    bands: int | None = None
    mode: str = MULTICLASS
    registered: Mapping[str, SplitFiles] = MappingProxyType({})

    @abstractmethod
    def sample(self, split: str, index: int) -> Sample:
        """Decode one image with its mask, and its objects where the dataset has things.

        Raises:
            DatasetError: The files are missing, unreadable or do not match; names the file.
        """

    @abstractmethod
    def digest(self, split: str, index: int) -> bytes:
        """SHA-256 of what one sample is stored as (its files' bytes, not decoder output)."""

    def files(self, split: str, index: int) -> tuple[Path, ...]:  # noqa: ARG002
        """The files that one sample is read from; none where they are drawn, or are not there."""
        return ()

    def beside(self, split: str, index: int) -> bytes:  # noqa: ARG002
        """What one sample's labels depend on beside the bytes of its files."""
        return b""

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

    def stamp(self, split: str) -> str:
        """SHA-256 over names, sizes and times of change of a split's files; opens none of them."""
        total = hashlib.sha256()
        for index, name in enumerate(self.names(split)):
            facts = [_facts(file) for file in self.files(split, index)]
            total.update(json.dumps([name, facts]).encode() + self.beside(split, index))
        return total.hexdigest()

    def fingerprint(self, split: str, digests: Iterable[bytes] | None = None) -> str:
        """SHA-256 over names and :meth:`digest` of every sample of a split; ``digests`` where known.

        Raises:
            DatasetError: A file cannot be read.
        """
        names = self.names(split)
        if digests is None:
            digests = collect(
                lambda key: self.digest(*key), [(split, i) for i in range(len(names))]
            )
        total = hashlib.sha256()
        for name, digest in zip(names, digests, strict=True):
            total.update(json.dumps(name).encode() + digest)
        return total.hexdigest()

    def check_unchanged(self, split: str) -> None:
        """Refuse a split whose files are others than those that were registered.

        Sizes and times are looked at; only where they differ, as in a copy, are the files hashed.

        Raises:
            DatasetError: They have changed; names the file that was changed last.
        """
        known = self.registered.get(split)
        if known is None or self.stamp(split) == known.stamp:
            return
        if self.fingerprint(split) != known.fingerprint:
            every = {f for i in range(len(self.names(split))) for f in self.files(split, i)}
            newest = max(sorted(every), key=lambda file: _facts(file)[1])
            raise DatasetError(
                f"The files of the split {split!r} have changed since the dataset was registered, last "
                f"of them {newest}: register them under another name, or bring back what was there."
            )

    def read(self, split: str, indices: Sequence[int] | None = None) -> Samples:
        """Decode samples of ``split`` with a thread pool; all of them where ``indices`` is None.

        Raises:
            DatasetError: Some samples cannot be read; lists at most ten of them and their number. Or
                the split's files are not those that were registered.
        """
        names = self.names(split)
        self.check_unchanged(split)
        chosen = range(len(names)) if indices is None else indices
        found = list(collect(lambda key: self.sample(*key), ((split, index) for index in chosen)))
        objects = tuple(one.instances for one in found if one.instances is not None)
        return Samples(
            names=tuple(names[index] for index in chosen),
            images=tuple(one.image for one in found),
            masks=tuple(one.mask for one in found),
            instances=objects if self.things else None,
        )


def _facts(file: Path) -> tuple[int, int]:
    """Size and time of change of a file; that of a link is its target's."""
    try:
        found = file.stat()
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns


def attempted(read: Callable[[Key], Read], keys: Iterable[Key]) -> Iterator[Read | DatasetError]:
    """Apply ``read`` to every key with a thread pool, and yield in order what it gives or raises.

    Few results wait at a time, however many keys there are.
    """

    def attempt(key: Key) -> Read | DatasetError:
        try:
            return read(key)
        except DatasetError as error:
            return error

    remaining = iter(keys)
    with ThreadPoolExecutor(max_workers=min(16, 2 * (os.cpu_count() or 1))) as pool:
        while some := list(islice(remaining, WAITING)):
            yield from pool.map(attempt, some)


def collect(read: Callable[[Key], Read], keys: Iterable[Key]) -> Iterator[Read]:
    """Apply ``read`` to every key as :func:`attempted`, and yield what it gives.

    All keys are tried, so that all failures are reported at once, at the end.

    Raises:
        DatasetError: ``read`` raised it for at least one key.
    """
    faults: list[str] = []
    for result in attempted(read, keys):
        if isinstance(result, DatasetError):
            faults += result.faults
        else:
            yield result
    refuse(faults)


def refusal(faults: Sequence[str]) -> DatasetError:
    """One error that lists at most ten faults and tells their number; it has all, each once."""
    every = list(dict.fromkeys(faults))
    if len(every) == 1:
        return DatasetError(every[0])
    listed = "\n".join(f"- {fault}" for fault in every[:LISTED_OFFENDERS])
    such = ", such as" if len(every) > LISTED_OFFENDERS else ""
    return DatasetError(f"{len(every)} problems with the dataset's files{such}:\n{listed}", every)


def refuse(faults: Sequence[str]) -> None:
    """Raise :func:`refusal`; no fault raises nothing.

    Raises:
        DatasetError: There is a fault.
    """
    if faults:
        raise refusal(faults)


def compare_counts(splits: Mapping[str, Sized], published: Mapping[str, int]) -> list[str]:
    """A remark for each split that has more or fewer images than the published one."""
    return [
        f"The split {split!r} has {len(splits[split])} images; the published one has {count}."
        for split, count in published.items()
        if len(splits[split]) != count
    ]
