"""What PASCAL VOC promises beyond the contract of all layouts."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from surrogate_zoo.errors import DatasetError
from tests.workers.datasets.folders import save
from tests.workers.datasets.layouts.instance_rows import INSTANCE_ROWS
from tests.workers.datasets.layouts.rows import VOC_COLOURS, save_palette, voc, voc_sbd
from tests.workers.datasets.written import write_lines
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.layouts.voc import agreed
from workers.datasets.reports.report import describe
from workers.tasks.datasets import VocSource


def test_a_mask_of_another_palette_is_refused_with_the_file(tmp_path: Path) -> None:
    written = voc(tmp_path)
    mask = tmp_path / "SegmentationClass/2007_000002.png"
    save_palette(mask, written.truth["train"]["2007_000002"], VOC_COLOURS[::-1])
    with pytest.raises(DatasetError, match=r"2007_000002.png has another palette .* label 0 is"):
        describe(written.source)


def test_grey_masks_need_no_palette(tmp_path: Path) -> None:
    written = voc(tmp_path)
    labels = written.truth["train"]["2007_000001"]
    save(tmp_path / "SegmentationClass/2007_000001.png", labels.astype(np.uint8))
    np.testing.assert_array_equal(open_dataset(written.source).read("train", [0]).masks[0], labels)


def test_trainaug_takes_the_place_of_train_with_masks_of_its_own_folder(tmp_path: Path) -> None:
    source = voc(tmp_path).source.model_copy(update={"train": "trainaug"})
    names = ["2007_000001", "2008_000009"]
    write_lines(tmp_path / "ImageSets/Segmentation/trainaug.txt", names)
    for label, name in enumerate(names):
        save(tmp_path / f"JPEGImages/{name}.jpg", np.zeros((6, 7, 3), np.uint8))
        save(tmp_path / f"SegmentationClassAug/{name}.png", np.full((6, 7), label, np.uint8))
    dataset = open_dataset(source)
    assert {split: len(some) for split, some in dataset.splits.items()} == {"train": 2, "val": 2}
    assert dataset.read("train").masks[1].tolist() == [[1] * 7] * 6
    assert "The split 'train' is VOC's trainaug." in dataset.remarks
    assert "The split 'train' has 2 images; the published one has 10582." in dataset.remarks
    write_lines(tmp_path / "ImageSets/Segmentation/trainaug.txt", [*names, "2007_000006"])
    with pytest.raises(DatasetError, match=r"2007_000006.jpg is in split 'val' and in .*'train'"):
        open_dataset(source)


def test_the_extension_leaves_out_val_and_keeps_vocs_own_masks(tmp_path: Path) -> None:
    written = voc_sbd(tmp_path)
    names = open_dataset(written.source).splits["train"]
    assert names == tuple(sorted(written.truth["train"]))
    assert not set(names) & set(written.truth["val"])
    assert any((labels == 255).any() for labels in written.truth["train"].values())


def test_what_classes_and_objects_disagree_on_is_void_and_counted() -> None:
    mask = np.array([[0, 3, 3, 3, 15, 255], [0, 3, 3, 3, 15, 15]], np.uint8)
    objects = np.array([[0, 1, 1, 2, 2, 2], [1, 1, 255, 3, 0, 2]], np.uint8)
    found = agreed(mask, objects)
    # (1, 0): background of object 1; (0, 3): class 3 of object 2; (1, 4): class 15 of no object
    expected = [[0, 3, 3, 255, 15, 255], [255, 3, 255, 3, 255, 15]]
    np.testing.assert_array_equal(found.mask, expected)
    assert found.lost.disputed == 3
    assert found.lost.hidden == 0
    gone = agreed(np.array([[255, 1]], np.uint8), np.array([[4, 255]], np.uint8))
    assert gone.mask.tolist() == [[255, 255]]
    assert gone.lost.hidden == 1


def test_trainaug_has_no_objects() -> None:
    with pytest.raises(ValidationError, match="trainaug tells no objects apart"):
        VocSource(root="/data", train="trainaug", instances=True)


def test_objects_of_another_size_and_without_a_file_are_named(tmp_path: Path) -> None:
    source = INSTANCE_ROWS["voc"].write(tmp_path).source
    path = tmp_path / "SegmentationObject/2007_000002.png"
    save_palette(path, np.zeros((8, 8), np.uint8))
    with pytest.raises(DatasetError, match=r"Object/2007_000002.png has another size than .*Class"):
        describe(source)
    path.unlink()
    with pytest.raises(DatasetError, match=r"no mask file; .*SegmentationObject/2007_000002.png"):
        describe(source)
