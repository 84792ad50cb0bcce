"""What a dataset holds, counted from its pixels, after every file has been read and checked."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from pydantic import ConfigDict, Field

from surrogate_zoo.errors import DatasetError
from surrogate_zoo.modes import MULTICLASS, MULTILABEL
from workers.datasets.dataset import Dataset, Key, attempted, refusal
from workers.datasets.layouts.registry import opened
from workers.datasets.reports import label_counts, notes, object_counts
from workers.datasets.reports.band_statistics import (
    BandStatistics,
    BandSums,
    as_picture,
    band_sums,
    statistics,
)
from workers.datasets.reports.label_counts import LabelCounts, Overlaps, added, count_labels
from workers.datasets.reports.near_duplicates import Hash, hash_of
from workers.datasets.reports.object_counts import (
    InstanceCounts,
    ObjectCount,
    count_objects,
    summary,
)
from workers.datasets.reports.repeats import Repeated, Shared, repeated, shared, told
from workers.datasets.training_split import check_training_labels
from workers.tasks.datasets import DatasetSource
from workers.tasks.described import Described
from workers.tasks.file_sources import BorderSource, LabelledSource, SplitFiles

LISTED_SIZES = 10

Progress: TypeAlias = Callable[[int, int], None]
"""Told the images read, and all there are."""


class DatasetReport(Described):
    """A checked dataset in numbers.

    Attributes:
        layout: Name of its layout.
        classes: Class names in the order of their labels, or of a multi-label's channels.
        mode: ``multiclass``, ``binary`` or ``multilabel``, see :class:`workers.datasets.dataset.Dataset`.
        images: Split -> number of images.
        class_shares: Class -> share of the non-void pixels of all splits, in 0..1; of a multi-label they
            add up to what they are.
        void_share: Share of void among all pixels, in 0..1; of a multi-label among all pixels' labels.
        sizes: (height, width, images) of the most frequent sizes, ten at most.
        different_sizes: How many sizes there are.
        remarks: What its owner should know, such as a split that has no public labels.
        fingerprint: SHA-256 over classes, void labels, size, split names and files; a dataset
            keeps it when its folder moves, and loses it when one byte changes.
        repeated: Near duplicates within the training split; None in a report that was written before
            they were looked for.
        shared: What each other split has of the training split's images, likewise.
        instances: Its objects; None where the dataset has no things.
        present: Split -> names of the classes that have pixels there.
        bands: What its images' bands hold; None where they are RGB with 8 bits.
        overlaps: How the classes of a multi-label overlap; None where a pixel has one class.
    """

    model_config = ConfigDict(frozen=True)

    layout: str
    classes: tuple[str, ...]
    images: dict[str, int]
    class_shares: dict[str, float]
    void_share: float
    sizes: tuple[tuple[int, int, int], ...]
    different_sizes: int
    remarks: tuple[str, ...]
    fingerprint: str
    repeated: Repeated | None = None
    shared: tuple[Shared, ...] = ()
    instances: InstanceCounts | None = None
    present: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    bands: BandStatistics | None = None
    mode: str = MULTICLASS
    overlaps: Overlaps | None = None


@dataclass(frozen=True)
class _Count:
    size: tuple[int, int]
    labels: LabelCounts
    digest: bytes
    pixels_digest: bytes  # of the decoded image
    hash: Hash
    objects: ObjectCount | None
    turned: bool
    bands: BandSums | None


class Examination(NamedTuple):
    """What reading every file of a dataset came to.

    Attributes:
        report: What it holds; None where something is wrong.
        faults: All that is wrong, a sentence each.
        files: Split -> its files as they were found. Empty where they are drawn.
    """

    report: DatasetReport | None
    faults: tuple[str, ...]
    files: Mapping[str, SplitFiles] = MappingProxyType({})


def describe(source: DatasetSource) -> DatasetReport:
    """Read every file of every split once and report what the dataset holds.

    Raises:
        DatasetError: Something is missing or wrong; has all faults, and lists ten and the number. Or
            the training split holds fewer than two classes.
    """
    found = examine(source)
    if found.report is None:
        raise refusal(found.faults)
    return found.report


def examine(
    source: DatasetSource, on_progress: Progress = lambda _done, _total: None
) -> Examination:
    """Read every file of every split once; report what the dataset holds, or all that is wrong.

    Images are decoded a few at a time by a thread pool; only counts and hashes are kept.

    Args:
        source: The dataset.
        on_progress: Called in this thread with the images read and all there are, after each; what it
            raises ends the reading.
    """
    dataset, found = opened(source)
    if dataset is None:
        return Examination(None, found)
    stamps = {split: dataset.stamp(split) for split in dataset.splits}
    keys = [(split, i) for split, names in dataset.splits.items() for i in range(len(names))]
    faults = list(found)
    looks: dict[str, list[_Count]] = {split: [] for split in dataset.splits}
    results = zip(keys, attempted(partial(_count, dataset), keys), strict=True)
    for done, ((split, _), result) in enumerate(results, 1):
        on_progress(done, len(keys))
        if isinstance(result, DatasetError):
            faults += result.faults
        else:
            looks[split].append(result)
    faults += _faults_as_a_whole(dataset, looks, complete=not faults)
    if faults:
        return Examination(None, tuple(dict.fromkeys(faults)))
    return Examination(_report(source, dataset, looks), (), _files(dataset, looks, stamps))


def _faults_as_a_whole(
    dataset: Dataset, looks: Mapping[str, Sequence[_Count]], *, complete: bool
) -> Iterator[str]:
    """What no single file is to blame for."""
    depths = {one.bands.depth for some in looks.values() for one in some if one.bands is not None}
    if len(depths) > 1:
        listed = " and ".join(sorted(depths))
        yield f"Some images hold {listed} values: save all of them with the same depth."
    train = _labels(dataset, looks.get("train", ()))
    if not complete and train.total == 0:
        return  # nothing could be read, which is told
    try:
        check_training_labels(train.labels, dataset)
    except DatasetError as error:
        yield from error.faults


def _labels(dataset: Dataset, some: Sequence[_Count]) -> LabelCounts:
    """The labels of some samples."""
    return added((one.labels for one in some), len(dataset.classes))


def _report(
    source: DatasetSource,
    dataset: Dataset,
    looks: Mapping[str, Sequence[_Count]],
) -> DatasetReport:
    by_split = {split: _labels(dataset, some) for split, some in looks.items()}
    labels = added(by_split.values(), len(dataset.classes))
    overlaps = labels.overlaps(dataset.classes)
    sizes = Counter(one.size for some in looks.values() for one in some)
    images = {split: len(names) for split, names in dataset.splits.items()}
    within, between = _repeats(dataset, looks)
    instances = _instances(looks)
    present = {split: counted.present(dataset.classes) for split, counted in by_split.items()}
    bands = None
    if dataset.bands is not None:
        bands = statistics([one.bands for one in looks["train"] if one.bands is not None])
    return DatasetReport(
        layout=source.layout,
        classes=dataset.classes,
        images=images,
        class_shares=labels.shares(dataset.classes),
        void_share=labels.void / labels.total,
        sizes=tuple((*size, times) for size, times in sizes.most_common(LISTED_SIZES)),
        different_sizes=len(sizes),
        remarks=(
            *dataset.remarks,
            *notes.turned(dataset, {s: [one.turned for one in some] for s, some in looks.items()}),
            *notes.absent(dataset, present, by_split),
            *label_counts.told(overlaps),
            *notes.constant(bands),
            *told(images, within, between),
            *(() if instances is None else object_counts.told(instances)),
        ),
        fingerprint=_fingerprint(source, dataset, looks),
        repeated=within,
        shared=between,
        instances=instances,
        present=present,
        bands=bands,
        mode=dataset.mode,
        overlaps=overlaps,
    )


def _fingerprint(
    source: DatasetSource, dataset: Dataset, looks: Mapping[str, Sequence[_Count]]
) -> str:
    total = hashlib.sha256(_meaning(source, dataset))
    for split, some in looks.items():
        for name, one in zip(dataset.splits[split], some, strict=True):
            total.update(json.dumps([split, name]).encode() + one.digest)
    return total.hexdigest()


def _files(
    dataset: Dataset, looks: Mapping[str, Sequence[_Count]], stamps: Mapping[str, str]
) -> dict[str, SplitFiles]:
    """The files of each split, by which a job sees whether it reads what was registered."""
    return {
        split: SplitFiles(
            fingerprint=dataset.fingerprint(split, [one.digest for one in some]),
            stamp=stamps[split],
        )
        for split, some in looks.items()
        if some and dataset.files(split, 0)
    }


def _count(dataset: Dataset, key: Key) -> _Count:
    """Decode and count one sample."""
    (image, mask, instances), lost = dataset.examined(*key)
    size = (mask.shape[0], mask.shape[1])
    return _Count(
        size=size,
        labels=count_labels(mask, len(dataset.classes)),
        digest=dataset.digest(*key),
        pixels_digest=hashlib.sha256(repr(size).encode() + image.tobytes()).digest(),
        hash=hash_of(as_picture(image)),
        objects=None if instances is None else count_objects(instances, lost),
        turned=lost.turned,
        bands=None if dataset.bands is None else band_sums(image),
    )


def _instances(looks: Mapping[str, Sequence[_Count]]) -> InstanceCounts | None:
    """The objects of all splits."""
    every = [one.objects for some in looks.values() for one in some]
    objects = [one for one in every if one is not None]
    return summary(objects) if objects else None


def _repeats(
    dataset: Dataset, looks: Mapping[str, Sequence[_Count]]
) -> tuple[Repeated, tuple[Shared, ...]]:
    """Near duplicates within the training split, and what the others share with it."""
    train = looks["train"]
    between = [
        shared(
            split,
            (dataset.names("train"), dataset.names(split)),
            ([one.pixels_digest for one in train], [one.pixels_digest for one in others]),
            ([one.hash for one in train], [one.hash for one in others]),
        )
        for split, others in looks.items()
        if split != "train"
    ]
    return repeated(dataset.names("train"), [one.hash for one in train]), tuple(between)


def _meaning(source: DatasetSource, dataset: Dataset) -> bytes:
    """What the labels depend on beside files; with one channel they are the labels of two classes."""
    meaning = source.model_dump(mode="json", include={"layout", "void_labels", "size"})
    further = source.model_dump(
        mode="json", include={"bands", "border_width", "colours", "instances"}
    )
    if isinstance(source, BorderSource) and source.labels == "foreground":
        further |= {"border_width": None, "labels": source.labels}  # there is no border
    if isinstance(source, LabelledSource):
        further |= source.model_dump(mode="json", include={"labels", "one_hot"})
    if dataset.mode == MULTILABEL:
        of_channels = {"mode", "mask_name", "regions", "missing_masks"}
        further |= source.model_dump(mode="json", include=of_channels)
    meaning |= {name: value for name, value in further.items() if value}
    return json.dumps([meaning, list(dataset.classes)], sort_keys=True).encode()
