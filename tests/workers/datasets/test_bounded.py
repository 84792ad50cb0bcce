"""Files that hold far more than they weigh: told from their headers, or read where it does no harm."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from surrogate_zoo.errors import DatasetError
from tests.workers.datasets.layouts.rows import ROWS, nyu_mat, voc_sbd
from workers.datasets.bounded import DECODES_TO_MORE, Limits, examine_bounded
from workers.datasets.layouts import matlab
from workers.datasets.layouts.matlab import read_matlab
from workers.datasets.layouts.registry import LAYOUTS, open_dataset
from workers.datasets.reports.report import examine


def test_layouts_that_may_decode_to_more_are_there() -> None:
    assert set(LAYOUTS) > DECODES_TO_MORE


def test_a_matlab_file_that_unpacks_to_much_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matlab, "MOST_INFLATED", 2**20)
    path = tmp_path / "bomb.mat"
    savemat(path, {"GTcls": np.zeros((1200, 1200), np.uint8)}, do_compression=True)
    assert path.stat().st_size < 10**4
    with pytest.raises(DatasetError, match="holds more than 1,048,576 bytes once it is unpacked"):
        read_matlab(path, "GTcls")


def test_an_hdf5_array_that_says_to_be_huge_is_not_read(tmp_path: Path) -> None:
    written = nyu_mat(tmp_path)
    path = tmp_path / "nyu_depth_v2_labeled.mat"
    with h5py.File(path, "r+") as file:
        count = file["images"].shape[0]
        del file["images"], file["labels"]
        file.create_dataset("images", (count, 3, 12_000, 12_000), "uint8", chunks=(1, 3, 64, 64))
        file.create_dataset("labels", (count, 12_000, 12_000), "uint16", chunks=(1, 64, 64))
    with pytest.raises(DatasetError, match="more than an image may be"):
        open_dataset(written.source).sample("train", 0)


def test_a_coco_file_that_says_images_are_huge_is_refused(tmp_path: Path) -> None:
    written = ROWS["coco"].write(tmp_path)
    path = tmp_path / "annotations/instances_train2017.json"
    content = json.loads(path.read_text())
    content["images"][0] |= {"height": 30_000, "width": 30_000}
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="is 30000 x 30000, more than the"):
        open_dataset(written.source)


def test_a_child_finds_what_this_process_would(tmp_path: Path) -> None:
    source = voc_sbd(tmp_path).source
    assert examine_bounded(source, Limits()) == examine(source)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (Limits(memory_gb=0.02), "took more than 0.02 GB of memory"),
        (Limits(seconds=0.01), "took longer than 0.01 s"),
    ],
)
def test_what_takes_more_than_it_may_is_one_fault(
    tmp_path: Path, limits: Limits, told: str
) -> None:
    found = examine_bounded(voc_sbd(tmp_path).source, limits)
    assert found.report is None
    (fault,) = found.faults
    assert told in fault
