"""What a dataset holds, counted from its pixels, after every file has been read and checked."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from workers.datasets import object_counts
from workers.datasets.dataset import VOID, Dataset, Key, collect
from workers.datasets.layouts import open_dataset
from workers.datasets.near_duplicates import Hash, hash_of
from workers.datasets.object_counts import (
    InstanceCounts,
    ObjectCount,
    count_objects,
    summary,
)
from workers.datasets.repeats import Repeated, Shared, repeated, shared, told
from workers.datasets.training_split import check_training_labels
from workers.tasks.datasets import BorderSource, DatasetSource

LISTED_SIZES = 10


class DatasetReport(BaseModel):
    """A checked dataset in numbers.

    Attributes:
        layout: Name of its layout.
        classes: Class names in the order of their labels.
        images: Split -> number of images.
        class_shares: Class -> share of the non-void pixels of all splits, in 0..1.
        void_share: Share of void among all pixels, in 0..1.
        sizes: (height, width, images) of the most frequent sizes, ten at most.
        different_sizes: How many sizes there are.
        remarks: What its owner should know, such as a split that has no public labels.
        fingerprint: SHA-256 over classes, void labels, size, split names and files; a dataset
            keeps it when its folder moves, and loses it when one byte changes.
        repeated: Near duplicates within the training split; None in a report that was written before
            they were looked for.
        shared: What each other split has of the training split's images, likewise.
        instances: Its objects; None where the dataset has no things.
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


@dataclass(frozen=True)
class _Count:
    size: tuple[int, int]
    pixels: NDArray[np.int64]  # (256,) pixels of each label
    digest: bytes
    pixels_digest: bytes  # of the decoded image
    hash: Hash
    objects: ObjectCount | None


def describe(source: DatasetSource) -> DatasetReport:
    """Read every file of every split once and report what the dataset holds.

    Images are decoded a few at a time by a thread pool; only counts and hashes are kept.

    Raises:
        DatasetError: Something is missing or wrong; names the file, or lists ten and the number. Or
            the training split holds fewer than two classes.
    """
    dataset = open_dataset(source)
    keys = [(split, i) for split, names in dataset.splits.items() for i in range(len(names))]
    by_split = {split: np.zeros(256, dtype=np.int64) for split in dataset.splits}
    sizes = Counter[tuple[int, int]]()
    fingerprint = hashlib.sha256(_meaning(source, dataset))
    looks: dict[str, list[_Count]] = {split: [] for split in dataset.splits}
    counts = collect(partial(_count, dataset), keys)
    for (split, index), sample in zip(keys, counts, strict=True):
        by_split[split] += sample.pixels
        sizes[sample.size] += 1
        looks[split].append(sample)
        name = dataset.splits[split][index]
        fingerprint.update(json.dumps([split, name]).encode() + sample.digest)
    check_training_labels(np.flatnonzero(by_split["train"]).tolist(), dataset.classes)
    pixels = np.sum(list(by_split.values()), axis=0)
    images = {split: len(names) for split, names in dataset.splits.items()}
    within, between = _repeats(dataset, looks)
    instances = _instances(looks)
    lost = () if instances is None else object_counts.told(instances)
    return DatasetReport(
        layout=source.layout,
        classes=dataset.classes,
        images=images,
        class_shares=_shares(dataset.classes, pixels),
        void_share=int(pixels[VOID]) / int(pixels.sum()),
        sizes=tuple((*size, times) for size, times in sizes.most_common(LISTED_SIZES)),
        different_sizes=len(sizes),
        remarks=(*dataset.remarks, *told(images, within, between), *lost),
        fingerprint=fingerprint.hexdigest(),
        repeated=within,
        shared=between,
        instances=instances,
    )


def _count(dataset: Dataset, key: Key) -> _Count:
    """Decode and count one sample."""
    (image, mask, instances), lost = dataset.examined(*key)
    size = (mask.shape[0], mask.shape[1])
    return _Count(
        size=size,
        pixels=np.bincount(mask.ravel(), minlength=256),
        digest=dataset.digest(*key),
        pixels_digest=hashlib.sha256(repr(size).encode() + image.tobytes()).digest(),
        hash=hash_of(image),
        objects=None if instances is None else count_objects(instances, lost),
    )


def _shares(classes: Sequence[str], pixels: NDArray[np.int64]) -> dict[str, float]:
    """Class -> share of the pixels that are not void."""
    labelled = max(int(pixels.sum() - pixels[VOID]), 1)
    return {name: int(number) / labelled for name, number in zip(classes, pixels, strict=False)}


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
    """What the labels depend on beside files."""
    meaning = source.model_dump(mode="json", include={"layout", "void_labels", "size"})
    further = source.model_dump(mode="json", include={"border_width", "colours", "instances"})
    if isinstance(source, BorderSource) and source.labels == "foreground":
        further |= {"border_width": None, "labels": source.labels}  # there is no border
    meaning |= {name: value for name, value in further.items() if value}
    return json.dumps([meaning, list(dataset.classes)], sort_keys=True).encode()
