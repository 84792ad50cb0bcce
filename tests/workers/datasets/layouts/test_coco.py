"""Outlines of COCO against pycocotools and by hand."""

import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pycocotools.mask
import pytest

from surrogate_zoo.errors import DatasetError
from tests.workers.datasets import written
from tests.workers.datasets.folders import save
from tests.workers.datasets.layouts import coco_layouts
from tests.workers.datasets.layouts.instance_rows import INSTANCE_ROWS
from workers.datasets.layouts.coco import run_lengths
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.reports.report import describe
from workers.tasks.datasets import CocoSource


def test_compressed_run_lengths_are_those_of_pycocotools() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        height, width = random.integers(1, 90, 2)
        region = random.random((height, width)) < random.random()
        text = pycocotools.mask.encode(np.asfortranarray(region.astype(np.uint8)))["counts"]
        assert run_lengths(text) == coco_layouts.run_lengths(region)["counts"]


def outlined(root: Path, *outlines: object) -> written.Written:
    """COCO whose first training image has these outlines, of category 0, 1, ... each."""
    made = coco_layouts.coco(root)
    path = root / "annotations/instances_train2017.json"
    content = json.loads(path.read_text())
    others = [one for one in content["annotations"] if one["image_id"] != 0]
    mine = [
        {"image_id": 0, "category_id": category["id"], "segmentation": outline, "iscrowd": 0}
        for category, outline in zip(coco_layouts.CATEGORIES, outlines, strict=False)
    ]
    path.write_text(json.dumps(content | {"annotations": others + mine}))
    return made


def test_polygons_are_drawn_and_what_two_categories_claim_is_void(tmp_path: Path) -> None:
    left, right = [2, 2, 8, 2, 8, 8, 2, 8], [6, 4, 12, 4, 12, 10, 6, 10]
    source = outlined(tmp_path, [left], [right]).source
    expected = np.zeros((written.HEIGHT, written.WIDTH), np.uint8)
    expected[2:8, 2:8] = 1
    expected[4:10, 6:12] = 2
    expected[4:8, 6:8] = 255
    np.testing.assert_array_equal(open_dataset(source).read("train", [0]).masks[0], expected)


@pytest.mark.parametrize(
    ("outline", "told"),
    [
        ([[1, 2, 3, 4]], "annotations.*segmentation is no outline"),
        ([[1, 2, 1e9, 4, 5, 6]], "annotations.*less than or equal to 100000"),
        ({"size": [12, 16], "counts": [0, 3]}, "000000000001.jpg, has run lengths of another size"),
        ({"size": [2, 2], "counts": [4]}, "000000000001.jpg, has run lengths of another size"),
        ({"size": [12, 16], "counts": "~~"}, "000000000001.jpg, .* no COCO code"),
        ({"size": [12, 16], "counts": "P"}, "000000000001.jpg, .* end within a number"),
    ],
)
def test_outlines_that_cannot_be_drawn_are_named(
    tmp_path: Path, outline: object, told: str
) -> None:
    with pytest.raises(DatasetError, match=rf"instances_train2017.json.*{told}"):
        describe(outlined(tmp_path, outline).source)


def test_names_in_json_lead_nowhere_else(tmp_path: Path) -> None:
    save(tmp_path / "secret.jpg", written.image(0))
    source = coco_layouts.coco(tmp_path / "data").source
    path = tmp_path / "data/annotations/instances_train2017.json"
    path.write_text(path.read_text().replace("000000000001.jpg", "../../secret.jpg"))
    with pytest.raises(DatasetError, match=r"secret.* has no image file"):
        describe(source)


def test_splits_must_agree_on_categories(tmp_path: Path) -> None:
    source = coco_layouts.coco_panoptic(tmp_path).source
    path = tmp_path / "annotations/panoptic_val2017.json"
    path.write_text(path.read_text().replace("thing 3", "thing x"))
    with pytest.raises(DatasetError, match=r"panoptic_val2017.json has other categories"):
        open_dataset(source)


