"""Masks as people have them: other values for labels, colours, palettes, channels; and what is refused."""

from collections.abc import Sequence
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
from workers.datasets.reports.report import describe
from workers.tasks.datasets import DatasetSource, FolderSource, SegNetSource

SHAPE = (8, 12)
SOURCES: TypeAdapter[DatasetSource] = TypeAdapter(DatasetSource)


def labels_of(index: int, classes: int = 2) -> np.ndarray:
    return np.random.default_rng(index).integers(0, classes, SHAPE).astype(np.uint8)


def written(root: Path, masks: Sequence[np.ndarray | Image.Image], ending: str = ".png") -> Path:
    for index, mask in enumerate(masks):
        image = np.random.default_rng(100 + index).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
        save(root / "images" / f"{index}.png", image)
        path = root / "masks" / f"{index}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if ending == ".npy":
            np.save(path, np.asarray(mask))
        else:
            (mask if isinstance(mask, Image.Image) else Image.fromarray(mask)).save(path)
    names = [str(index) for index in range(len(masks))]
    (root / "train.txt").write_text("\n".join(names[:-1]) + "\n")
    (root / "val.txt").write_text(names[-1])
    return root


def source(root: Path, classes: int = 2, **fields: Any) -> FolderSource:
    names = tuple(f"class {label}" for label in range(classes))
    return FolderSource(root=str(root), classes=names, **fields)


def assert_read(of: FolderSource, expected: list[np.ndarray]) -> None:
    describe(of)
    dataset = open_dataset(of)
    masks = [*dataset.read("train").masks, *dataset.read("val").masks]
    for mask, wanted in zip(masks, expected, strict=True):
        np.testing.assert_array_equal(mask, wanted)


TRUTH = [labels_of(index) for index in range(4)]


@pytest.mark.parametrize(("low", "high"), [(0, 255), (255, 0), (100, 200), (1, 254), (3, 60_000)])
def test_stored_values_are_given_their_labels(tmp_path: Path, low: int, high: int) -> None:
    kind = np.uint8 if max(low, high) < 256 else np.uint16
    root = written(tmp_path, [np.where(mask, high, low).astype(kind) for mask in TRUTH])
    given = {value: label for label, value in enumerate((low, high)) if value != label}
    assert_read(source(root, labels=given), TRUTH)
    through_json = SOURCES.validate_json(source(root, labels=given).model_dump_json())
    assert isinstance(through_json, FolderSource)
    assert through_json.labels == given


@pytest.mark.parametrize("values", [(0, 255), (0, 255, 255, 0)])
def test_one_class_beside_void_is_refused_with_the_mapping(
    tmp_path: Path, values: tuple[int, ...]
) -> None:
    masks = [np.resize(np.array(values, np.uint8), SHAPE) for _ in range(4)]
    root = written(tmp_path, masks)
    with pytest.raises(DatasetError, match=r'label 0 .* and void alone; .*labels=\{"255": 1\}'):
        describe(source(root))
    expected = [np.where(mask == 255, 1, 0) for mask in masks]
    assert_read(source(root, labels={255: 1}), expected)


def test_a_value_may_be_void_and_two_may_share_a_label(tmp_path: Path) -> None:
    stored = [np.resize(np.arange(4, dtype=np.uint8), SHAPE) for _ in range(4)]
    root = written(tmp_path, list(stored))
    table = np.array([0, 1, 1, VOID])
    assert_read(source(root, labels={2: 1, 3: VOID}), [table[mask] for mask in stored])
    assert (
        describe(source(root, labels={2: 1, 3: VOID})).fingerprint
        != describe(source(root, labels={2: 0, 3: VOID})).fingerprint
    )


def palette_mask(mask: np.ndarray, colours: list[tuple[int, int, int]]) -> Image.Image:
    """Indices from 0 on in the order of ``colours``, whichever label each has."""
    picture = Image.fromarray(mask.astype(np.uint8))
    picture.putpalette([value for colour in colours for value in colour])
    return picture


