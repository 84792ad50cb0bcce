"""Datasets are registered with a report and a picture; folders outside of the roots are refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from search_service.catalogue import datasets
from search_service.catalogue.request import DatasetRequest
from search_service.settings import Settings
from search_service.store import artifacts
from search_service.store.database import sessions
from surrogate_zoo.errors import (
    ConflictError,
    DatasetError,
    InputError,
    NotFoundError,
    UnknownNameError,
)
from workers.datasets.layouts.registry import open_dataset
from workers.tasks.datasets import GeneratedSource
from workers.tasks.hold_out import HoldOut


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with sessions(engine)() as session:
        yield session


def folder(root: Path, images: int = 8) -> Path:
    """A folder of images and masks of two classes."""
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    numbers = np.random.default_rng(0)
    for index in range(images):
        Image.fromarray(numbers.integers(0, 255, (32, 32, 3), np.uint8)).save(
            root / f"images/{index}.png"
        )
        Image.fromarray(numbers.integers(0, 2, (32, 32), np.uint8)).save(
            root / f"masks/{index}.png"
        )
    return root


def request(root: Path, name: str = "mine", **fields: Any) -> DatasetRequest:
    source = {"layout": "folder", "root": str(root), "classes": ["ground", "thing"]} | fields
    return DatasetRequest.model_validate({"name": name, "source": source})


def allowing(settings: Settings, *roots: Path) -> Settings:
    return settings.model_copy(update={"dataset_roots": roots})


def test_a_folder_is_registered_with_what_was_found(
    session: Session, settings: Settings, tmp_path: Path
) -> None:
    root = folder(tmp_path / "data/mine")
    dataset = datasets.register(session, allowing(settings, tmp_path / "data"), request(root))
    assert sum(dataset.report["images"].values()) == 8
    assert dataset.report["classes"] == ["ground", "thing"]
    assert datasets.get(session, "mine") is dataset
    assert [d.name for d in datasets.page(session)[0]] == ["mine", "shapes"]


def test_registering_again_gives_the_same_and_other_content_is_refused(
    session: Session, settings: Settings, tmp_path: Path
) -> None:
    allowed = allowing(settings, tmp_path)
    root = folder(tmp_path / "data")
    first = datasets.register(session, allowed, request(root))
    assert datasets.register(session, allowed, request(root)) is first
    with pytest.raises(ConflictError):
        datasets.register(session, allowed, request(root, ratio=(0.5, 0.25, 0.25)))
    Image.new("L", (32, 32)).save(root / "masks/0.png")
    with pytest.raises(ConflictError):
        datasets.register(session, allowed, request(root))


def test_a_picture_of_the_samples_is_kept_by_its_digest(
    session: Session, settings: Settings, tmp_path: Path
) -> None:
    datasets.register(session, allowing(settings, tmp_path), request(folder(tmp_path / "data")))
    kept = artifacts.open_artifact(settings.artifacts_root, datasets.picture(session, "mine"))
    with Image.open(kept) as picture:
        assert picture.format == "PNG"
        assert picture.width > 1000
    with pytest.raises(NotFoundError, match="'shapes' has no picture"):
        datasets.picture(session, "shapes")


def test_a_source_of_an_earlier_version_is_the_same_without_its_newer_fields(
    session: Session, settings: Settings, tmp_path: Path
) -> None:
    asked = request(folder(tmp_path / "data"))
    first = datasets.register(session, allowing(settings, tmp_path), asked)
    first.source = {name: one for name, one in first.source.items() if name != "colours"}
    session.flush()
    assert datasets.register(session, allowing(settings, tmp_path), asked) is first


def test_only_folders_below_the_roots_are_read(
    session: Session, settings: Settings, tmp_path: Path
) -> None:
    outside, inside = folder(tmp_path / "outside"), tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(outside)
    allowed = allowing(settings, inside)
    for root in (
        outside,
        inside / "link",
        inside / ".." / "outside",
        Path("/etc"),
        inside / "a\0b",
    ):
        with pytest.raises(InputError, match=r"LOSSFIT_DATASET_ROOTS|NUL"):
            datasets.register(session, allowed, request(root))
    with pytest.raises(InputError, match="none"):
        datasets.register(session, settings, request(outside))


def test_what_is_wrong_with_a_folder_is_told(
    session: Session, settings: Settings, tmp_path: Path
) -> None:
    root = folder(tmp_path / "data")
    (root / "masks/3.png").unlink()
    with pytest.raises(DatasetError, match="3"):
        datasets.register(session, allowing(settings, tmp_path), request(root))
    with pytest.raises(NotFoundError):
        datasets.get(session, "mine")


def test_an_unknown_dataset_is_told_with_those_there_are(session: Session) -> None:
    with pytest.raises(UnknownNameError, match="shapes"):
        datasets.requested(session, "shape")


def test_pages_follow_each_other_by_name(session: Session, settings: Settings) -> None:
    small = {"layout": "shapes", "height": 32, "width": 32, "train": 8, "val": 1, "test": 1}
    for name in ("c", "a", "b"):
        datasets.register(
            session, settings, DatasetRequest.model_validate({"name": name, "source": small})
        )
    first, cursor = datasets.page(session, limit=3)
    rest, end = datasets.page(session, after=cursor, limit=3)
    assert [d.name for d in first + rest] == ["a", "b", "c", "shapes"]
    assert end is None


def test_all_faults_are_told_at_once(session: Session, settings: Settings, tmp_path: Path) -> None:
    root = folder(tmp_path / "data")
    for index in range(3):
        (root / f"masks/{index}.png").write_text("hello")
    (root / "images/7.png").unlink()
    with pytest.raises(DatasetError, match=r"^4 problems") as caught:
        datasets.register(session, allowing(settings, tmp_path), request(root))
    assert len(caught.value.faults) == 4


def test_a_caller_cannot_say_where_links_may_lead(
    session: Session, settings: Settings, tmp_path: Path
) -> None:
    root = folder(tmp_path / "data")
    (root / "images/7.png").rename(tmp_path / "secret.png")
    (root / "images/7.png").symlink_to(tmp_path / "secret.png")
    asked = request(root, registered={"links": ["/"]})
    with pytest.raises(DatasetError, match="links to a file outside the folders"):
        datasets.register(session, allowing(settings, root), asked)
    dataset = datasets.register(session, allowing(settings, tmp_path), asked)
    assert any("1 link to files outside" in remark for remark in dataset.report["remarks"])


def test_workers_are_told_files_and_statistics(
    session: Session, settings: Settings, tmp_path: Path
) -> None:
    root = folder(tmp_path / "data")
    for index in range(8):
        (root / f"images/{index}.png").unlink()
        pixels = np.random.default_rng(index).normal(index, 1, (32, 32, 4)).astype(np.float32)
        np.save(root / f"images/{index}.npy", pixels)
    dataset = datasets.register(session, allowing(settings, tmp_path), request(root, bands=4))
    session.flush()
    source = datasets.source_of(dataset)
    assert not isinstance(source, GeneratedSource)
    assert source.registered is not None
    assert source.registered.depth == "float32"
    assert list(source.registered.mean or ()) == dataset.report["bands"]["mean"]
    assert set(source.registered.splits) == {"train", "val", "test"}
    open_dataset(source).read("train")


@pytest.mark.parametrize("what", ["images", "masks"])
def test_files_that_have_changed_are_refused_when_they_are_read(
    session: Session, settings: Settings, tmp_path: Path, what: str
) -> None:
    root = folder(tmp_path / "data")
    allowed = allowing(settings, tmp_path)
    source = datasets.source_of(datasets.register(session, allowed, request(root)))
    dataset = open_dataset(source)
    name = dataset.splits["train"][0]
    path = root / what / f"{name}.png"
    content = path.read_bytes()
    path.write_bytes(content)  # another time, the same bytes
    dataset.read("train")
    Image.new("RGB" if what == "images" else "L", (32, 32)).save(path)
    with pytest.raises(DatasetError, match=rf"'train' have changed since .*{what}/{name}.png"):
        open_dataset(source).read("train")
    open_dataset(source).read("val")
    path.write_bytes(content)
    open_dataset(source).read("train")
    again = datasets.register(session, allowed, request(root))
    assert datasets.source_of(again) != source


def test_nothing_is_scored_on_one_class_or_on_training_images(
    session: Session, settings: Settings, tmp_path: Path
) -> None:
    root = folder(tmp_path / "data")
    (root / "train.txt").write_text("0\n1\n2\n3\n")
    (root / "val.txt").write_text("4\n5\n")
    (root / "test.txt").write_text("6\n")
    for index in (4, 5):
        Image.new("L", (32, 32)).save(root / f"masks/{index}.png")
    Image.open(root / "images/2.png").save(root / "images/6.png", compress_level=0)
    datasets.register(session, allowing(settings, tmp_path), request(root))
    with pytest.raises(InputError, match=r"'val' of dataset mine holds ground alone"):
        datasets.check_split(session, "mine", "val")
    datasets.check_split(session, "mine", "test")
    with pytest.raises(InputError, match=r"1 images of the split 'test' .* such as 6 and 2"):
        datasets.check_hold_out(session, "mine", HoldOut.model_construct(split="test"))
