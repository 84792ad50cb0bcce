"""Which objects meet: thresholds that are met exactly, small objects, void."""

import numpy as np
import pytest
from numpy.typing import NDArray

from surrogate_zoo import InstanceEvaluator
from surrogate_zoo.metrics.instances.matching import (
    CITYSCAPES_IOU,
    COCO_IOU,
    IGNORED,
    RIGHT,
    WRONG,
    best_dice,
    cityscapes_outcomes,
    coco_outcomes,
    panoptic_matches,
)
from surrogate_zoo.metrics.instances.table import Table, checked_prediction, tabulate
from tests.surrogate_zoo.metrics.instances import references
from tests.surrogate_zoo.metrics.instances.scenes import VOID, Scene, scene

THINGS = (1,)


def _row(predicted: str, instances: str, confidences: tuple[float, ...] = ()) -> Scene:
    """One row of pixels; in ``instances`` a full stop is void."""
    objects = np.array([[int(pixel) for pixel in predicted]])
    true = np.array([[0 if pixel == "." else int(pixel) for pixel in instances]])
    void = np.array([[pixel == "." for pixel in instances]])
    count = int(objects.max())
    sure = np.array(confidences) if confidences else np.linspace(0.9, 0.1, count)
    target = np.where(void, VOID, (true > 0).astype(np.int64))
    return Scene(objects, np.ones(count, dtype=np.int64), sure, true, target)


def _table(shown: Scene) -> Table:
    things = np.array(THINGS)
    prediction = checked_prediction(shown.predicted, shown.labels, shown.confidences, things)
    return tabulate(prediction, shown.instances, shown.target, things, VOID)


def _scores(shown: Scene, min_pixels: int = 1) -> dict[str, float]:
    evaluator = InstanceEvaluator(THINGS, min_pixels=min_pixels)
    evaluator.update(*shown)
    return evaluator.compute()


@pytest.mark.parametrize("thresholds", [CITYSCAPES_IOU, COCO_IOU])
def test_there_are_ten_thresholds(thresholds: NDArray[np.float64]) -> None:
    assert thresholds == pytest.approx([0.5 + step / 20 for step in range(10)])


def test_half_is_enough_for_coco_alone() -> None:
    table = _table(_row("1100", "1111"))
    assert cityscapes_outcomes(table, 1)[0].tolist() == [WRONG] * 10
    assert coco_outcomes(table)[0].tolist() == [RIGHT] + [WRONG] * 9
    assert panoptic_matches(table, 1) == (0, 0, 1, 1)


@pytest.mark.parametrize("confidences", [(0.9, 0.1), (0.1, 0.9), (0.5, 0.5)])
def test_an_object_counts_for_one_of_its_two_halves(confidences: tuple[float, float]) -> None:
    shown = _row("1122", "1111", confidences)
    outcomes = coco_outcomes(_table(shown))[:, 0]
    assert sorted(outcomes.tolist()) == [WRONG, RIGHT]
    assert outcomes[np.argmax(confidences)] == RIGHT
    if len(set(confidences)) == 2:
        expected = references.coco_ap([shown], THINGS)
        assert _scores(shown)["ap-coco"] == pytest.approx(expected, abs=1e-6)


def test_who_joins_two_objects_meets_one_of_them() -> None:
    shown = _row("1111", "1122")
    assert coco_outcomes(_table(shown))[0].tolist() == [RIGHT] + [WRONG] * 9
    expected = references.coco_ap([shown], THINGS)
    assert _scores(shown)["ap-coco"] == pytest.approx(expected, abs=1e-6)


def test_who_meets_a_small_object_is_neither_right_nor_wrong() -> None:
    table = _table(_row("1110022222", "1110022222"))
    assert cityscapes_outcomes(table, 4)[:, 0].tolist() == [IGNORED, RIGHT]
    assert coco_outcomes(table)[:, 0].tolist() == [RIGHT, RIGHT]


def test_who_lies_in_void_is_ignored_up_to_its_share() -> None:
    table = _table(_row("1111111111", "0000......"))
    cityscapes, coco = cityscapes_outcomes(table, 1)[0], coco_outcomes(table)[0]
    assert cityscapes.tolist() == [IGNORED, IGNORED] + [WRONG] * 8  # 0.6 is not above 0.6
    assert coco.tolist() == [IGNORED] * 3 + [WRONG] * 7
    assert panoptic_matches(table, 1) == (0, 0, 0, 0)
    half = _table(_row("1111111111", "00000....."))
    assert panoptic_matches(half, 1) == (0, 0, 1, 0)


def test_void_is_no_part_of_the_union_for_panoptic_quality_alone() -> None:
    shown = _row("1111", "11..")
    assert _scores(shown)["pq"] == 1
    assert coco_outcomes(_table(shown))[0].tolist() == [RIGHT] + [WRONG] * 9
    assert best_dice(_table(shown)) == 1


def test_another_class_is_another_object() -> None:
    evaluator = InstanceEvaluator((1, 2), min_pixels=1)
    shown = _row("1111", "1111")
    evaluator.update(*shown._replace(labels=np.array([2])))
    scores = evaluator.compute()
    assert scores["ap"] == scores["pq"] == scores["f1-50"] == 0
    assert scores["sbd"] == 1  # classes are of no account


@pytest.mark.parametrize("seed", range(6))
def test_best_dice_is_that_of_pairs_of_masks(seed: int) -> None:
    shown = scene(seed, things=THINGS)
    assert best_dice(_table(shown)) == pytest.approx(references.best_dice(shown), abs=1e-12)


def test_best_dice_by_hand() -> None:
    # Objects of 4 and 2 pixels, found as one of 6: both ways are 2*4/10; the other 2*2/8 besides.
    assert best_dice(_table(_row("111111", "111122"))) == pytest.approx((0.8 + 0.5) / 2)
