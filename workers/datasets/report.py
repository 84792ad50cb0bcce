"""What a dataset holds, counted from its pixels, after every file has been read and checked."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from workers.dataset_sources import DatasetSource
from workers.datasets.dataset import VOID, Dataset, Key, collect
from workers.datasets.layouts import open_dataset

LISTED_SIZES = 10


class DatasetReport(BaseModel):
    """A checked dataset in numbers.

    Attributes:
        layout: Name of its layout.
        classes: Class names in the order of their labels.
        images: Split -> number of images.
        class_shares: Class -> share of the non-void pixels of all splits, in 0..1.
        void_share: Share of void among all pixels, in 0..1.
        sizes: The most frequent (height, width), ten at most.
        different_sizes: How many sizes there are.
        fingerprint: SHA-256 over classes, void labels, size, split names and files; a dataset
            keeps it when its folder moves, and loses it when one byte changes.
    """

    model_config = ConfigDict(frozen=True)

    layout: str
    classes: tuple[str, ...]
    images: dict[str, int]
    class_shares: dict[str, float]
    void_share: float
    sizes: tuple[tuple[int, int], ...]
    different_sizes: int
    fingerprint: str


@dataclass(frozen=True)
class _Count:
    size: tuple[int, int]
    pixels: NDArray[np.int64]  # (256,) pixels of each label
    digest: bytes


def describe(source: DatasetSource) -> DatasetReport:
    """Read every file of every split once and report what the dataset holds.

    Raises:
        DatasetError: Something is missing or wrong; names the file, or lists ten and the number.
    """
    dataset = open_dataset(source)
    keys = [(split, i) for split, names in dataset.splits.items() for i in range(len(names))]

    def count(key: Key) -> _Count:
        _, mask = dataset.sample(*key)
        pixels = np.bincount(mask.ravel(), minlength=256)
        return _Count((mask.shape[0], mask.shape[1]), pixels, dataset.digest(*key))

    counts = collect(count, keys)
    pixels = np.stack([one.pixels for one in counts]).sum(axis=0)
    labelled = max(int(pixels.sum() - pixels[VOID]), 1)
    sizes, times = np.unique([one.size for one in counts], axis=0, return_counts=True)
    frequent = sizes[np.argsort(-times, kind="stable")]
    return DatasetReport(
        layout=source.layout,
        classes=dataset.classes,
        images={split: len(names) for split, names in dataset.splits.items()},
        class_shares={
            name: int(number) / labelled
            for name, number in zip(dataset.classes, pixels, strict=False)
        },
        void_share=int(pixels[VOID]) / int(pixels.sum()),
        sizes=tuple((int(height), int(width)) for height, width in frequent[:LISTED_SIZES]),
        different_sizes=len(sizes),
        fingerprint=_fingerprint(source, dataset, keys, counts),
    )


def _fingerprint(
    source: DatasetSource, dataset: Dataset, keys: Sequence[Key], counts: Sequence[_Count]
) -> str:
    meaning = source.model_dump(mode="json", include={"layout", "void_labels", "size"})
    head = json.dumps([meaning, list(dataset.classes)], sort_keys=True)
    total = hashlib.sha256(head.encode())
    for (split, index), one in zip(keys, counts, strict=True):
        total.update(json.dumps([split, dataset.splits[split][index]]).encode() + one.digest)
    return total.hexdigest()
