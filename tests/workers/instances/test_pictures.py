"""Pictures of objects: those that are found have the colours of the true ones that they meet."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.workers.instances.test_prediction import ByColour
from tests.workers.instances.test_scoring import CPU, SIZES, coloured
from workers.datasets.dataset import Objects
from workers.datasets.reports.picture import draw_objects
from workers.instances.pictures import (
    GAP,
    HEIGHT,
    LINE,
    draw_found,
    find_objects,
    matched_numbers,
    object_picture,
)
from workers.learning.image_stack import stack_by_size
from workers.tasks.instances import ClusteringSpec

WAYS = {"mean-shift": ClusteringSpec(), "components": ClusteringSpec(method="components")}
MAPS = arrays(np.int32, (4, 5), elements=st.integers(0, 4))


def row(*numbers: int) -> Objects:
    return np.array([numbers], dtype=np.int32)


def test_an_object_takes_the_number_of_the_one_that_it_meets_most() -> None:
    true = row(0, 1, 1, 1, 2, 2, 0)
    assert matched_numbers(row(0, 2, 2, 2, 1, 1, 0), true).tolist() == true.tolist()
    # Two share the first: it is the larger part's, and the other is new.
    assert matched_numbers(row(0, 1, 2, 2, 3, 3, 4), true).tolist() == [[0, 3, 1, 1, 2, 2, 6]]
    assert matched_numbers(row(0, 1, 1), row(0, 0, 0)).tolist() == [[0, 1, 1]]
    assert matched_numbers(row(0, 0, 0), row(0, 1, 2)).tolist() == [[0, 0, 0]]


@given(found=MAPS, true=MAPS)
def test_numbers_change_and_objects_do_not(found: Objects, true: Objects) -> None:
    numbers = matched_numbers(found, true)
    pairs = set(zip(found.ravel().tolist(), numbers.ravel().tolist(), strict=True))
    assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})
    assert all((one == 0) == (other == 0) for one, other in pairs)
    for _, number in pairs:
        if 0 < number <= true.max():
            assert ((numbers == number) & (true == number)).any()


def test_what_is_found_right_is_drawn_as_the_truth() -> None:
    samples = coloured()
    assert samples.instances is not None
    [stack, *_] = stack_by_size(samples, CPU, range(len(SIZES)))
    found = find_objects(ByColour().eval(), stack.images[0], (1,), WAYS, 0)
    assert [len(objects.labels) for objects in found.values()] == [3, 1]
    mask, true = samples.masks[0], samples.instances[0]
    drawn = [object_picture(objects.instances, true, mask) for objects in found.values()]
    assert np.array_equal(drawn[0], draw_objects(mask, true))
    assert not np.array_equal(drawn[1], drawn[0])


def test_rows_show_image_truth_and_every_way() -> None:
    samples = coloured()
    stacks = stack_by_size(samples, CPU, range(len(SIZES)))
    picture = draw_found(ByColour().eval(), stacks, (1,), WAYS)
    width = round(70 * HEIGHT / 40) + GAP
    assert picture.size == (4 * width, 2 * (LINE + HEIGHT + GAP))
    pixels = np.asarray(picture)
    panels = [
        pixels[LINE : LINE + HEIGHT, left : left + width - GAP]
        for left in range(0, 4 * width, width)
    ]
    assert np.array_equal(panels[1], panels[2])
    assert not np.array_equal(panels[1], panels[3])
