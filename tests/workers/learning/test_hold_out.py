"""The cut of the hold-out set: whole groups, no neighbours in training, and a sentence that says so."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate_zoo.errors import DatasetError
from tests.workers.datasets import folders
from workers.datasets.dataset import Pixels, Samples
from workers.datasets.reports.near_duplicates import NEAR, distances, hash_of
from workers.learning.hold_out import Cut, cut_hold_out, draw, held_out
from workers.learning.streams import Stream, generator
from workers.tasks.datasets import ShapesSource
from workers.tasks.file_sources import FilesSource
from workers.tasks.hold_out import HoldOut

SOURCE = ShapesSource()
SIZE = 96


def strangers(count: int, seed: int = 0) -> list[Pixels]:
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 256, (count, 12, 12, 3), dtype=np.uint8)
    return [image.repeat(8, axis=0).repeat(8, axis=1) for image in blocks]


def video(count: int, step: int, seed: int = 0) -> list[Pixels]:
    """A camera that moves over a wall by ``step`` pixels an image."""
    wide = np.random.default_rng(seed).integers(0, 256, (4, 4 + count, 3), dtype=np.uint8)
    wall = wide.repeat(24, axis=0).repeat(24, axis=1)
    return [wall[:, step * index : step * index + SIZE] for index in range(count)]


def samples(images: list[Pixels], names: list[str] | None = None) -> Samples:
    named = names or [f"{index:03d}" for index in range(len(images))]
    return Samples(tuple(named), tuple(images), tuple(image[..., 0] for image in images))


def cut(
    content: list[Pixels] | int, seed: int = 0, names: list[str] | None = None, **spec: object
) -> Cut:
    images = strangers(content) if isinstance(content, int) else content
    return cut_hold_out(SOURCE, samples(images, names), HoldOut.model_validate(spec), seed)


def test_single_images_are_cut_as_ever() -> None:
    """The first of a random permutation: results of searches rest on it, bit for bit."""
    order = generator(3, Stream.HOLD_OUT).permutation(40)
    for groups in (None, "auto"):
        told = cut(40, 3, share=0.25, groups=groups)
        assert told.held == tuple(sorted(order[:10].tolist()))
        assert told.kept == tuple(sorted(order[10:].tolist()))
    assert cut(40, 4, groups=None).held != cut(40, 3, groups=None).held


def test_the_sentence_says_that_there_are_no_near_duplicates() -> None:
    told = "10 of 40 training images held out: single images, drawn at random"
    assert cut(40, share=0.25, groups=None).told == told
    assert cut(40, share=0.25).told == f"{told}: no two are near duplicates"


def test_a_number_of_images_instead_of_a_share() -> None:
    assert len(cut(40, images=7, groups=None).held) == 7
    with pytest.raises(DatasetError, match="40 training images are too few to hold out 40 images"):
        cut(40, images=40)
    with pytest.raises(DatasetError, match="1 training images are too few"):
        cut(1, share=0.5)


@pytest.mark.parametrize("seed", range(5))
def test_no_trained_image_is_near_a_held_one(seed: int) -> None:
    told = cut(strangers(20) * 3, seed)
    groups = np.arange(60) % 20
    assert not set(groups[list(told.held)]) & set(groups[list(told.kept)])
    assert (len(told.held), len(told.kept)) == (12, 48)
    assert told.told == "12 of 60 training images held out: 4 of 20 groups of near duplicates"


@pytest.mark.parametrize("seed", range(5))
def test_a_video_is_cut_into_blocks_with_gaps(seed: int) -> None:
    """All of it is one chain: near duplicates of held-out images are dropped from both sides."""
    images = video(120, step=1)
    told = cut(images, seed)
    hashes = np.stack([hash_of(image) for image in images])
    kept, held = list(told.kept), list(told.held)
    assert distances(hashes[held], hashes[kept]).min() > NEAR
    assert np.abs(np.subtract.outer(kept, held)).min() > 1
    assert 0 < 120 - len(kept) - len(held) < 60
    assert "cut into blocks" in told.told
    assert f"{120 - len(kept) - len(held)} neighbours of them left out of both" in told.told


def test_one_image_over_and_over_cannot_be_cut() -> None:
    with pytest.raises(DatasetError, match=r'left out as neighbours of them.*"blocks": 8'):
        cut(strangers(1) * 30)


def test_flat_images_are_near_to_none() -> None:
    flat = [np.full((SIZE, SIZE, 3), 7, dtype=np.uint8)] * 20
    assert "no two are near duplicates" in cut(flat).told


@pytest.mark.parametrize("gap", [0, 2])
def test_blocks_with_a_gap(gap: int) -> None:
    told = cut(80, groups={"blocks": 8, "gap": gap})
    assert len(told.held) == 20
    assert {index // 10 for index in told.held} == {min(told.held) // 10, max(told.held) // 10}
    assert np.abs(np.subtract.outer(told.kept, told.held)).min() == gap + 1
    assert told.told.startswith("20 of 80 training images held out: 2 of 8 contiguous blocks")


def test_more_blocks_than_images() -> None:
    with pytest.raises(DatasetError, match="5 training images are too few for 8 blocks"):
        cut(5, groups={"blocks": 8})


def test_groups_by_a_pattern() -> None:
    names = [f"seq{index // 5}_{index:03d}" for index in range(25)]
    for pattern in (r"^(\w+?)_", r"seq\d"):
        told = cut(25, names=names, groups=pattern)
        assert {names[index][:4] for index in told.held}.isdisjoint(
            names[index][:4] for index in told.kept
        )
        assert len(told.held) == 5
        assert f"1 of 5 groups by {pattern!r}" in told.told


def test_a_name_without_a_group_is_shown() -> None:
    with pytest.raises(DatasetError, match="finds no group in the name 'odd'"):
        cut(3, names=["a_1", "b_1", "odd"], groups="(.)_")
    with pytest.raises(DatasetError, match="more than the 128 characters"):
        cut(2, names=["a_1", "b" * 129], groups="(.)")


def test_one_group_alone_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"All 6 training images are one group.*blocks"):
        cut(6, groups="0")


def by_file(root: Path, content: bytes, file: str = "groups.csv") -> Cut:
    (root / "groups.csv").write_bytes(content)
    spec = HoldOut.model_validate({"share": 0.3, "groups": {"file": file}})
    names = ["a", "b", "c", "d"]
    return cut_hold_out(FilesSource(root=str(root)), samples(strangers(4), names), spec, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content",
    [
        b"a,1\nb,1\nc,2\nd,3\n",
        b"\xef\xbb\xbfname,group\r\na.png,1\r\nb.PNG,1\r\n\r\nc, 2\r\nd,3\r\nother,4\r\n",
    ],
)
def test_groups_by_a_file(tmp_path: Path, content: bytes) -> None:
    told = by_file(tmp_path, content)
    assert told.held in ((2,), (3,))
    assert told.told == "1 of 4 training images held out: 1 of 3 groups by groups.csv"


@pytest.mark.parametrize(
    ("content", "file", "why"),
    [
        (b"a,1\nb,1\n", "groups.csv", "(?s)2 problems.*no group for 'c'.*no group for 'd'"),
        (b"a,1\na,2\n", "groups.csv", "'a' in two groups, '1' and '2'"),
        (b"a,1,2\n", "groups.csv", "'a,1,2'; it wants a name and a group"),
        (b"\xff", "groups.csv", "cannot be read as a file of names and groups"),
        (b"", "none.csv", "does not exist"),
        (b"", "../groups.csv", "lies outside the dataset's folder"),
        (b"", "/etc/passwd", "lies outside the dataset's folder"),
    ],
)
def test_a_file_that_names_no_groups(tmp_path: Path, content: bytes, file: str, why: str) -> None:
    with pytest.raises(DatasetError, match=why):
        by_file(tmp_path, content, file)


def test_a_generated_dataset_has_no_file() -> None:
    with pytest.raises(DatasetError, match="has no folder"):
        cut(4, groups={"file": "groups.csv"})


def test_the_validation_split_is_scored_and_all_of_train_trained_on(tmp_path: Path) -> None:
    source = folders.segnet(tmp_path, {"train": 5, "val": 2})
    images = samples(strangers(5))
    told = cut_hold_out(source, images, HoldOut(split="val"), 0)
    assert told == Cut(
        (0, 1, 2, 3, 4),
        (0, 1),
        "all 5 training images trained on, 2 of the split val scored",
        "val",
    )
    assert held_out(source, images, told).names == ("val-0", "val-1")
    assert held_out(source, images, cut(5, share=0.4)) is images
    with pytest.raises(DatasetError, match="no split 'val'"):
        cut_hold_out(
            folders.segnet(tmp_path / "other", {"train": 5}), images, HoldOut(split="val"), 0
        )


@given(
    sizes=st.lists(st.integers(1, 30), min_size=2, max_size=20),
    share=st.floats(0.05, 0.8),
    seed=st.integers(0, 99),
)
def test_whole_groups_are_drawn_near_to_what_is_wanted(
    sizes: list[int], share: float, seed: int
) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    wanted = max(1, round(share * len(groups)))
    held = draw(groups, wanted, seed)
    drawn = set(groups[held].tolist())
    assert 0 < len(drawn) < len(sizes)
    assert sum(sizes[group] for group in drawn) == len(held)
    assert len(held) <= max(1.5 * wanted, min(sizes))
