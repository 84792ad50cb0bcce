"""What every layout promises, run over the whole registry."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from surrogate_zoo.errors import DatasetError, UnknownNameError
from tests.workers.datasets.folders import save
from tests.workers.datasets.layouts.rows import ROWS, Row
from tests.workers.datasets.written import HEIGHT, WIDTH, Written
from workers.datasets.dataset import VOID, Dataset
from workers.datasets.layouts.registry import LAYOUTS, open_dataset
from workers.datasets.reports.report import describe
from workers.tasks.datasets import LAYOUT_NAMES, DatasetSource, GeneratedSource, ShapesSource


@pytest.fixture(params=LAYOUTS)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Written:
    return ROWS[request.param].write(tmp_path)


@pytest.fixture
def source(written: Written) -> DatasetSource:
    return written.source


@pytest.fixture
def dataset(source: DatasetSource) -> Dataset:
    return open_dataset(source)


def test_every_source_has_a_layout() -> None:
    assert tuple(LAYOUTS) == LAYOUT_NAMES


def test_labels_are_what_was_written(written: Written, dataset: Dataset) -> None:
    assert {split: sorted(names) for split, names in dataset.splits.items()} == {
        split: sorted(names) for split, names in written.truth.items()
    }
    for split, labels in written.truth.items():
        samples = dataset.read(split)
        for name, image, mask in zip(samples.names, samples.images, samples.masks, strict=True):
            assert image.dtype == mask.dtype == np.uint8
            assert image.shape == (*mask.shape, 3)
            np.testing.assert_array_equal(mask, labels[name], err_msg=f"{split} {name}")


def test_splits_are_disjoint(dataset: Dataset) -> None:
    names = [name for split in dataset.splits.values() for name in split]
    assert len(names) == len(set(names))
    assert next(iter(dataset.splits)) == "train"


def test_read_takes_the_wanted_samples_in_the_wanted_order(dataset: Dataset) -> None:
    every, some = dataset.read("train"), dataset.read("train", [3, 0])
    assert some.names == (every.names[3], every.names[0])
    np.testing.assert_array_equal(some.images[0], every.images[3])
    np.testing.assert_array_equal(some.masks[1], every.masks[0])


def test_report_counts_what_is_there(written: Written, dataset: Dataset) -> None:
    report = describe(written.source)
    masks = [mask for split in written.truth.values() for mask in split.values()]
    labels = np.concatenate([mask.ravel() for mask in masks])
    assert report.images == {split: len(names) for split, names in written.truth.items()}
    assert report.void_share == pytest.approx((labels == VOID).mean())
    assert set(np.unique(labels)) <= {*range(len(report.classes)), VOID}
    for label, name in enumerate(report.classes):
        share = (labels == label).sum() / (labels != VOID).sum()
        assert report.class_shares[name] == pytest.approx(share)
    assert report.sizes == ((*masks[0].shape, len(masks)),)
    assert report.remarks[: len(dataset.remarks)] == dataset.remarks
    assert describe(written.source) == report


def test_resizing_keeps_labels_and_changes_the_fingerprint(written: Written) -> None:
    if isinstance(written.source, GeneratedSource):
        pytest.skip("shapes are drawn in their size")
    resized = written.source.model_copy(update={"size": (2 * HEIGHT, 2 * WIDTH)})
    samples = open_dataset(resized).read("train")
    assert samples.images[0].shape == (2 * HEIGHT, 2 * WIDTH, 3)
    truth = written.truth["train"][samples.names[0]]
    np.testing.assert_array_equal(samples.masks[0][::2, 1::2], truth)
    assert describe(resized).fingerprint != describe(written.source).fingerprint


def test_unknown_split_names_the_known_ones(dataset: Dataset) -> None:
    with pytest.raises(DatasetError, match=r"no split 'extra'.*train, "):
        dataset.read("extra")


def test_unknown_layout() -> None:
    source = ShapesSource.model_construct(layout="pascal")
    with pytest.raises(UnknownNameError, match="no dataset layout named 'pascal'"):
        open_dataset(source)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def link_away(path: Path, outside: Path) -> None:
    """Make ``path`` a link to its content in a file elsewhere."""
    path.rename(outside)
    path.symlink_to(outside)


def full(label: int) -> np.ndarray:
    return np.full((HEIGHT, WIDTH), label, np.uint8 if label < 256 else np.uint16)


SPOILED: Mapping[str, Callable[[Row, Path], object]] = {
    "no image": lambda row, root: remove(root / row.image),
    "no mask": lambda row, root: remove(root / (row.gone or row.mask)),
    "cut image": lambda row, root: cut(root / row.image),
    "cut mask": lambda row, root: cut(root / row.mask),
    "text for an image": lambda row, root: (root / row.image).write_text("hello"),
    "text for a mask": lambda row, root: (root / row.mask).write_text("hello"),
    "image linked away": lambda row, root: link_away(root / row.image, root.parent / "outside"),
    "mask linked away": lambda row, root: link_away(root / row.mask, root.parent / "outside"),
    "other size": lambda row, root: row.store(root / row.mask, np.zeros((8, 8), np.uint8)),
}
CASES = [(layout, case) for layout, row in ROWS.items() for case in SPOILED if row.image]


def refusal(source: DatasetSource) -> str:
    with pytest.raises(DatasetError) as caught:
        describe(source)
    return str(caught.value)


@pytest.mark.parametrize(("layout", "case"), CASES)
def test_a_broken_dataset_is_refused_with_the_file(layout: str, case: str, tmp_path: Path) -> None:
    row = ROWS[layout]
    source = row.write(tmp_path / "data").source
    SPOILED[case](row, tmp_path / "data")
    about = row.image if "image" in case else row.gone or row.mask
    assert str(tmp_path / "data" / about).rpartition(".")[0] in refusal(source)


@pytest.mark.parametrize(
    "layout", [layout for layout, row in ROWS.items() if row.unknown and row.mask]
)
def test_labels_out_of_range_are_named_with_the_file(layout: str, tmp_path: Path) -> None:
    row = ROWS[layout]
    source = row.write(tmp_path).source
    row.store(tmp_path / row.mask, full(row.unknown or 0))
    message = refusal(source)
    assert str(tmp_path / row.mask) in message
    assert str(row.unknown) in message


@pytest.mark.parametrize(
    "layout", [layout for layout, row in ROWS.items() if row.colour and row.mask]
)
def test_masks_of_another_mode_are_refused_with_the_file(layout: str, tmp_path: Path) -> None:
    row = ROWS[layout]
    source = row.write(tmp_path).source
    assert row.colour
    row.colour(tmp_path / row.mask)
    assert f"{tmp_path / row.mask} has mode" in refusal(source)


@pytest.mark.parametrize("layout", [layout for layout, row in ROWS.items() if row.lists])
def test_listed_names_lead_nowhere_else(layout: str, tmp_path: Path) -> None:
    row = ROWS[layout]
    source = row.write(tmp_path / "data").source
    save(tmp_path / "secret.png", full(0))
    names = tmp_path / "data" / row.lists
    names.write_text(f"{names.read_text()}../../../secret\n../../secret\n../secret\n")
    assert "secret" in refusal(source)
    link_away(names, tmp_path / "list.txt")
    assert f"{names} lies outside the dataset's folder" in refusal(source)


def test_a_dataset_in_a_linked_folder_is_refused(tmp_path: Path) -> None:
    source = ROWS["voc-sbd"].write(tmp_path / "data").source
    link_away(tmp_path / "data/benchmark_RELEASE", tmp_path / "outside")
    assert "benchmark_RELEASE lies outside the dataset's folder" in refusal(source)


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    for layout, row in ROWS.items():
        source = row.write(tmp_path / layout).source
        gone = source.model_copy(update={"root": str(tmp_path / "none")})
        if row.image:
            assert refusal(gone) == f"The folder {tmp_path / 'none'} does not exist."
