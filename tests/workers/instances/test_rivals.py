"""Objects from classes alone: by hand, and against scikit-image."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import label as skimage_label

from surrogate_zoo.errors import InputError
from tests.workers.instances.made_up import drawn, same_partition
from workers.datasets.instances import border_classes
from workers.instances.found import components
from workers.instances.rivals import border_objects, watershed_objects


def discs(*centres: tuple[int, int], side: int = 40, radius: int = 8) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    near = [(rows - y) ** 2 + (columns - x) ** 2 <= radius**2 for y, x in centres]
    return torch.stack(near).any(0).long()


@given(seed=st.integers(0, 2**31), share=st.floats(0.1, 0.9))
def test_components_are_those_of_scikit_image(seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((12, 15)) < share
    found = components(torch.from_numpy(mask.astype(np.int64)), (1,))
    assert found.instances.tolist() == skimage_label(mask, connectivity=2).tolist()


def test_a_watershed_parts_discs_that_overlap() -> None:
    classes = discs((12, 12), (12, 26), (30, 12))
    assert len(components(classes, (1,)).labels) == 2
    found = watershed_objects(classes, (1,), 5)
    assert found.labels.tolist() == [1, 1, 1]
    assert torch.equal(found.instances > 0, classes > 0)
    centres = [int(found.instances[y, x]) for y, x in ((12, 12), (12, 26), (30, 12))]
    assert sorted(centres) == [1, 2, 3]
    assert found.instances[12, 18] == found.instances[12, 12]


def test_more_spacing_parts_less() -> None:
    assert len(watershed_objects(discs((12, 12), (12, 26)), (1,), 20).labels) == 1


@given(seed=st.integers(0, 2**31), spacing=st.integers(1, 6))
def test_a_watershed_leaves_no_pixel_out_and_joins_no_components(seed: int, spacing: int) -> None:
    coarse = np.random.default_rng(seed).integers(3, size=(5, 6))
    classes = torch.from_numpy(coarse.repeat(3, 0).repeat(3, 1))
    found, whole = watershed_objects(classes, (1, 2), spacing), components(classes, (1, 2))
    assert torch.equal(found.instances > 0, classes > 0)
    for number, label in enumerate(found.labels.tolist(), start=1):
        own = found.instances == number
        assert len(set(whole.instances[own].tolist())) == 1
        assert set(classes[own].tolist()) == {label}


def test_border_pixels_go_to_the_nearest_object() -> None:
    classes = drawn("0000000", "0122210", "0222220", "0000000")
    found = border_objects(classes, (1,), 2)
    assert found.labels.tolist() == [1, 1]
    assert found.instances[1].tolist()[1:3] + found.instances[1].tolist()[4:6] == [1, 1, 2, 2]
    assert torch.equal(found.instances > 0, classes > 0)


def test_a_border_without_an_inside_is_an_object() -> None:
    found = border_objects(drawn("220001", "220022"), (1,), 2)
    assert found.instances.tolist() == [[2, 2, 0, 0, 0, 1], [2, 2, 0, 0, 1, 1]]
    assert len(border_objects(drawn("2202", "2202"), (1,), 2).labels) == 2


def test_the_classes_of_the_layouts_give_back_their_objects() -> None:
    instances = np.zeros((24, 24), dtype=np.int64)
    instances[2:10, 2:10], instances[2:10, 10:20], instances[12:20, 4:16] = 1, 2, 3
    classes = torch.from_numpy(border_classes(instances, 1).astype(np.int64))
    found = border_objects(classes, (1,), 2)
    assert same_partition(found.instances, torch.from_numpy(instances))
    assert len(components((classes > 0).long(), (1,)).labels) == 2


@pytest.mark.parametrize("things", [(), (1, 3), (2,)])
def test_the_border_method_needs_one_thing_class_beside_the_border(things: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="one thing class beside the border class 2"):
        border_objects(drawn("12"), things, 2)
