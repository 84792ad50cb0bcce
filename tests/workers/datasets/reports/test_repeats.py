"""What a report tells of images that occur twice, and where the picture shows them."""

from pathlib import Path

import numpy as np

from tests.workers.datasets import folders
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.reports.picture import BOX, GAP, LINE, draw_samples
from workers.datasets.reports.repeats import Repeated
from workers.datasets.reports.report import DatasetReport, describe
from workers.tasks.datasets import SegNetSource


def with_repeats(root: Path) -> SegNetSource:
    """12 training images, of which two are nearly the same; val has one of them and one like it."""
    source = folders.segnet(root, {"train": 12, "val": 4})
    image, _ = folders.pixels(3)
    brighter = np.clip(image.astype(int) + 3, 0, 255).astype(np.uint8)
    folders.save(root / "train" / "train-9.png", brighter)
    folders.save(root / "val" / "val-1.png", image)
    folders.save(root / "val" / "val-2.png", np.clip(image, 5, 250))
    return source


def test_near_duplicates_and_what_splits_share_are_told(tmp_path: Path) -> None:
    report = describe(with_repeats(tmp_path))
    assert report.repeated == Repeated(groups=1, images=2, largest=("train-3", "train-9"))
    [val] = report.shared
    assert (val.split, val.exact, val.near) == ("val", 1, 1)
    assert val.pairs[0] == ("train-3", "val-1")
    assert val.pairs[1][1] == "val-2"
    within, exact, near = report.remarks
    assert within.startswith(
        "2 of the 12 training images are near duplicates of others, in 1 group"
    )
    assert "1 of the 4 images of the split 'val' have the same pixels" in exact
    assert "near duplicates of training images, such as val-2" in near


def test_a_dataset_without_them_has_no_remark(tmp_path: Path) -> None:
    report = describe(folders.segnet(tmp_path))
    assert (report.repeated, report.remarks) == (Repeated(), ())
    assert [(other.exact, other.near, other.pairs) for other in report.shared] == [(0, 0, ())] * 2


def test_a_report_from_before_is_read(tmp_path: Path) -> None:
    report = describe(folders.segnet(tmp_path))
    old = report.model_dump(mode="json", exclude={"repeated", "shared"})
    assert DatasetReport.model_validate(old).repeated is None


def test_the_picture_shows_those_that_are_alike(tmp_path: Path) -> None:
    dataset = open_dataset(with_repeats(tmp_path))
    without = draw_samples(dataset)
    picture = draw_samples(dataset, neighbours=("train-3", "train-9"))
    assert picture.height - without.height == LINE + BOX[1] + GAP
