"""``lossfit datasets check``: every fault of a folder in one pass, as registering tells them too."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import DEADLINE
from tests.workers.datasets import folders
from tests.workers.datasets.folders import save
from workers.datasets.checking import check_source
from workers.datasets.reports.report import examine
from workers.tasks.datasets import FolderSource


def deep(path: Path) -> None:
    save(path, np.zeros((12, 16), np.uint16))


def turned(path: Path) -> None:
    tags = Image.Exif()
    tags[0x0112] = 6
    Image.open(path).save(path, exif=tags)


def pages(path: Path) -> None:
    other = Image.new("L", (16, 12))
    Image.new("L", (16, 12)).save(path, format="TIFF", save_all=True, append_images=[other])


def tagless(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:70])


# File to spoil, how, and what has to be said of it.
FAULTS: list[tuple[str, Callable[[Path], object], str]] = [
    ("images/00.png", lambda path: path.unlink(), "'00' of split 'train' has no image file"),
    ("masks/01.png", lambda path: path.unlink(), "'01' of split 'train' has no mask file"),
    ("images/02.png", lambda path: path.write_text("hello"), "02.png cannot be read as an image"),
    ("masks/03.png", tagless, "masks/03.png cannot be read as an image"),
    ("masks/04.png", lambda path: save(path, np.full((12, 16), 9, np.uint8)), "out of range: 9"),
    ("masks/05.png", lambda path: save(path, np.zeros((13, 16), np.uint8)), "05.png is 16x13"),
    ("images/06.png", deep, "06.png has mode I;16"),
    ("images/07.png", turned, "has the EXIF orientation 6"),
    ("masks/08.png", pages, "08.png has 2 pages"),
    ("masks/09.png", lambda path: save(path, np.zeros((12, 16, 3), np.uint8)), "has mode RGB"),
    ("images/10.png", lambda path: path.symlink_to("gone.png"), "10.png links to"),
    ("val.txt", lambda path: path.write_text("11\n11\n"), "val.txt lists '11' 2 times"),
]


@pytest.fixture
def spoiled(tmp_path: Path) -> FolderSource:
    """A folder with all of :data:`FAULTS`, and two images without any."""
    source = folders.folder(tmp_path, 13)
    (tmp_path / "train.txt").write_text("".join(f"{index:02d}\n" for index in (*range(10), 12)))
    (tmp_path / "images/10.png").unlink()
    (tmp_path / "masks/10.png").unlink()
    for name, spoil, _ in FAULTS:
        spoil(tmp_path / name)
    return source


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "api.cli", "datasets", "check", *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def test_all_faults_are_told_in_one_pass(spoiled: FolderSource) -> None:
    report, faults = examine(spoiled)[:2]
    assert report is None
    assert len(faults) == len(FAULTS)
    for name, _, told in FAULTS:
        assert [fault for fault in faults if told in fault], name


def test_the_command_names_every_fault_and_fails(spoiled: FolderSource) -> None:
    ended = command(
        spoiled.root, "--classes", ",".join(spoiled.classes), "--set", "void_labels=[11]"
    )
    assert ended.returncode == 1
    for name, _, told in FAULTS:
        assert told in ended.stderr, name
    assert f"{len(FAULTS)} faults in {spoiled.root}" in ended.stderr


def test_the_command_reports_what_is_sound(tmp_path: Path) -> None:
    folders.segnet(tmp_path)
    ended = command(
        *(str(tmp_path), "--layout", "segnet", "--classes", ",".join(folders.CLASSES)),
        *("--set", "void_labels=[11]", "--json"),
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["images"] == {"train": 5, "val": 2, "test": 2}


@pytest.mark.parametrize("given", [0, 255])
def test_masks_of_0_and_255_are_told_with_the_mapping(tmp_path: Path, given: int) -> None:
    folders.folder(tmp_path)
    for path in sorted((tmp_path / "masks").iterdir()):
        save(path, np.resize(np.array([0, 255, given], np.uint8), (12, 16)))
    fields = {"layout": "folder", "root": str(tmp_path), "classes": ["ground", "cell"]}
    assert 'labels={"255": 1}' in check_source(fields)[1][0]
    report, faults = check_source(fields | {"labels": {"255": 1}})
    assert report is not None, faults


def test_what_is_missing_as_a_whole_is_told_once(tmp_path: Path) -> None:
    source = folders.segnet(tmp_path)
    for path in (tmp_path / "valannot").iterdir():
        path.unlink()
    (tmp_path / "valannot").rmdir()
    (tmp_path / "test.txt").write_text("")
    faults = examine(source).faults
    assert faults == (
        f"The folder {tmp_path / 'valannot'} does not exist.",
        f"{tmp_path / 'test.txt'} lists no names: the split is empty.",
    )


def test_both_files_of_a_sample_may_be_wrong(tmp_path: Path) -> None:
    source = folders.segnet(tmp_path)
    for name in ("train/train-1.png", "trainannot/train-1.png"):
        (tmp_path / name).write_text("hello")
    assert len(examine(source).faults) == 2


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"layout": "folder", "classes": ["a", "a"]},
            "classes: 'a' is the name of the labels 0 and 1",
        ),
        ({"layout": "folder", "classes": ["a", "b"], "bands": 0}, "bands: Input should be"),
        ({"layout": "pascal"}, "pascal"),
        (
            {"layout": "cvppp", "root": "/nowhere/at/all"},
            "The folder /nowhere/at/all does not exist.",
        ),
    ],
)
def test_what_cannot_be_asked_for_is_told_by_field(fields: dict[str, object], told: str) -> None:
    report, faults = check_source({"root": "/data"} | fields)
    assert report is None
    assert any(told in fault for fault in faults)
