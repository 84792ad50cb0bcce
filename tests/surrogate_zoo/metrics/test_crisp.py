"""Crisp maps: what one batch costs, unions of windows as bits, and metrics that go their own ways."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from surrogate_zoo import METRICS, BoundaryEvaluator, ImageScores, SegmentationEvaluator
from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.class_maps import one_hot
from surrogate_zoo.metrics.crisp import CrispMaps
from surrogate_zoo.metrics.logic import BooleanLogic, Logic
from surrogate_zoo.metrics.maps import Maps
from surrogate_zoo.metrics.metric import Metric
from surrogate_zoo.metrics.windows import window_max, window_or
from tests.surrogate_zoo.batches import VOID, labels

WAITS = {"_local_scalar_dense", "nonzero", "bincount", "masked_select", "unique"}
"""What makes a GPU's host wait for it."""

VIEWS = {"slice", "view", "as_strided", "select", "unsqueeze", "expand"}
"""What launches no kernel."""


class Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations that are dispatched."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count and run."""
        self.seen[func.__name__.partition(".")[0]] += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("evaluator", "most"),
    [
        (SegmentationEvaluator(21, check_values=False), 420),
        (BoundaryEvaluator(21, check_values=False), 220),
        (ImageScores(21, check_values=False), 20),
    ],
)
def test_a_batch_makes_no_gpu_wait_and_takes_few_kernels(evaluator: Any, most: int) -> None:
    pred, target = (labels(n, classes=21, size=(2, 24, 24), void=0.1 * n) for n in (0, 1))
    evaluator.update(pred, target)
    with Counting() as counting:
        evaluator.update(pred, target)
    assert not WAITS & counting.seen.keys()
    assert sum(n for name, n in counting.seen.items() if name not in VIEWS) < most


@given(st.integers(1, 70), st.integers(0, 4), st.integers(0, 2**31))
def test_bits_spread_as_planes_do(classes: int, tolerance: int, seed: int) -> None:
    numbers = labels(seed, classes=classes, size=(2, 9, 10))
    void = numbers == VOID
    numbers = numbers.masked_fill(void, 0)
    shape = one_hot(numbers, ~void, torch.int8)
    maps = CrispMaps(shape, shape, void, num_classes=classes, tolerance=tolerance)
    spread = maps.dilate(shape)
    planes = window_max(shape.as_dense(classes), tolerance)
    assert torch.equal(spread.as_dense(), planes)
    at = labels(seed + 1, classes=classes, size=(2, 9, 10), void=0)
    assert torch.equal(spread.at(at), planes.gather(1, at[:, None])[:, 0])
    assert torch.equal(maps.total(spread), (planes * ~void[:, None]).sum((0, 2, 3)).double())


def test_a_union_of_bits_holds_those_of_the_window() -> None:
    words = torch.tensor([[[1, 0, 0], [0, 0, 0], [0, 0, 6]]], dtype=torch.int32)
    expected = [[1, 1, 0], [1, 7, 6], [0, 6, 6]]
    assert window_or(words, 1).tolist() == [expected]


def test_a_metric_may_go_its_own_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dense maps, regions of its own, sums that no other metric asks for, a mean over images."""

    def odd(logic: Logic, maps: Maps) -> Tensor:
        either = logic.or_("or", maps.pred, maps.target)
        inside = 1 - maps.band(maps.target)
        dense = maps.total(maps.dilate(maps.target)) + maps.dilate(maps.pred).as_dense().sum()
        apart = maps.total(either * maps.target - maps.pred, inside)
        images = maps.totals_by_image(logic.xor("xor", maps.pred, maps.target))
        whole = maps.total(either, include_void=True)
        mean = maps.image_mean(images, maps.totals_by_image(maps.target))
        near = maps.total(maps.dilate(maps.pred) * maps.target)
        return apart.sum() + whole.sum() + mean + near.sum() + 0 * dense.sum()

    monkeypatch.setitem(METRICS, "odd", Metric("odd", "Odd", "Odd.", "-", odd))
    pred, target = labels(1, void=0, size=(2, 9, 9)), labels(2, size=(2, 9, 9))
    evaluator = SegmentationEvaluator(4, tolerance=1)
    evaluator.update(pred[:1], target[:1])
    evaluator.update(pred[1:], target[1:])
    assert evaluator.compute()["odd"] == pytest.approx(_in_floats("odd", pred, target, 1))


@given(st.integers(0, 2**31), st.integers(0, 3))
def test_integers_give_what_floats_do(seed: int, tolerance: int) -> None:
    pred, target = (labels(seed + n, size=(2, 9, 10), void=0.1 * n) for n in (0, 1))
    evaluator = SegmentationEvaluator(4, tolerance=tolerance)
    evaluator.update(pred, target)
    for name, score in evaluator.compute().items():
        assert score == _in_floats(name, pred, target, tolerance), name


def _in_floats(name: str, pred: Tensor, target: Tensor, tolerance: int) -> float:
    """A metric of a whole batch by the maps of losses, in which nothing is shared or packed."""
    void = target == VOID
    predicted = one_hot(pred.masked_fill(void, 0), ~void, torch.float64)
    true = one_hot(target.masked_fill(void, 0), ~void, torch.float64)
    maps = Maps(predicted, true, void, num_classes=4, tolerance=tolerance)
    return float(METRICS[name].function(BooleanLogic(), maps))


def test_labels_that_are_not_looked_at_cost_no_look() -> None:
    pred, target = labels(1, void=0), labels(2)
    checked, unchecked = SegmentationEvaluator(4), SegmentationEvaluator(4, check_values=False)
    for evaluator in (checked, unchecked):
        evaluator.update(pred, target)
    assert checked.compute() == unchecked.compute()
    with pytest.raises(InputError, match="pred holds the label 9"):
        checked.update(torch.full_like(pred, 9), torch.zeros_like(target))


@pytest.mark.parametrize("classes", [300, 40])
def test_many_classes_are_told_apart(classes: int) -> None:
    generator = np.random.default_rng(0)
    target = torch.from_numpy(generator.integers(0, classes, (1, 8, 8)).repeat(3, 1).repeat(3, 2))
    evaluator = SegmentationEvaluator(classes, tolerance=1, ignore_index=-1)
    evaluator.update(target, target)
    scores = evaluator.compute()
    assert scores["miou"] == scores["bf1"] == scores["boundary-iou"] == 1
    evaluator.update(target.flip(1), target)
    assert 0 < evaluator.compute()["bf1"] < 1
