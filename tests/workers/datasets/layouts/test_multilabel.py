"""Masks of several classes a pixel, as people have them; what is told of them, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from surrogate_zoo.errors import DatasetError
from tests.workers.datasets.folders import save
from workers.datasets.dataset import VOID
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.reports.picture import class_colours, coloured, draw_samples
from workers.datasets.reports.report import describe, examine
from workers.tasks.datasets import CocoSource, DatasetSource, FolderSource, ShapesSource, VocSource

CLASSES = ("organ", "lesion a", "lesion b")
SHAPE = (8, 12)
NAMES = ("p1", "deep/p2", "p3", "p4")
Masks = dict[str, np.ndarray]

VALUES = {0: 0, 1: 1, VOID: VOID}


def masks() -> Masks:
    """Overlapping masks, uint8 (H, W, 3), some labels void."""
    random = np.random.default_rng(1)
    made = {name: (random.random((*SHAPE, 3)) < 0.4).astype(np.uint8) for name in NAMES}
    made["p1"][0, :, 1] = VOID
    return made


def written(root: Path, write: Callable[[Path, Masks], dict[str, Any]]) -> FolderSource:
    """Images, lists, and masks as ``write`` has them; it gives the fields of the source."""
    for index, name in enumerate(NAMES):
        pixels = np.random.default_rng(index).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
        save(root / "images" / f"{name}.png", pixels)
    (root / "train.txt").write_text("\n".join(NAMES[:3]))
    (root / "val.txt").write_text(NAMES[3])
    fields = {"classes": CLASSES, **write(root / "masks", masks())}
    return FolderSource(root=str(root), mode="multilabel", **fields)


def by_folder(root: Path, made: Masks) -> dict[str, Any]:
    """A folder a class, masks of 0 and 255; 128 is not known."""
    for name, mask in made.items():
        for label, of_class in enumerate(CLASSES):
            stored = np.choose(
                (mask[..., label] == 1) + 2 * (mask[..., label] == VOID), [0, 255, 128]
            )
            save(root / of_class / f"{name}.png", stored.astype(np.uint8))
    return {"mask_name": "{class}/{image}", "labels": {255: 1}, "void_labels": (128,)}


def by_suffix(root: Path, made: Masks) -> dict[str, Any]:
    """A suffix a class, masks in black and white RGB, as many tools save them; grey is not known."""
    colours = np.array([[0] * 3, [255] * 3, [128] * 3], np.uint8)
    for name, mask in made.items():
        for label, of_class in enumerate(CLASSES):
            places = (mask[..., label] == 1) + 2 * (mask[..., label] == VOID)
            save(root / f"{name}_{of_class}.png", colours[places])
    known = {"#000000": 0, "#ffffff": 1, "#808080": VOID}
    return {"mask_name": "{image}_{class}", "colours": known}


def as_channels(root: Path, made: Masks) -> dict[str, Any]:
    """A channel a class: RGB for three."""
    for name, mask in made.items():
        save(
            root / f"{name}.png",
            np.where(mask == 1, 255, np.where(mask == VOID, 7, 0)).astype(np.uint8),
        )
    return {"labels": {255: 1}, "void_labels": (7,)}


def as_arrays(root: Path, made: Masks) -> dict[str, Any]:
    for name, mask in made.items():
        path = root / f"{name}_seg.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, mask.astype(np.float32))
    return {"mask_name": "{image}_seg"}


@pytest.mark.parametrize("write", [by_folder, by_suffix, as_channels, as_arrays])
def test_masks_are_read_as_people_have_them(
    tmp_path: Path, write: Callable[[Path, Masks], dict[str, Any]]
) -> None:
    source = written(tmp_path, write)
    dataset = open_dataset(source)
    assert (dataset.mode, dataset.classes) == ("multilabel", CLASSES)
    read = dict(zip(NAMES, [*dataset.read("train").masks, *dataset.read("val").masks], strict=True))
    for name, mask in masks().items():
        np.testing.assert_array_equal(read[name], mask)


def test_split_by_ratio_every_image_has_a_mask_of_every_class(tmp_path: Path) -> None:
    source = written(tmp_path, by_folder)
    for split in ("train", "val"):
        (tmp_path / f"{split}.txt").unlink()
    source = source.model_copy(update={"ratio": (0.5, 0.5, 0.0)})
    assert sum(map(len, open_dataset(source).splits.values())) == 4
    save(tmp_path / "masks/hair/p1.png", np.zeros(SHAPE, np.uint8))
    [remark] = [one for one in open_dataset(source).remarks if "mask_name" in one]
    assert remark.startswith("1 files of masks")
    assert "p1.png" in remark
    save(tmp_path / "masks/organ/p9.png", np.zeros(SHAPE, np.uint8))
    (tmp_path / "masks/lesion b/p3.png").unlink()
    with pytest.raises(DatasetError) as told:
        open_dataset(source)
    assert "p9.png has no image" in str(told.value)
    assert "p3.png has no mask" in str(told.value)
    assert "lesion b" in str(told.value)


def test_a_class_without_a_file_is_empty_where_that_is_said(tmp_path: Path) -> None:
    source = written(tmp_path, by_folder)
    for of_class in CLASSES:
        (tmp_path / "masks" / of_class / "p3.png").unlink()
    (tmp_path / "masks/lesion a/p4.png").unlink()
    faults = examine(source).faults
    assert any("'p3' of split 'train' has no mask file" in fault for fault in faults)
    lenient = source.model_copy(update={"missing_masks": "empty"})
    report = describe(lenient)
    assert (
        "2 images have no mask of lesion a, which is read as no pixel of it, such as p3."
        in report.remarks
    )
    dataset = open_dataset(lenient)
    assert not dataset.sample("train", 2).mask.any()
    assert dataset.sample("train", 2).mask.shape == (
        *SHAPE,
        3,
    )
    np.testing.assert_array_equal(dataset.sample("val", 0).mask[..., 2], masks()["p4"][..., 2])


def test_regions_are_made_of_labels(tmp_path: Path) -> None:
    """The nested regions of BraTS: the whole tumour, its core, what enhances."""
    labels = np.random.default_rng(2).choice([0, 1, 2, 4, 9, 255], SHAPE).astype(np.uint8)

    def write(root: Path, _: Masks) -> dict[str, Any]:
        for name in NAMES:
            save(root / f"{name}.png", labels)
        regions = {"whole": (1, 2, 4), "core": (1, 4), "enhancing": (4,)}
        return {"classes": tuple(regions), "regions": regions, "labels": {9: 0}}

    source = written(tmp_path, write)
    mask = open_dataset(source).sample("train", 0).mask
    void = labels == 255
    for channel, own in enumerate(([1, 2, 4], [1, 4], [4])):
        np.testing.assert_array_equal(
            mask[..., channel], np.where(void, VOID, np.isin(labels, own))
        )
    overlaps = describe(source).overlaps
    assert overlaps is not None
    assert overlaps.pairs[0].share == 1
    contained = {(pair.inner, pair.outer): pair.share for pair in overlaps.pairs}
    assert contained["core", "whole"] == contained["enhancing", "core"] == 1
    unknown = source.model_copy(update={"labels": {}})
    assert any("out of range: 9" in fault for fault in examine(unknown).faults)


def test_the_report_counts_classes_void_and_overlaps(tmp_path: Path) -> None:
    source = written(tmp_path, as_channels)
    report = describe(source)
    flat = np.concatenate([mask.reshape(-1, 3) for mask in masks().values()])
    for label, name in enumerate(CLASSES):
        known = flat[:, label] != VOID
        assert report.class_shares[name] == pytest.approx((flat[known, label] == 1).mean())
    assert report.void_share == pytest.approx((flat == VOID).mean())
    whole = flat[(flat != VOID).all(1)].sum(1)
    assert report.overlaps is not None
    assert report.overlaps.several == pytest.approx((whole > 1).mean())
    assert report.overlaps.none == pytest.approx((whole == 0).mean())
    assert report.mode == "multilabel"
    assert report.present["val"] == CLASSES
    resized = open_dataset(source.model_copy(update={"size": (16, 24)})).sample("train", 1)
    np.testing.assert_array_equal(resized.mask[::2, ::2], masks()["deep/p2"])


def test_a_fingerprint_tells_how_masks_are_read_and_a_picture_mixes_colours(tmp_path: Path) -> None:
    source = written(tmp_path, as_channels)
    other = source.model_copy(update={"void_labels": (7, 8)})
    assert describe(source).fingerprint != describe(other).fingerprint
    first, second, third = np.array(class_colours(3, "multilabel"))
    picture = coloured(np.array([[[1, 0, 0], [1, 0, 1], [0, 0, 0], [VOID, 0, 0]]], np.uint8))
    np.testing.assert_array_equal(picture[0, 0], first)
    np.testing.assert_allclose(picture[0, 1], (first + third) / 2, atol=0.5)
    assert picture[0, 2].tolist() == [0, 0, 0]
    assert picture[0, 3].tolist() == [255] * 3
    assert len(np.unique([first, second, third], axis=0)) == 3
    assert draw_samples(open_dataset(source)).width > 0


def test_categories_of_coco_overlap(tmp_path: Path) -> None:
    outlines = [(7, [[0, 0, 6, 0, 6, 8, 0, 8]]), (3, [[4, 2, 10, 2, 10, 6, 4, 6]])]
    for split in ("train", "val"):
        save(tmp_path / f"{split}2017" / "1.jpg", np.zeros((*SHAPE, 3), np.uint8))
        content = {
            "images": [{"id": 1, "file_name": "1.jpg", "height": SHAPE[0], "width": SHAPE[1]}],
            "categories": [{"id": 7, "name": "cell"}, {"id": 3, "name": "nucleus"}],
            "annotations": [
                {"image_id": 1, "category_id": category, "segmentation": outline}
                for category, outline in outlines
            ],
        }
        path = tmp_path / f"annotations/instances_{split}2017.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
    source = CocoSource(root=str(tmp_path), mode="multilabel")
    dataset = open_dataset(source)
    mask = dataset.sample("train", 0).mask
    assert dataset.classes == ("cell", "nucleus")
    wanted = np.zeros((*SHAPE, 2), np.uint8)
    wanted[:, :6, 0] = 1
    wanted[2:6, 4:10, 1] = 1
    np.testing.assert_array_equal(mask, wanted)
    labels = open_dataset(source.model_copy(update={"mode": "multiclass"})).sample("train", 0).mask
    assert set(np.unique(labels)) == {0, 1, 2, VOID}


def test_shapes_that_others_cover_are_whole_in_their_channels() -> None:
    sizes = {"train": 8, "val": 1, "test": 1, "seed": 3}
    plain, several, two = (
        open_dataset(ShapesSource.model_validate({"mode": mode, **sizes})).read("train")
        for mode in ("multiclass", "multilabel", "binary")
    )
    for mask, channels, binary in zip(plain.masks, several.masks, two.masks, strict=True):
        for label in range(1, 6):
            assert (channels[..., label - 1][mask == label] == 1).all()
        np.testing.assert_array_equal(binary, np.where(mask == VOID, VOID, mask > 0))
    assert any(((one == 1).sum(2) > 1).any() for one in several.masks)
    np.testing.assert_array_equal(plain.images[0], several.images[0])
    assert two.instances is not None
    assert several.instances is None


@pytest.mark.parametrize("mode", ["multiclass", "binary"])
def test_an_image_s_one_mask_may_have_a_suffix(tmp_path: Path, mode: str) -> None:
    """Images and masks may lie in one folder, as those of breast ultrasounds do."""
    mask = (np.random.default_rng(0).random(SHAPE) < 0.5).astype(np.uint8)
    for name in ("benign (1)", "benign (2)", "normal (1)"):
        save(tmp_path / f"{name}.png", np.zeros((*SHAPE, 3), np.uint8))
        save(tmp_path / f"{name}_mask.png", 255 * mask)
    source = FolderSource.model_validate(
        {
            "root": str(tmp_path), "images": ".", "masks": ".", "mask_name": "{image}_mask",
            "labels": {255: 1}, "classes": ("around", "tumour"), "mode": mode, "ratio": (0.6, 0.4, 0),
        }
    )  # fmt: skip
    dataset = open_dataset(source)
    assert {len(names) for names in dataset.splits.values()} == {1, 2}
    assert dataset.mode == mode
    np.testing.assert_array_equal(dataset.sample("train", 0).mask, mask)


def test_a_binary_dataset_has_the_fingerprint_of_its_two_classes(tmp_path: Path) -> None:
    source = written(tmp_path, as_channels)
    for name, mask in masks().items():
        save(tmp_path / "masks" / f"{name}.png", mask[..., 0])
    fields = {"root": source.root, "classes": ("around", "organ")}
    two, one = (
        describe(FolderSource.model_validate({**fields, "mode": mode}))
        for mode in ("multiclass", "binary")
    )
    assert one.fingerprint == two.fingerprint
    assert (one.mode, two.mode) == ("binary", "multiclass")


FOLDER = {"layout": "folder", "root": "/data", "classes": ["a", "b"]}
SOURCES: TypeAdapter[DatasetSource] = TypeAdapter(DatasetSource)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"mode": "binary", "classes": ["a", "b", "c"]}, "binary has two classes"),
        ({"classes": ["a"]}, "name what is around it too"),
        ({"layout": "voc", "mode": "multilabel"}, "layout voc have one class a pixel"),
        ({"layout": "coco", "mode": "multilabel", "instances": True}, "objects have one class"),
        ({"mode": "multilabel", "one_hot": True}, "leave it out, masks of a multi-label"),
        ({"mode": "multilabel", "labels": {"255": 2}}, "a class of a multi-label is off or on"),
        ({"mask_name": "{class}/{image}"}, "say mode=multilabel"),
        ({"mask_name": "mask"}, "must hold {image} once"),
        (
            {"mode": "multilabel", "missing_masks": "empty"},
            "missing_masks is of masks for each class",
        ),
        ({"mode": "multilabel", "regions": {"a": [1]}}, "no values of the class 'b'"),
        (
            {"mode": "multilabel", "regions": {"a": [1], "b": [1], "c": [2]}},
            "'c', which is no class",
        ),
        ({"regions": {"a": [1], "b": [1]}}, "regions are of a multi-label"),
        ({"mode": "multilabel", "colours": {"#000000": 0}}, "colours are of one class"),
        (
            {"mode": "multilabel", "regions": {"a": [1], "b": [2]}, "labels": {"7": 1}},
            "regions say of which classes",
        ),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any], told: str) -> None:
    given = {**FOLDER, **fields}
    if given["layout"] != "folder":
        given.pop("classes")
    with pytest.raises(ValidationError, match=told):
        SOURCES.validate_python(given)


def test_masks_that_teach_nothing_or_have_other_channels_are_refused(tmp_path: Path) -> None:
    source = written(tmp_path, as_channels).model_copy(
        update={"labels": {}, "void_labels": (7, 255)}
    )
    [fault] = examine(source).faults
    assert "off or void in every class and pixel" in fault
    assert 'labels={"255": 1}' in fault
    save(tmp_path / "masks/p3.png", np.zeros((*SHAPE, 4), np.uint8))
    np.save(tmp_path / "masks/p4.npy", np.zeros((3, *SHAPE), np.uint8))
    (tmp_path / "masks/p4.png").unlink()
    faults = " ".join(examine(source).faults)
    assert "p3.png has 4 bands" in faults
    assert "p4.npy has the shape (3, 8, 12)" in faults


def test_a_layout_of_more_classes_is_not_binary(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "x.png")
    source = VocSource(root=str(tmp_path), mode="binary")
    assert source.mode == "binary"
    with pytest.raises(DatasetError):
        open_dataset(source)
