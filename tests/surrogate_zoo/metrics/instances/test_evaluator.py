"""The evaluator over images: order, merging, numbers of objects, and images with little in them."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogate_zoo import INSTANCE_SCORES, InstanceEvaluator
from surrogate_zoo.errors import InputError
from tests.surrogate_zoo.metrics.instances.scenes import THINGS, VOID, Scene, evaluated, scene

SCENES = [scene(seed, side=48, count=7) for seed in range(5)]
COUNTS = ("dic", "dic-signed")
NONE = np.empty(0, dtype=np.int64)


def _evaluator(min_pixels: int = 20) -> InstanceEvaluator:
    return InstanceEvaluator(THINGS, min_pixels=min_pixels)


WHOLE = evaluated(SCENES, _evaluator()).compute()


def _image(predicted: np.ndarray, instances: np.ndarray, target: np.ndarray | None = None) -> Scene:
    count = int(predicted.max(initial=0))
    classes = (instances > 0).astype(np.int64) if target is None else target
    return Scene(predicted, np.ones(count, np.int64), np.ones(count), instances, classes)


@settings(deadline=None, max_examples=25)
@given(st.permutations(range(5)), st.lists(st.integers(1, 4), max_size=4))
def test_order_and_split_of_the_images_do_not_matter(order: list[int], cuts: list[int]) -> None:
    parts = _evaluator()
    for start, end in pairwise(sorted({0, *cuts, 5})):
        parts.merge(evaluated([SCENES[i] for i in order[start:end]], _evaluator()))
    assert parts.compute() == pytest.approx(WHOLE, abs=1e-12)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_numbers_of_objects_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    renumbered = []
    for shown in SCENES:
        count = len(shown.labels)
        new = np.append(0, 1 + rng.permutation(count))
        old = np.argsort(new)[1:] - 1
        names = np.append(0, 1 + rng.permutation(3 * int(shown.instances.max())))
        renumbered.append(
            Scene(
                new[shown.predicted],
                shown.labels[old],
                shown.confidences[old],
                names[shown.instances],
                shown.target,
            )
        )
    assert evaluated(renumbered, _evaluator()).compute() == pytest.approx(WHOLE, abs=1e-12)


@settings(deadline=None, max_examples=25)
@given(st.permutations(range(5)))
def test_the_order_of_equal_confidences_does_not_matter(order: list[int]) -> None:
    tied = [s._replace(confidences=np.full_like(s.confidences, 0.5)) for s in SCENES]
    expected = evaluated(tied, _evaluator()).compute()
    shuffled = evaluated([tied[i] for i in order], _evaluator()).compute()
    assert shuffled == pytest.approx(expected, abs=1e-12)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_what_is_right_is_best(seed: int) -> None:
    shown = scene(seed, side=48, count=7, exact=True, void=False)
    scores = evaluated([shown], _evaluator(min_pixels=1)).compute()
    best = {name: 0.0 if name in COUNTS else 1.0 for name in INSTANCE_SCORES}
    assert scores == pytest.approx(best)


@pytest.mark.parametrize("side", [1, 8])
def test_one_object_of_one_pixel(side: int) -> None:
    instances = np.zeros((side, side), dtype=np.int64)
    instances[0, 0] = 1
    scores = evaluated([_image(instances, instances)], _evaluator(min_pixels=1)).compute()
    assert scores == pytest.approx({n: 0.0 if n in COUNTS else 1.0 for n in INSTANCE_SCORES})
    with_size = evaluated([_image(instances, instances)], _evaluator()).compute()
    assert math.isnan(with_size["ap"])
    assert with_size["ap-coco"] == pytest.approx(1)


def test_images_without_objects() -> None:
    nothing, one = np.zeros((6, 6), dtype=np.int64), np.ones((6, 6), dtype=np.int64)
    empty = evaluated([_image(nothing, nothing)], _evaluator()).compute()
    assert (empty["sbd"], empty["dic"]) == (1, 0)
    assert all(math.isnan(empty[name]) for name in ("ap", "ap50", "ap-coco", "pq", "f1-50"))
    invented = evaluated([_image(one, nothing)], _evaluator()).compute()
    assert (invented["sbd"], invented["dic-signed"], invented["pq"]) == (0, 1, 0)
    assert math.isnan(invented["ap"])
    missed = evaluated([_image(nothing, one)], _evaluator()).compute()
    assert (missed["sbd"], missed["dic-signed"], missed["dic"]) == (0, -1, 1)
    assert missed["ap"] == missed["ap-coco"] == missed["pq"] == missed["f1-50"] == 0


def test_an_image_of_void_alone_is_not_counted() -> None:
    one, nothing = np.ones((6, 6), dtype=np.int64), np.zeros((6, 6), dtype=np.int64)
    void = _image(one, nothing, np.full((6, 6), VOID))
    alone = evaluated([void], _evaluator()).compute()
    assert all(math.isnan(value) for value in alone.values())
    beside = evaluated([_image(one, one), void], _evaluator()).compute()
    assert (beside["sbd"], beside["dic"], beside["ap"], beside["pq"]) == (1, 0, 1, 1)


def test_all_that_is_predicted_may_be_ignored() -> None:
    target = np.zeros((12, 12), dtype=np.int64)
    target[:, :6] = VOID
    target[:, 7:] = 1
    predicted = (target == VOID).astype(np.int64)
    shown = _image(predicted, (target == 1).astype(np.int64), target)
    scores = evaluated([shown], _evaluator()).compute()
    assert scores["ap"] == scores["ap-coco"] == 0
    assert scores["dic-signed"] == -1


def test_an_image_of_no_pixels_adds_nothing() -> None:
    none = np.zeros((0, 4), dtype=np.int64)
    seen = evaluated([*SCENES, _image(none, none)], _evaluator()).compute()
    assert seen == pytest.approx(WHOLE)


def test_a_number_without_a_pixel_is_no_object() -> None:
    shown = SCENES[0]
    more = shown._replace(
        labels=np.append(shown.labels, [1, 2]),
        confidences=np.append(shown.confidences, [1.0, 1.0]),
    )
    assert evaluated([more], _evaluator()).compute() == evaluated([shown], _evaluator()).compute()


def test_tensors_and_lists_are_taken_like_arrays() -> None:
    evaluator = _evaluator()
    for shown in SCENES:
        tensors = [torch.from_numpy(part) for part in shown]
        evaluator.update(
            tensors[0].int(), shown.labels.tolist(), tensors[2], tensors[3].int(), tensors[4]
        )
    assert evaluator.compute() == WHOLE


def test_a_volume_scores_as_an_image_of_its_slices() -> None:
    """No score asks where a pixel lies, so slices may stand beside each other as well as behind."""
    flat, deep = _evaluator(), _evaluator()
    size = (4, 12, 48)
    for shown in SCENES:
        flat.update(*shown)
        maps = [shown.predicted.reshape(size), shown.instances.reshape(size)]
        deep.update(maps[0], shown.labels, shown.confidences, maps[1], shown.target.reshape(size))
    assert deep.compute() == flat.compute() == WHOLE
    shown = SCENES[0]
    with pytest.raises(InputError, match=r"\(D, H, W\) of a volume"):
        deep.update(shown.predicted[None, None], *shown[1:])


def test_nothing_seen_is_not_a_number_and_reset_forgets() -> None:
    evaluator = evaluated(SCENES, _evaluator())
    evaluator.reset()
    assert all(math.isnan(value) for value in evaluator.compute().values())
    evaluated(SCENES, evaluator)
    assert evaluator.compute() == WHOLE


def test_a_merge_leaves_the_other_one_as_it_is() -> None:
    first, second = (evaluated(SCENES[:2], _evaluator()), evaluated(SCENES[2:], _evaluator()))
    before = second.compute()
    first.merge(second)
    first.update(*SCENES[0])
    assert second.compute() == before


@pytest.mark.parametrize(
    "other",
    [InstanceEvaluator((1,)), InstanceEvaluator(THINGS), InstanceEvaluator(THINGS, ignore_index=0)],
)
def test_only_evaluators_with_the_same_options_merge(other: InstanceEvaluator) -> None:
    with pytest.raises(InputError, match="same options"):
        _evaluator().merge(other)