BLACK, RED, WHITE = (0, 0, 0), (255, 0, 0), (255, 255, 255)


def swapped() -> list[np.ndarray | Image.Image]:
    """The truth in black and red, every second file with its palette the other way round."""
    return [
        palette_mask(mask, [BLACK, RED]) if index % 2 else palette_mask(1 - mask, [RED, BLACK])
        for index, mask in enumerate(TRUTH)
    ]


def test_palettes_go_through_their_own_colours(tmp_path: Path) -> None:
    root = written(tmp_path, swapped())
    assert_read(source(root, colours={"#000000": 0, "#ff0000": 1}), TRUTH)


@pytest.mark.parametrize("first", ["palette", "grey", "one bit", "RGB", "RGBA"])
def test_with_colours_a_pixel_counts_as_what_it_looks_like(tmp_path: Path, first: str) -> None:
    grey = [Image.fromarray(255 * mask) for mask in TRUTH]
    made: dict[str, list[np.ndarray | Image.Image]] = {
        "palette": [palette_mask(1 - mask, [WHITE, BLACK]) for mask in TRUTH],
        "grey": list(grey),
        "one bit": [mask.convert("1") for mask in grey],
        "RGB": [mask.convert("RGB") for mask in grey],
        "RGBA": [mask.convert("RGBA") for mask in grey],
    }
    root = written(tmp_path, [made[first][0], *made["grey"][1:]])
    assert_read(source(root, colours={"#000000": 0, "#FFFFFF": 1}), TRUTH)


def test_palettes_that_differ_are_refused_without_colours(tmp_path: Path) -> None:
    root = written(tmp_path, swapped())
    with pytest.raises(DatasetError, match=r"shows the index \d in #.* where palettes differ"):
        describe(source(root))


def test_palettes_of_other_lengths_with_the_same_colours_are_the_same(tmp_path: Path) -> None:
    masks = [palette_mask(mask, [BLACK, RED, WHITE][: 2 + i % 2]) for i, mask in enumerate(TRUTH)]
    assert_read(source(written(tmp_path, list(masks))), TRUTH)


@pytest.mark.parametrize("ending", [".png", ".tif", ".npy"])
def test_masks_of_16_bits_are_read(tmp_path: Path, ending: str) -> None:
    root = written(tmp_path, [mask.astype(np.uint16) for mask in TRUTH], ending)
    assert_read(source(root), TRUTH)
    (tmp_path / f"masks/1{ending}").unlink()
    save(tmp_path / "masks/1.tif", np.full(SHAPE, 300, np.uint16))
    with pytest.raises(DatasetError, match=r"masks/1.tif holds labels out of range: 300"):
        describe(source(root))


def test_masks_of_one_bit_and_gif_are_read(tmp_path: Path) -> None:
    bits = [Image.fromarray(255 * mask).convert("1") for mask in TRUTH]
    assert_read(source(written(tmp_path / "bits", list(bits))), TRUTH)
    gifs = [palette_mask(mask, [BLACK, RED]) for mask in TRUTH]
    assert_read(source(written(tmp_path / "gif", list(gifs), ".gif")), TRUTH)


@pytest.mark.parametrize("classes", [3, 4, 6])
@pytest.mark.parametrize("on", [1, 255])
def test_one_hot_masks_have_a_channel_for_each_class(tmp_path: Path, classes: int, on: int) -> None:
    truth = [labels_of(index, classes) for index in range(4)]
    hot = [(on * (mask[..., None] == np.arange(classes))).astype(np.uint8) for mask in truth]
    hot[0][0] = 0
    expected = [truth[0].copy(), *truth[1:]]
    expected[0][0] = VOID
    root = written(tmp_path, list(hot), ".png" if classes < 5 else ".npy")
    assert_read(source(root, classes, one_hot=True), expected)


