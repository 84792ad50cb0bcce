"""What every layout promises, run over the whole registry."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from surrogate_zoo.errors import DatasetError, UnknownNameError
from tests.workers.datasets import folders
from workers.dataset_sources import DatasetSource, ShapesSource
from workers.datasets import LAYOUTS, VOID, Dataset, describe, open_dataset

SOURCES: Mapping[str, Callable[[Path], DatasetSource]] = {
    "shapes": lambda _: ShapesSource(height=16, width=24, train=9, val=3, test=2),
    "segnet": folders.segnet,
    "folder": folders.folder,
}


@pytest.fixture(params=LAYOUTS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> DatasetSource:
    return SOURCES[request.param](tmp_path)


@pytest.fixture
def dataset(source: DatasetSource) -> Dataset:
    return open_dataset(source)


def test_splits_are_disjoint_and_named(dataset: Dataset) -> None:
    assert list(dataset.splits) == ["train", "val", "test"]
    names = [name for split in dataset.splits.values() for name in split]
    assert len(names) == len(set(names))


def test_samples_are_pixels_with_labels_or_void(dataset: Dataset) -> None:
    samples = dataset.read("train")
    assert samples.names == dataset.splits["train"]
    assert len(samples) == len(samples.images) == len(samples.masks)
    for image, mask in zip(samples.images, samples.masks, strict=True):
        assert image.dtype == mask.dtype == np.uint8
        assert image.shape == (*mask.shape, 3)
        assert set(np.unique(mask)) <= {*range(len(dataset.classes)), VOID}


def test_read_takes_the_wanted_samples_in_the_wanted_order(dataset: Dataset) -> None:
    every, some = dataset.read("train"), dataset.read("train", [3, 0])
    assert some.names == (every.names[3], every.names[0])
    np.testing.assert_array_equal(some.images[0], every.images[3])
    np.testing.assert_array_equal(some.masks[1], every.masks[0])


def test_reading_twice_gives_the_same(source: DatasetSource) -> None:
    first, second = open_dataset(source).read("val"), open_dataset(source).read("val")
    for one, other in zip(first.images + first.masks, second.images + second.masks, strict=True):
        np.testing.assert_array_equal(one, other)


def test_report_counts_what_is_there(source: DatasetSource, dataset: Dataset) -> None:
    report = describe(source)
    masks = [mask for split in dataset.splits for mask in dataset.read(split).masks]
    labels = np.concatenate([mask.ravel() for mask in masks])
    assert report.images == {split: len(names) for split, names in dataset.splits.items()}
    assert report.void_share == pytest.approx((labels == VOID).mean())
    for label, name in enumerate(dataset.classes):
        share = (labels == label).sum() / (labels != VOID).sum()
        assert report.class_shares[name] == pytest.approx(share)
    assert report.sizes == (masks[0].shape,)
    assert describe(source) == report


def test_unknown_split_names_the_known_ones(dataset: Dataset) -> None:
    with pytest.raises(DatasetError, match=r"no split 'extra'.*train, val, test"):
        dataset.read("extra")


def test_unknown_layout() -> None:
    source = ShapesSource.model_construct(layout="coco")
    with pytest.raises(UnknownNameError, match="no dataset layout named 'coco'"):
        open_dataset(source)
