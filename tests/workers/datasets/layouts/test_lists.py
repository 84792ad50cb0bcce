"""Lists of names as other tools write them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from surrogate_zoo.errors import DatasetError
from tests.workers.datasets import folders
from tests.workers.datasets.folders import save
from tests.workers.datasets.layouts import rows
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.reports.report import describe
from workers.tasks.datasets import FolderSource

NAMES = ["00", "01", "03"]

# How a list of these names may be written; all mean the same.
LISTS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda name: f"{name}\n".encode(),
    "CRLF": lambda name: f"{name}\r\n".encode(),
    "old Mac": lambda name: f"{name}\r".encode(),
    "endings": lambda name: f"{name}.png\n".encode(),
    "another ending": lambda name: f"{name}.JPG\n".encode(),
    "blanks and empty lines": lambda name: f"  {name} \t\n\n".encode(),
    "folder": lambda name: f"images/{name}.png\n".encode(),
    "dot": lambda name: f"./images/{name}\n".encode(),
    "absolute": lambda name: f"/home/anna/My Data/set/images/{name}.png\n".encode(),
    "Windows": lambda name: f"D:\\set\\images\\{name}.png\r\n".encode(),
    "up and down": lambda name: f"../set/images/{name}.png\n".encode(),
    "two columns": lambda name: f"images/{name}.png masks/{name}.png\n".encode(),
    "two columns, tab": lambda name: f"/a/images/{name}.png\t/a/masks/{name}.png\n".encode(),
    "two columns, comma": lambda name: f"images/{name}.png, masks/{name}.png\n".encode(),
    "two columns, semicolon": lambda name: f"{name}.png;{name}.png\n".encode(),
    "two columns, no endings": lambda name: f"images/{name} masks/{name}\n".encode(),
    "a class beside": lambda name: f"{name} -1\n".encode(),
}


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("form", LISTS)
def test_lists_are_read_however_they_are_written(tmp_path: Path, form: str, mark: bytes) -> None:
    source = folders.folder(tmp_path)
    content = b"".join(map(LISTS[form], NAMES))
    (tmp_path / "train.txt").write_bytes(mark + content)
    (tmp_path / "val.txt").write_bytes(LISTS[form]("05"))
    dataset = open_dataset(source)
    assert dataset.splits == {"train": tuple(NAMES), "val": ("05",)}
    np.testing.assert_array_equal(dataset.read("train").images[2], folders.pixels(3)[0])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_lists_of_a_windows_shell_are_read(tmp_path: Path, encoding: str) -> None:
    source = folders.folder(tmp_path)
    text = "" if encoding == "utf-16" else "\ufeff"
    (tmp_path / "train.txt").write_bytes((text + "00\r\n01\r\n").encode(encoding))
    assert open_dataset(source).splits == {"train": ("00", "01")}


def test_segnet_lists_with_two_path_columns(tmp_path: Path) -> None:
    source = folders.segnet(tmp_path)
    for split in ("train", "val"):
        names = (tmp_path / f"{split}.txt").read_text().split()
        lines = [
            f"/SegNet/CamVid/{split}/{name}.png /SegNet/CamVid/{split}annot/{name}.png"
            for name in names
        ]
        (tmp_path / f"{split}.txt").write_text("\n".join(lines))
    assert open_dataset(source).splits["val"] == ("val-0", "val-1")
    assert describe(source).images == {"train": 5, "val": 2, "test": 2}


def test_the_second_column_names_the_mask(tmp_path: Path) -> None:
    source = folders.folder(tmp_path)
    for index in range(10):
        (tmp_path / f"masks/{index:02d}.png").rename(tmp_path / f"masks/{index:02d}_label.png")
    lines = [f"images/{name}.png masks/{name}_label.png" for name in NAMES]
    (tmp_path / "train.txt").write_text("\n".join(lines))
    masks = open_dataset(source).read("train").masks
    np.testing.assert_array_equal(masks[2][1:], folders.pixels(3)[1][1:])
    (tmp_path / "train.txt").write_text("images/03.png masks/03_gt.png\n")
    with pytest.raises(DatasetError, match=r"'03' .* no mask file; .*masks/03_gt does not exist"):
        open_dataset(source).read("train")


def test_a_missing_image_of_two_columns_is_named_alone(tmp_path: Path) -> None:
    source = folders.folder(tmp_path)
    (tmp_path / "train.txt").write_text("images/00.png masks/00.png\nimages/77.png masks/77.png\n")
    with pytest.raises(DatasetError) as caught:
        open_dataset(source).read("train")
    assert "'images/77' of split 'train' has no image file" in str(caught.value)


def test_names_with_blanks_and_dots_are_whole(tmp_path: Path) -> None:
    for name in ("my image 1", "frame.0001", "a", "a copy"):
        image, mask = folders.pixels(1)
        save(tmp_path / f"images/{name}.png", image)
        save(tmp_path / f"masks/{name}.png", mask)
    (tmp_path / "train.txt").write_text("my image 1\nframe.0001\na copy.png\n")
    source = FolderSource(root=str(tmp_path), classes=folders.CLASSES, void_labels=(11,))
    assert open_dataset(source).splits["train"] == ("my image 1", "frame.0001", "a copy")


def test_the_longest_part_that_is_a_name_counts(tmp_path: Path) -> None:
    for name in ("1", "night/1"):
        image, mask = folders.pixels(len(name))
        save(tmp_path / f"images/{name}.png", image)
        save(tmp_path / f"masks/{name}.png", mask)
    (tmp_path / "train.txt").write_text("/x/images/night/1.png\n/x/images/1.png\n")
    source = FolderSource(root=str(tmp_path), classes=folders.CLASSES, void_labels=(11,))
    assert open_dataset(source).splits["train"] == ("night/1", "1")


def test_a_name_listed_twice_in_two_ways_is_told(tmp_path: Path) -> None:
    source = folders.folder(tmp_path)
    (tmp_path / "train.txt").write_text("00\nimages/00.png\n01\n")
    with pytest.raises(DatasetError, match=r"train.txt lists '00' 2 times; leave one"):
        open_dataset(source)


@pytest.mark.parametrize(("listed", "stored"), [("caf\u00e9", "cafe\u0301"), ("n\u0303", "\u00f1")])
def test_composed_and_decomposed_names_are_one(tmp_path: Path, listed: str, stored: str) -> None:
    image, mask = folders.pixels(1)
    save(tmp_path / f"images/{stored}.png", image)
    save(tmp_path / f"masks/{listed}.png", mask)
    (tmp_path / "train.txt").write_text(f"{listed}\n", encoding="utf-8")
    source = FolderSource(root=str(tmp_path), classes=folders.CLASSES, void_labels=(11,))
    np.testing.assert_array_equal(open_dataset(source).read("train").images[0], image)
    save(tmp_path / f"images/{listed}.png", image)
    with pytest.raises(DatasetError, match="share a name; keep one of them"):
        open_dataset(source)


@pytest.mark.parametrize("layout", [name for name, row in rows.ROWS.items() if row.lists])
def test_every_layout_with_lists_reads_marks_and_line_ends(layout: str, tmp_path: Path) -> None:
    row = rows.ROWS[layout]
    source = row.write(tmp_path).source
    before = describe(source)
    path = tmp_path / row.lists
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b".jpg\r\n"))
    assert describe(source).fingerprint == before.fingerprint
