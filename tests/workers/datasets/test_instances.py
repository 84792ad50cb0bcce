"""Masks of instances become classes: inside, and the border between two that touch."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogate_zoo.errors import DatasetError
from tests.workers.datasets import written
from tests.workers.datasets.folders import save
from tests.workers.datasets.layouts import object_layouts
from workers.datasets.instances import BORDER, CLASSES, border_classes
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.reports.report import describe
from workers.tasks.datasets import NucleiSource


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**16))
def test_borders_are_those_found_pixel_by_pixel(
    width: int, height: int, length: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    instances = np.repeat(random.integers(0, 3, (height, length)), 3, axis=1)
    np.testing.assert_array_equal(
        border_classes(instances, width), object_layouts.borders(instances, width)
    )


def test_touching_nuclei_are_parted_and_the_edge_is_no_border() -> None:
    instances = np.repeat([[1, 2]], 6, axis=0).repeat(4, axis=1)
    for width in (1, 2):
        border = border_classes(instances, width) == BORDER
        assert border.all(axis=0).tolist() == [
            4 - width <= column < 4 + width for column in range(8)
        ]
        assert border.sum() == 2 * width * 6


def test_the_width_is_part_of_the_fingerprint_and_of_what_is_counted(tmp_path: Path) -> None:
    source = object_layouts.nuclei(tmp_path).source
    assert isinstance(source, NucleiSource)
    thin, thick = describe(source), describe(source.model_copy(update={"border_width": 2}))
    assert thin.fingerprint != thick.fingerprint
    assert thin.class_shares["background"] == thick.class_shares["background"]
    assert 0 < thin.class_shares["border"] < thick.class_shares["border"]
    assert thin.classes == CLASSES


def test_a_nucleus_of_another_size_is_named(tmp_path: Path) -> None:
    source = object_layouts.dsb2018(tmp_path).source
    save(tmp_path / "00001/masks/0041.png", np.zeros((8, 8), np.uint8))
    with pytest.raises(DatasetError, match=r"0041.png has another size than .*00001"):
        describe(source)


def test_later_nuclei_lie_on_top_and_what_they_cover_is_told(tmp_path: Path) -> None:
    source = object_layouts.dsb2018(tmp_path).source.model_copy(update={"labels": "foreground"})
    whole = np.zeros((written.HEIGHT, written.WIDTH), np.uint8)
    whole[2:8, 1:6] = 255  # all of nucleus 300, and a column of nucleus 7
    save(tmp_path / "00001/masks/0301.png", whole)
    found = describe(source).instances
    assert found is not None
    assert (found.objects, found.hidden, found.overlapping) == (8 * 4, 1, 6 * 4 + 5)


@pytest.mark.slow  # 10 s: reads all of them
def test_real_nuclei_as_objects(real_datasets: Path) -> None:
    source = NucleiSource(root=str(real_datasets / "nuclei"), labels="foreground")
    report = describe(source)
    assert report.classes == ("background", "nucleus")
    assert report.instances is not None
    assert (report.instances.most, report.instances.smallest) == (151, 21)
    assert report.instances.objects == 12_445
    small = describe(source.model_copy(update={"size": (64, 64)})).instances
    assert small is not None
    assert small.objects + small.vanished == 12_445
    assert small.vanished == 49


def test_real_nuclei(real_datasets: Path) -> None:
    dataset = open_dataset(NucleiSource(root=str(real_datasets / "nuclei")))
    assert {split: len(names) for split, names in dataset.splits.items()} == {
        "train": 321,
        "val": 80,
    }
    masks = dataset.read("val").masks
    assert {mask.shape for mask in masks} == {(256, 256), (256, 320), (360, 360)}
    shares = np.bincount(np.concatenate([mask.ravel() for mask in masks]), minlength=3)
    assert 0.02 < shares[BORDER] / shares.sum() < 0.04
    assert 0.1 < shares[1] / shares.sum() < 0.2
