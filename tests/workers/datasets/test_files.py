"""What is wrong with files on disk is said once, with the file's name and a remedy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from surrogate_zoo.errors import DatasetError
from tests.workers.datasets import folders
from tests.workers.datasets.layouts import rows
from workers.datasets.dataset import VOID
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.reports.report import describe
from workers.tasks.datasets import SegNetSource

MASK = "trainannot/train-1.png"
IMAGE = "train/train-1.png"


def grey(value: int, mode: str = "L", size: tuple[int, int] = (16, 12)) -> Image.Image:
    return Image.fromarray(np.full(size[::-1], value, dtype=np.uint8)).convert(mode)


def unlink(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).unlink()


def truncate(name: str) -> Callable[[Path], int]:
    return lambda root: (root / name).write_bytes((root / name).read_bytes()[:60])


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no image": (unlink(IMAGE), r"'train-1' of split 'train' has no image file"),
    "no mask": (unlink(MASK), r"'train-1' of split 'train' has no mask file"),
    "cut image": (truncate(IMAGE), r"train/train-1.png cannot be read as an image"),
    "cut mask": (truncate(MASK), r"trainannot/train-1.png cannot be read as an image"),
    "text for an image": (
        lambda root: (root / IMAGE).write_text("hello"),
        r"train/train-1.png cannot be read as an image",
    ),
    "other size": (
        lambda root: grey(0, size=(8, 8)).save(root / MASK),
        r"train-1.png is 8x8 pixels but its image .*train-1.png is 16x12",
    ),
    "label out of range": (
        lambda root: grey(7).save(root / MASK),
        r"train-1.png holds labels out of range: 7. Labels of this dataset are 0..2, 11\.",
    ),
    "colour mask": (
        lambda root: grey(0, "RGB").save(root / MASK),
        r"train-1.png has mode RGB; a mask must have one label a pixel",
    ),
    "16-bit image": (
        lambda root: Image.fromarray(np.zeros((12, 16), dtype=np.uint16)).save(root / IMAGE),
        r"train-1.png has mode I;16, and images must have 8 bits a channel: set bands=1",
    ),
    "empty split": (lambda root: (root / "val.txt").write_text("\n"), r"val.txt lists no names"),
    "binary names": (
        lambda root: (root / "val.txt").write_bytes(b"\xff\xfe\x00"),
        r"val.txt cannot be read as a list of names",
    ),
    "name twice": (
        lambda root: (root / "val.txt").write_text("val-0\nval-0\n"),
        r"val.txt lists 'val-0' 2 times",
    ),
    "no train.txt": (unlink("train.txt"), r"train.txt does not exist"),
    "no folder": (lambda root: (root / "val").rename(root / "other"), r"val does not exist"),
    "two suffixes": (
        lambda root: grey(0, "RGB").save(root / "train/train-1.jpg"),
        r"train-1.png and .*train-1.jpg share a name",
    ),
    "name outside": (
        lambda root: (root / "val.txt").write_text("../train/train-0\n"),
        r"'../train/train-0' of split 'val' has no image file",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_report_names_the_file(case: str, tmp_path: Path) -> None:
    source = folders.segnet(tmp_path)
    describe(source)
    spoil, message = BROKEN[case]
    spoil(tmp_path)
    with pytest.raises(DatasetError, match=message):
        describe(source)


def test_at_most_ten_offenders_are_listed_with_their_number(tmp_path: Path) -> None:
    source = folders.segnet(tmp_path, {"train": 30})
    for index in range(23):
        grey(9).save(tmp_path / "trainannot" / f"train-{index}.png")
    with pytest.raises(DatasetError, match=r"^23 problems") as caught:
        describe(source)
    assert str(caught.value).count("\n- ") == 10


def test_a_broken_val_split_does_not_concern_train(tmp_path: Path) -> None:
    source = folders.segnet(tmp_path)
    (tmp_path / "val/val-0.png").write_bytes(b"")
    assert len(open_dataset(source).read("train")) == 5


def test_links_out_of_the_dataset_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    grey(0, "RGB").save(secret)
    source = folders.segnet(tmp_path / "data")
    (tmp_path / "data/train/train-9.png").symlink_to(secret)
    with pytest.raises(DatasetError, match="links to a file outside"):
        open_dataset(source)


def test_folders_out_of_the_dataset_are_refused(tmp_path: Path) -> None:
    source = folders.folder(tmp_path / "data")
    grey(0, "RGB").save(tmp_path / "x.png")
    for outside in ("..", "../data/../..", str(tmp_path)):
        with pytest.raises(DatasetError, match="lies outside the dataset's folder"):
            open_dataset(source.model_copy(update={"images": outside}))


def test_void_labels_win_and_masks_keep_the_rest(tmp_path: Path) -> None:
    source = folders.segnet(tmp_path)
    _, stored = folders.pixels(0)
    mask = open_dataset(source).read("train", [0]).masks[0]
    np.testing.assert_array_equal(mask, np.where(stored == folders.VOID_LABEL, VOID, stored))
    also = source.model_copy(update={"void_labels": (folders.VOID_LABEL, 1)})
    mask = open_dataset(also).read("train", [0]).masks[0]
    np.testing.assert_array_equal(mask, np.where(np.isin(stored, (11, 1)), VOID, stored))


def test_indices_of_palette_masks_are_labels(tmp_path: Path) -> None:
    source = folders.segnet(tmp_path)
    before = open_dataset(source).read("train", [0]).masks[0]
    path = tmp_path / "trainannot/train-0.png"
    rows.save_palette(path, np.asarray(Image.open(path)))
    assert path.read_bytes()[25] == 3  # PNG's colour type: palette
    np.testing.assert_array_equal(open_dataset(source).read("train", [0]).masks[0], before)


def test_masks_in_colours_are_read_where_each_colour_has_a_label(tmp_path: Path) -> None:
    source = folders.segnet(tmp_path)
    before = open_dataset(source).read("train", [0]).masks[0]
    table = np.zeros((256, 3), dtype=np.uint8)
    table[[0, 1, 2, folders.VOID_LABEL]] = [(128, 64, 128), (107, 142, 35), (0, 0, 142), (9, 9, 9)]
    for path in tmp_path.glob("*annot/*.png"):
        folders.save(path, table[np.asarray(Image.open(path))])
    colours = {"#804080": 0, "#6b8e23": 1, "#00008E": 2, "#090909": folders.VOID_LABEL}
    coloured = source.model_copy(update={"colours": colours})
    np.testing.assert_array_equal(open_dataset(coloured).read("train", [0]).masks[0], before)
    assert (
        describe(coloured).fingerprint
        != describe(coloured.model_copy(update={"colours": colours | {"#123456": 1}})).fingerprint
    )
    few = source.model_copy(update={"colours": {"#804080": 0, "#6b8e23": 1}})
    with pytest.raises(
        DatasetError, match=r"train-0.png has colours .* no label: #00008e, #090909"
    ):
        describe(few)


def test_resizing_keeps_labels(tmp_path: Path) -> None:
    source = folders.segnet(tmp_path).model_copy(update={"size": (24, 32)})
    samples = open_dataset(source).read("train")
    _, stored = folders.pixels(0)
    assert samples.images[0].shape == (24, 32, 3)
    assert set(np.unique(samples.masks[0])) <= {0, 1, 2, VOID}
    np.testing.assert_array_equal(samples.masks[0][2::2, ::2], stored[1:])


def test_fingerprint_follows_bytes_and_not_the_place(tmp_path: Path) -> None:
    first = describe(folders.segnet(tmp_path / "a")).fingerprint
    assert describe(folders.segnet(tmp_path / "b")).fingerprint == first
    image, _ = folders.pixels(0)
    image[3, 3, 1] ^= 1
    folders.save(tmp_path / "b/train/train-0.png", image)
    changed = folders.segnet(tmp_path / "c").model_copy(update={"size": (12, 16)})
    source = SegNetSource(root=str(tmp_path / "b"), classes=folders.CLASSES, void_labels=(11,))
    assert len({first, describe(source).fingerprint, describe(changed).fingerprint}) == 3


class TestFolder:
    def test_ratio_cuts_all_names_once_and_by_seed(self, tmp_path: Path) -> None:
        source = folders.folder(tmp_path, 20)
        splits = open_dataset(source).splits
        assert {split: len(names) for split, names in splits.items()} == {
            "train": 12,
            "val": 4,
            "test": 4,
        }
        assert len({name for names in splits.values() for name in names}) == 20
        reseeded = source.model_copy(update={"seed": 1})
        assert open_dataset(reseeded).splits != splits

    def test_split_files_win_over_the_ratio(self, tmp_path: Path) -> None:
        source = folders.folder(tmp_path)
        (tmp_path / "train.txt").write_text("00.png\n01\n")
        (tmp_path / "val.txt").write_text("05\n")
        assert open_dataset(source).splits == {"train": ("00", "01"), "val": ("05",)}

    def test_one_image_in_two_splits_is_a_leak(self, tmp_path: Path) -> None:
        source = folders.folder(tmp_path)
        (tmp_path / "train.txt").write_text("00\n01\n")
        (tmp_path / "val.txt").write_text("01\n")
        with pytest.raises(DatasetError, match=r"01\.png is in split 'val' and in split 'train'"):
            open_dataset(source)

    def test_a_share_of_zero_gives_no_split(self, tmp_path: Path) -> None:
        source = folders.folder(tmp_path).model_copy(update={"ratio": (0.5, 0.5, 0.0)})
        assert list(open_dataset(source).splits) == ["train", "val"]

    def test_too_few_images_for_the_ratio(self, tmp_path: Path) -> None:
        source = folders.folder(tmp_path, 2)
        with pytest.raises(DatasetError, match="split 'test' is empty: 2 images are too few"):
            open_dataset(source)

    @pytest.mark.parametrize("gone", ["images", "masks"])
    def test_every_file_needs_a_partner(self, tmp_path: Path, gone: str) -> None:
        source = folders.folder(tmp_path)
        (tmp_path / gone / "03.png").unlink()
        with pytest.raises(DatasetError, match=rf"03.png has no {gone[:-1]}"):
            open_dataset(source)


def test_camvid(real_datasets: Path) -> None:
    classes = tuple(
        "sky building pole road pavement tree sign fence car pedestrian cyclist".split()  # noqa: SIM905
    )
    source = SegNetSource(root=str(real_datasets / "camvid"), classes=classes, void_labels=(11,))
    report = describe(source)
    assert report.images == {"train": 367, "val": 101}
    assert report.sizes == ((360, 480, 468),)
    assert report.class_shares["road"] > 0.2
