"""The table of an image: against scikit-image, numbers with gaps, void, and what is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import contingency_table

from surrogate_zoo import InstanceEvaluator
from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.instances.table import Table, checked_prediction, tabulate
from tests.surrogate_zoo.metrics.instances.scenes import THINGS, VOID, Scene, scene


def _table(shown: Scene) -> Table:
    things = np.array(THINGS)
    prediction = checked_prediction(shown.predicted, shown.labels, shown.confidences, things)
    return tabulate(prediction, shown.instances, shown.target, things, VOID)


CONTINGENCY: Callable[..., Any] = contingency_table
"""Of scikit-image, which says that it is typed, and has functions that are not."""


def _counted(true: NDArray[np.int64], predicted: NDArray[np.int64]) -> NDArray[np.int64]:
    pairs: NDArray[np.int64] = CONTINGENCY(true, predicted).toarray().astype(np.int64)
    return pairs


@pytest.mark.parametrize("seed", range(5))
def test_it_is_that_of_scikit_image(seed: int) -> None:
    shown = scene(seed)
    table = _table(shown)
    pairs = _counted(shown.instances, shown.predicted)
    true, predicted = np.unique(shown.instances)[1:], np.unique(shown.predicted)[1:]
    assert (table.overlaps == pairs[np.ix_(true, predicted)]).all()
    assert (table.true_pixels == pairs[true].sum(1)).all()
    assert (table.pixels == pairs[:, predicted].sum(0)).all()
    void = _counted((shown.target == VOID).astype(np.int64), shown.predicted)
    assert (table.void == void[1, predicted]).all()
    assert table.valid == void[0].sum()


def test_objects_may_have_any_numbers() -> None:
    shown = scene(1)
    far = shown._replace(instances=shown.instances * 1_000_000_007)
    first, second = _table(shown), _table(far)
    assert (first.overlaps == second.overlaps).all()
    assert (first.true_labels == second.true_labels).all()


def test_a_pixel_with_a_class_of_objects_but_no_object_is_void() -> None:
    shown = scene(2, void=False)
    group = shown.instances == shown.instances.max()
    table = _table(shown._replace(instances=np.where(group, 0, shown.instances)))
    other = _table(
        shown._replace(
            instances=np.where(group, 0, shown.instances),
            target=np.where(group, VOID, shown.target),
        )
    )
    assert table.void.sum() == other.void.sum() > 0
    assert table.valid == other.valid == group.size - group.sum()


GOOD: dict[str, Any] = {
    "predicted": np.array([[0, 1], [1, 2]]),
    "labels": np.array([1, 2]),
    "confidences": np.array([0.5, 0.9]),
    "target_instances": np.array([[0, 4], [4, 9]]),
    "target": np.array([[0, 1], [1, 2]]),
}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "predicted",
            np.zeros((2, 2)),
            r"predicted must be integers of shape \(H, W\), or .* of a volume, not float64",
        ),
        ("predicted", np.zeros(2, int), r"predicted must be integers of shape \(H, W\)"),
        ("predicted", np.full((2, 2), 3), "the object 3; with 2 labels objects are 1..2"),
        ("predicted", np.full((2, 2), -1), "the object -1; with 2 labels"),
        ("predicted", np.zeros((2, 3), int), "differ in shape"),
        ("labels", np.array([1, 3]), "labels holds the class 3; .* are 1, 2"),
        ("confidences", np.array([0.5]), "one finite number for each of the 2 labels"),
        ("confidences", np.array([0.5, np.nan]), "one finite number"),
        ("target_instances", np.array([[0, -4], [4, 9]]), "target_instances holds -4"),
        ("target_instances", np.array([[0, 4], [4, 4]]), r"object 4 .* several classes \(1, 2\)"),
        ("target_instances", np.array([[7, 4], [4, 9]]), "object 7 .* the class 0; .* are 1, 2"),
        ("target", np.zeros((2, 2)), r"target must be integers of shape \(H, W\)"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_added(name: str, value: Any, message: str) -> None:
    evaluator = InstanceEvaluator(THINGS, min_pixels=1)
    evaluator.update(**GOOD)
    before = evaluator.compute()
    with pytest.raises(InputError, match=message):
        evaluator.update(**{**GOOD, name: value})
    assert evaluator.compute() == before


@pytest.mark.parametrize("things", [(), (-1, 1), (1, VOID)])
def test_things_are_classes(things: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="things must be labels of classes that have objects"):
        InstanceEvaluator(things)