def test_one_hot_masks_of_several_classes_are_refused(tmp_path: Path) -> None:
    hot = [np.zeros((*SHAPE, 3), np.uint8) for _ in range(4)]
    for mask in hot:
        mask[:4, :, 0] = mask[2:, :, 1] = 1
    root = written(tmp_path, list(hot))
    with pytest.raises(DatasetError, match=r"masks/0.png has 24 pixels where several channels"):
        describe(source(root, 3, one_hot=True))
    with pytest.raises(DatasetError, match=r"masks/0.png has 3 bands, and bands=4"):
        describe(source(root, 4, one_hot=True))


@pytest.mark.parametrize("size", [(9, 12), (8, 13), (7, 12), (4, 6)])
def test_masks_off_by_a_pixel_name_both_files_and_the_remedy(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    root = written(tmp_path, list(TRUTH))
    save(root / "masks/1.png", np.zeros(size, np.uint8))
    message = rf"is {size[1]}x{size[0]} .*images/1.png is 12x8; they must agree: save the mask anew"
    with pytest.raises(DatasetError, match=message):
        describe(source(root))


def test_a_mask_as_jpeg_is_refused_with_the_reason(tmp_path: Path) -> None:
    masks = [
        np.random.default_rng(i).integers(0, 2, SHAPE).astype(np.uint8) * 200 for i in range(4)
    ]
    root = written(tmp_path, list(masks), ".jpg")
    with pytest.raises(DatasetError, match="A JPEG changes labels; save masks as PNG"):
        describe(source(root, labels={200: 1}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"classes": ["a", "a", "b"]}, r"'a' is the name of the labels 0 and 1"),
        ({"classes": ["leaf", "stem", " leaf "]}, r"'leaf' is the name of the labels 0 and 2"),
        ({"classes": ["\u00e9", "e\u0301"]}, r"is the name of the labels 0 and 1"),
        ({"classes": ["a", " "]}, r"label 1 has no name"),
        ({"classes": ["a", 101 * "b"]}, r"label 1 has 101 characters"),
        ({"classes": ["a\x1b[31m", "b"]}, r"label 0 .* printed"),
        ({"classes": [str(n) for n in range(256)]}, r"256 classes are more than the 255"),
        ({"classes": [str(n) for n in range(300)]}, r"300 classes are more .* labels="),
        ({"classes": ["a", "b"], "labels": {255: 2}}, r"label 2, .* last of the 2 classes is 1"),
        ({"classes": ["a", "b"], "labels": {7: 1}, "one_hot": True}, "exclude each other"),
    ],
)
@pytest.mark.parametrize("layout", ["folder", "segnet"])
def test_what_cannot_be_declared(fields: dict[str, Any], message: str, layout: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SOURCES.validate_python({"layout": layout, "root": "/data", **fields})


def test_255_classes_leave_room_for_void(tmp_path: Path) -> None:
    every = np.resize(np.arange(256, dtype=np.uint8), (16, 16))
    for name in ("train", "trainannot"):
        (tmp_path / name).mkdir()
    save(tmp_path / "train/a.png", np.zeros((16, 16, 3), np.uint8))
    save(tmp_path / "trainannot/a.png", every)
    (tmp_path / "train.txt").write_text("a")
    of = SegNetSource(root=str(tmp_path), classes=tuple(map(str, range(255))))
    np.testing.assert_array_equal(open_dataset(of).read("train").masks[0], every)


def test_classes_without_training_pixels_and_splits_of_one_class_are_told(tmp_path: Path) -> None:
    root = written(tmp_path, [*TRUTH[:3], np.ones(SHAPE, np.uint8)])
    remarks = describe(source(root, 4)).remarks
    assert "No pixel of the training split is of class 2, class 3: it cannot be learned." in remarks
    assert any("'val' hold class 1 alone: no score" in remark for remark in remarks)
    assert describe(source(root, 4)).present == {
        "train": ("class 0", "class 1"),
        "val": ("class 1",),
    }
