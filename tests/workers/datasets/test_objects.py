"""What every layout that tells objects apart promises, and what the report says of them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tests.workers.datasets.layouts.instance_rows import INSTANCE_ROWS, InstanceRow
from tests.workers.datasets.written import HEIGHT, WIDTH, Labels, Written
from workers.datasets.dataset import Dataset, Lost, Objects, Pixels
from workers.datasets.file_dataset import FileDataset
from workers.datasets.instances import numbered, touching
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.reports.object_counts import count_objects, summary, told
from workers.datasets.reports.report import describe
from workers.tasks.datasets import DatasetSource


@pytest.fixture(params=INSTANCE_ROWS)
def row(request: pytest.FixtureRequest) -> InstanceRow:
    return INSTANCE_ROWS[request.param]


@pytest.fixture
def written(row: InstanceRow, tmp_path: Path) -> Written:
    return row.write(tmp_path)


def read(source: DatasetSource, split: str) -> list[tuple[str, Pixels, Objects]]:
    samples = open_dataset(source).read(split)
    assert samples.instances is not None
    return list(zip(samples.names, samples.masks, samples.instances, strict=True))


def check(dataset: Dataset, mask: Pixels, instances: Objects) -> None:
    """Numbers 1..K on things alone, each of one class."""
    assert instances.dtype == np.int32
    assert instances.shape == mask.shape
    assert set(np.unique(instances)) | {0} == set(range(instances.max() + 1))
    assert (np.isin(mask, dataset.things) | (instances == 0)).all()
    for number in range(1, instances.max() + 1):
        assert len(np.unique(mask[instances == number])) == 1


def same_objects(one: Labels, other: Labels) -> bool:
    """Whether both tell the same objects apart, whatever their numbers."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    numbers = len(np.unique(one)), len(np.unique(other)), pairs.shape[1]
    return len(set(numbers)) == 1 and bool(((one == 0) == (other == 0)).all())


def test_labels_and_objects_are_what_was_written(written: Written) -> None:
    dataset = open_dataset(written.source)
    assert dataset.things
    assert set(dataset.things) <= set(range(len(dataset.classes)))
    for split, labels in written.truth.items():
        for name, mask, instances in read(written.source, split):
            check(dataset, mask, instances)
            np.testing.assert_array_equal(mask, labels[name], err_msg=f"{split} {name}")
            assert same_objects(instances, written.objects[split][name])


def test_without_its_objects_a_dataset_has_no_things(row: InstanceRow, written: Written) -> None:
    if row.plain is None:
        pytest.skip("the layout always has objects")
    plain = written.source.model_copy(update=row.plain)
    dataset = open_dataset(plain)
    assert dataset.things == ()
    assert dataset.read("train").instances is None
    assert dataset.sample("train", 0).instances is None
    report = describe(plain)
    assert report.instances is None
    assert report.fingerprint != describe(written.source).fingerprint


@pytest.mark.parametrize("layout", ["nuclei", "dsb2018"])
def test_a_border_belongs_to_the_nuclei_that_it_parts(layout: str, tmp_path: Path) -> None:
    plain = INSTANCE_ROWS[layout].write(tmp_path).source
    parted = plain.model_copy(update={"labels": "border", "border_width": 2})
    dataset = open_dataset(parted)
    assert (dataset.classes[2], dataset.things) == ("border", (1,))
    whole, cut = open_dataset(plain).sample("train", 0), dataset.sample("train", 0)
    assert whole.instances is not None
    assert cut.instances is not None
    np.testing.assert_array_equal(cut.instances, whole.instances)
    assert set(cut.mask[cut.instances > 0]) == {1, 2}


def test_the_fingerprint_follows_the_files_of_objects(
    row: InstanceRow, written: Written, tmp_path: Path
) -> None:
    if row.moved is None:
        pytest.skip("shapes are drawn")
    before = describe(written.source)
    row.moved(tmp_path)
    assert describe(written.source).fingerprint != before.fingerprint


@pytest.mark.parametrize("size", [(2 * HEIGHT, 2 * WIDTH), (5, 7), (2, 3), (1, 1)])
def test_resizing_takes_objects_and_labels_from_the_same_places(
    written: Written, size: tuple[int, int]
) -> None:
    if not isinstance(open_dataset(written.source), FileDataset):
        pytest.skip("shapes are drawn in their size")
    resized = written.source.model_copy(update={"size": size})
    dataset, whole = open_dataset(resized), open_dataset(written.source)
    for index in range(len(dataset.names("train"))):
        (_, mask, instances), lost = dataset.examined("train", index)
        before = whole.sample("train", index)
        assert instances is not None
        assert before.instances is not None
        assert mask.shape == size
        check(dataset, mask, instances)
        assert lost.vanished == before.instances.max() - instances.max()
        if size[0] > HEIGHT:
            np.testing.assert_array_equal(instances[::2, 1::2], before.instances)


def test_the_report_counts_objects(written: Written) -> None:
    counts, sizes, close = [], [], 0
    for split in written.truth:
        for _, _, instances in read(written.source, split):
            counts.append(int(instances.max()))
            sizes += np.bincount(instances.ravel())[1:].tolist()
            close += sum(_touches(instances, number) for number in range(1, counts[-1] + 1))
    found = describe(written.source).instances
    assert found is not None
    assert found.objects == sum(counts)
    assert found.median == np.median(counts)
    assert found.most == max(counts)
    assert found.smallest == min(sizes)
    assert found.touching == pytest.approx(close / sum(counts))
    assert found.vanished == 0


def _touches(instances: Objects, number: int) -> bool:
    around = ndimage.binary_dilation(instances == number, np.ones((3, 3), dtype=bool))
    return bool((around & (instances > 0) & (instances != number)).any())


@settings(deadline=None)
@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 9), st.integers(0, 2**16))
def test_touching_objects_are_those_found_one_by_one(
    height: int, width: int, most: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    instances = numbered(random.integers(0, most, (height, width)) * random.integers(0, 2))
    expected = sum(_touches(instances, number) for number in range(1, instances.max() + 1))
    assert touching(instances) == expected


def test_numbers_keep_their_order_and_lose_their_gaps() -> None:
    assert numbered(np.array([[0, 9], [4, 300]])).tolist() == [[0, 2], [1, 3]]
    assert numbered(np.zeros((2, 0), dtype=np.int64)).shape == (2, 0)


def test_what_is_lost_is_told() -> None:
    one, none = np.array([[1, 1], [0, 0]], np.int32), np.zeros((2, 2), np.int32)
    found = summary([count_objects(one, Lost(2, 1, 0, 0)), count_objects(none, Lost(1, 0, 4, 5))])
    assert (found.objects, found.median, found.most, found.smallest) == (1, 0.5, 1, 2)
    assert (found.vanished, found.hidden, found.overlapping, found.disputed) == (3, 1, 4, 5)
    sentences = list(told(found))
    assert len(sentences) == 4
    assert sentences[0].startswith("3 of 4 objects vanish in resizing")
    assert not list(told(summary([count_objects(one, Lost())])))


def test_vanished_objects_are_in_the_report(tmp_path: Path) -> None:
    written = INSTANCE_ROWS["nuclei"].write(tmp_path)
    report = describe(written.source.model_copy(update={"size": (2, 2)}))
    assert report.instances is not None
    assert report.instances.vanished > 0
    assert any("vanish in resizing" in remark for remark in report.remarks)
