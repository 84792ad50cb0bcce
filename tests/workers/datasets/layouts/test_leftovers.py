"""Files of other tools, of other endings, and links, in every layout."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from surrogate_zoo.errors import DatasetError
from tests.workers.datasets import folders
from tests.workers.datasets.layouts import rows
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.reports.report import describe
from workers.tasks.file_sources import Registered

LEFTOVERS = ("._{name}", ".DS_Store", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints/{name}")
OTHERS = ("__MACOSX/{name}", "@eaDir/{name}", ".{name}.swp", "~${name}", ".git/{name}")
IN_FILES = [layout for layout, row in rows.ROWS.items() if row.image]


def leave(root: Path, beside: str, patterns: tuple[str, ...]) -> None:
    place = root / beside
    for pattern in patterns:
        path = place.parent / pattern.format(name=place.name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\x00\x05\x16\x07")


@pytest.mark.parametrize("layout", [layout for layout in IN_FILES if layout != "nyu-mat"])
@pytest.mark.parametrize("patterns", [LEFTOVERS, OTHERS])
def test_leftovers_are_passed_over_and_counted(
    layout: str, patterns: tuple[str, ...], tmp_path: Path
) -> None:
    row = rows.ROWS[layout]
    source = row.write(tmp_path).source
    before = describe(source)
    leave(tmp_path, row.image, patterns)
    after = describe(source)
    assert after.fingerprint == before.fingerprint
    [remark] = [one for one in after.remarks if "passed over" in one]
    assert remark.startswith(f"{len(patterns)} leftovers of other tools passed over, such as ")


def test_leftovers_beside_images_and_masks_are_counted_each(tmp_path: Path) -> None:
    source = folders.folder(tmp_path)
    for name in ("images/01.png", "masks/01.png", "masks/02.png"):
        leave(tmp_path, name, ("._{name}",))
    assert any(one.startswith("3 leftovers") for one in describe(source).remarks)


@pytest.mark.parametrize(
    ("ending", "kind"), [(".gif", "mask"), (".bmp", "mask"), (".webp", "image")]
)
def test_other_endings_are_read(tmp_path: Path, ending: str, kind: str) -> None:
    source = folders.folder(tmp_path)
    path = tmp_path / f"{kind}s/03.png"
    with Image.open(path) as picture:
        picture.save(path.with_suffix(ending), lossless=True)
    path.unlink()
    assert describe(source).images["train"] == 6


@pytest.mark.parametrize("ending", [".jp2", ".mat", ".pgm"])
def test_a_file_of_an_ending_that_is_not_read_is_told(tmp_path: Path, ending: str) -> None:
    source = folders.folder(tmp_path)
    path = tmp_path / "masks/03.png"
    path.rename(path.with_suffix(ending))
    with pytest.raises(DatasetError, match=rf"has no mask.* but 03\{ending} lies there, and files"):
        open_dataset(source)
    names = [f"{index:02d}" for index in range(10) if index != 3]
    (tmp_path / "train.txt").write_text("\n".join(names))
    remarks = describe(source).remarks
    assert any(one.startswith("1 file with other endings not read") for one in remarks)


@pytest.mark.parametrize("layout", ["coco", "coco-panoptic", "voc", "ade20k"])
def test_images_may_be_png_where_the_published_ones_are_jpeg(layout: str, tmp_path: Path) -> None:
    row = rows.ROWS[layout]
    written = row.write(tmp_path)
    for path in list((tmp_path / row.image).parent.glob("*.jpg")):
        with Image.open(path) as picture:
            picture.save(path.with_suffix(".png"))
        path.unlink()
    for listed in (tmp_path / "annotations").glob("*.json"):
        listed.write_text(listed.read_text().replace('.jpg"', '.png"'))
    masks = open_dataset(written.source).read("train").masks
    for mask, wanted in zip(masks, written.truth["train"].values(), strict=True):
        np.testing.assert_array_equal(mask, wanted)


@pytest.mark.parametrize("layout", [layout for layout in IN_FILES if layout != "nyu-mat"])
@pytest.mark.parametrize("folder", [False, True])
def test_links_below_an_allowed_folder_are_followed_and_told(
    layout: str, folder: bool, tmp_path: Path
) -> None:
    row = rows.ROWS[layout]
    written = row.write(tmp_path / "data")
    path = tmp_path / "data" / row.image
    moved = path.parent if folder and path.parent != tmp_path / "data" else path
    store = tmp_path / "store" / moved.name
    store.parent.mkdir()
    shutil.move(moved, store)
    moved.symlink_to(store)
    links = Registered(links=(str(tmp_path / "store"),))
    allowed = written.source.model_copy(update={"registered": links})
    report = describe(allowed)
    assert report.images == {split: len(some) for split, some in written.truth.items()}
    assert any("outside of the folder followed" in remark for remark in report.remarks)
    with pytest.raises(DatasetError, match="outside"):
        describe(written.source)


def test_links_inside_of_the_folder_need_no_leave(tmp_path: Path) -> None:
    source = folders.segnet(tmp_path)
    (tmp_path / "all").mkdir()
    for path in sorted((tmp_path / "train").iterdir()):
        path.rename(tmp_path / "all" / path.name)
        path.symlink_to(tmp_path / "all" / path.name)
    assert describe(source).images["train"] == 5


def test_broken_links_and_circles_are_told_and_end(tmp_path: Path) -> None:
    source = folders.folder(tmp_path)
    (tmp_path / "images/again").symlink_to(tmp_path / "images")
    assert describe(source).images["train"] == 6
    (tmp_path / "images/99.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(DatasetError, match=r"99.png links to .*gone.png, which does not exist"):
        open_dataset(source)


def test_one_file_in_two_splits_by_a_link_is_a_leak(tmp_path: Path) -> None:
    source = folders.segnet(tmp_path)
    (tmp_path / "val/val-0.png").unlink()
    (tmp_path / "val/val-0.png").symlink_to(tmp_path / "train/train-2.png")
    with pytest.raises(DatasetError, match=r"val-0.png is in split 'val' and in split 'train'"):
        open_dataset(source)


@pytest.mark.parametrize("copies", [1, 2])
def test_the_same_pixels_in_two_splits_are_told(tmp_path: Path, copies: int) -> None:
    source = folders.segnet(tmp_path)
    for number in range(copies):
        with Image.open(tmp_path / f"train/train-{number}.png") as picture:
            picture.save(tmp_path / f"val/val-{number}.png", compress_level=1)
    report = describe(source)
    assert [one.exact for one in report.shared if one.split == "val"] == [copies]
    assert any(f"{copies} of the 2 images of the split 'val'" in one for one in report.remarks)