def test_a_later_object_lies_on_top_and_an_object_on_a_crowd(tmp_path: Path) -> None:
    left, right, crowd = (
        [2, 2, 8, 2, 8, 8, 2, 8],
        [6, 4, 12, 4, 12, 10, 6, 10],
        [0, 0, 4, 0, 4, 4, 0, 4],
    )
    source = outlined(tmp_path, [left], [right], [crowd], [[6, 4, 7, 4, 7, 5, 6, 5]]).source
    path = tmp_path / "annotations/instances_train2017.json"
    content = json.loads(path.read_text())
    mine = [one for one in content["annotations"] if one["image_id"] == 0]
    mine[2]["iscrowd"] = 1
    mine[3], mine[1] = mine[1], mine[3]  # the small one lies below the right one, and is hidden
    rest = [one for one in content["annotations"] if one["image_id"] != 0]
    for one in rest:
        one["iscrowd"] = 1
    path.write_text(json.dumps(content | {"annotations": mine + rest}))
    source = source.model_copy(update={"instances": True})
    (_, mask, instances), lost = open_dataset(source).examined("train", 0)
    expected = np.zeros((written.HEIGHT, written.WIDTH), np.uint8)
    expected[0:4, 0:4] = 255
    expected[2:8, 2:8] = 1
    expected[4:10, 6:12] = 2
    np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(instances, np.where(expected == 255, 0, expected))
    assert lost.hidden == 1
    assert lost.overlapping == 4 * 2
    assert any("8 pixels belong to several objects" in one for one in describe(source).remarks)


def test_panoptic_objects_need_categories_of_things(tmp_path: Path) -> None:
    source = INSTANCE_ROWS["coco-panoptic"].write(tmp_path).source
    for split in ("train", "val"):
        path = tmp_path / f"annotations/panoptic_{split}2017.json"
        path.write_text(path.read_text().replace("isthing", "isstuff"))
    with pytest.raises(DatasetError, match=r"panoptic_train2017.json does not tell which"):
        open_dataset(source)
    assert open_dataset(source.model_copy(update={"instances": False})).things == ()


def _spoiled(
    root: Path, change: Callable[[dict[str, Any]], None], layout: str = "instances"
) -> Path:
    path = root / f"annotations/{layout}_train2017.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def _twice(content: dict[str, Any]) -> None:
    content["images"].append(dict(content["images"][0]))


def _one_file(content: dict[str, Any]) -> None:
    content["images"].append({**content["images"][0], "id": 987_654})


def _decomposed(content: dict[str, Any]) -> None:
    whole = "Käfer.jpg"
    for number, name in enumerate((whole, unicodedata.normalize("NFD", whole))):
        content["images"].append({**content["images"][0], "id": 900 + number, "file_name": name})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_twice, "lists two images with the id"),
        (_one_file, r"twice, as images\[0\] and images\["),
        (_decomposed, "lists 'Käfer' twice"),
    ],
)
@pytest.mark.parametrize("write", [coco_layouts.coco, coco_layouts.coco_panoptic])
def test_an_image_that_is_listed_twice_is_told_with_both_places(
    tmp_path: Path,
    change: Callable[[dict[str, Any]], None],
    told: str,
    write: Callable[[Path], written.Written],
) -> None:
    source = write(tmp_path).source
    _spoiled(tmp_path, change, "instances" if source.layout == "coco" else "panoptic")
    with pytest.raises(DatasetError, match=told):
        open_dataset(source)


@pytest.mark.parametrize("outline", [[], [[]], [[1, 2, 3, 4]], "none", {"counts": [1]}, None])
def test_an_outline_that_is_none_is_told_by_its_place_and_with_what_to_do(
    tmp_path: Path, outline: object
) -> None:
    source = coco_layouts.coco(tmp_path).source

    def change(content: dict[str, Any]) -> None:
        for annotation in content["annotations"][:3]:
            annotation["segmentation"] = outline

    path = _spoiled(tmp_path, change)
    with pytest.raises(DatasetError) as told:
        open_dataset(source)
    text = str(told.value)
    assert text.startswith(
        f"{path} is no COCO annotation file: annotations.0.segmentation is no outline"
    )
    assert "and 2 others like it" in text
    assert "remove the annotation" in text
    assert not {"function-after", "functools", "TypedDict"} & set(re.split(r"\W", text))


def test_an_export_in_folders_of_its_own_is_read(tmp_path: Path) -> None:
    """As Roboflow writes it: images and annotations of a split in one folder."""
    published = coco_layouts.coco(tmp_path / "published")
    for split, called in (("train", "train"), ("val", "valid")):
        folder = tmp_path / "own" / called
        folder.mkdir(parents=True)
        for image in (tmp_path / "published" / f"{split}2017").iterdir():
            image.rename(folder / image.name)
        path = tmp_path / f"published/annotations/instances_{split}2017.json"
        path.rename(folder / "_annotations.coco.json")
    source = CocoSource(
        root=str(tmp_path / "own"),
        images="{split}",
        annotations="{split}/_annotations.coco.json",
        val_name="valid",
    )
    dataset = open_dataset(source)
    assert not [remark for remark in dataset.remarks if "published" in remark]
    for split, masks in published.truth.items():
        read = dataset.read(split)
        for name, mask in zip(read.names, read.masks, strict=True):
            np.testing.assert_array_equal(mask, masks[name])
