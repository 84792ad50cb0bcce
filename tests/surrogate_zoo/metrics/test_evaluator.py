"""The evaluator over batches: order, merging, void, empty classes, metrics of other packages."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from surrogate_zoo import METRICS, SegmentationEvaluator
from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.logic import Logic
from surrogate_zoo.metrics.maps import Maps
from surrogate_zoo.metrics.metric import Metric
from tests.surrogate_zoo.batches import VOID, labels

CLASSES = 4


def _evaluator(**options: Any) -> SegmentationEvaluator:
    return SegmentationEvaluator(CLASSES, tolerance=2, **options)


@given(
    st.permutations(range(5)),
    st.lists(st.integers(1, 4), max_size=4),
    st.sampled_from([False, True]),
)
def test_order_and_split_of_batches_do_not_matter(
    order: list[int], cuts: list[int], as_released: bool
) -> None:
    target, pred = labels(1, size=(5, 9, 9)), labels(2, size=(5, 9, 9), void=0)
    whole = _evaluator(as_released=as_released)
    whole.update(pred, target)
    parts = _evaluator(as_released=as_released)
    bounds = sorted({0, *cuts, 5})
    for start, end in pairwise(bounds):
        other = _evaluator(as_released=as_released)
        other.update(pred[order[start:end]], target[order[start:end]])
        parts.merge(other)
    assert parts.compute() == pytest.approx(whole.compute(), abs=1e-12)


def test_what_was_predicted_at_void_pixels_does_not_matter() -> None:
    target, pred = labels(1), labels(2, void=0)
    first, second = _evaluator(), _evaluator()
    first.update(pred, target)
    second.update(torch.where(target == VOID, 254, pred), target)
    assert first.compute() == second.compute()


def test_void_makes_no_boundary() -> None:
    target = torch.zeros(1, 12, 12, dtype=torch.int64)
    target[:, 4:8, 4:8] = VOID
    evaluator = _evaluator()
    evaluator.update(torch.zeros_like(target), target)
    assert math.isnan(evaluator.compute()["bf1"])
    released = _evaluator(as_released=True)
    released.update(torch.zeros_like(target), target)
    assert released.compute()["biou"] == 1


def test_an_absent_class_is_left_out_and_an_invented_one_counts() -> None:
    target = torch.zeros(1, 8, 8, dtype=torch.int64)
    evaluator = _evaluator()
    evaluator.update(target, target)
    assert evaluator.compute()["miou"] == 1
    pred = target.clone()
    pred[:, 0, 0] = 3
    evaluator.reset()
    evaluator.update(pred, target)
    assert evaluator.compute()["miou"] == pytest.approx((63 / 64) / 2)


def test_nothing_seen_is_not_a_number() -> None:
    evaluator = _evaluator()
    assert all(math.isnan(value) for value in evaluator.compute().values())
    void = torch.full((1, 4, 4), VOID)
    evaluator.update(torch.zeros_like(void), void)
    scores = evaluator.compute()
    assert set(scores) == set(METRICS)
    assert all(math.isnan(value) for value in scores.values())


def test_means_over_images_weigh_every_image_alike() -> None:
    target, pred = labels(1, size=(3, 9, 9)), labels(2, size=(3, 9, 9), void=0)
    target[2] = VOID  # and leave out those without a label
    scores = []
    for image in range(2):
        alone = _evaluator()
        alone.update(pred[image : image + 1], target[image : image + 1])
        scores.append(alone.compute()["miou-per-image"])
    together = _evaluator()
    together.update(pred, target)
    assert together.compute()["miou-per-image"] == pytest.approx(sum(scores) / 2)


def test_a_failing_metric_of_another_package_leaves_the_others_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    batches: list[str] = []

    def fails(logic: Logic, maps: Maps) -> torch.Tensor:
        maps.total(maps.target)
        if len(batches) > 1:
            raise ZeroDivisionError("at the second batch")
        return maps.total(logic.and_("and", maps.pred, maps.target)).sum()

    target, pred = labels(1), labels(2, void=0)
    without, parts = _evaluator(), [_evaluator(), _evaluator()]
    for _ in range(3):
        without.update(pred, target)
    expected = without.compute()
    monkeypatch.setitem(
        METRICS, "fails", Metric("fails", "Fails", "Fails.", "-", fails, package="theirs")
    )
    for part in parts:
        part.update(pred, target)
    batches += ["first", "second"]
    parts[0].update(pred, target)
    parts[1].merge(parts[0])
    scores = parts[1].compute()
    assert math.isnan(scores.pop("fails"))
    assert scores == pytest.approx(expected)
    assert [record.message for record in caplog.records] == [
        "The metric 'fails' of the package theirs fails and has no score: "
        "ZeroDivisionError: at the second batch"
    ]
    monkeypatch.setitem(METRICS, "fails", Metric("fails", "Fails", "Fails.", "-", fails))
    batches.clear()
    ours = _evaluator()
    ours.update(pred, target)
    batches += ["first", "second"]
    with pytest.raises(ZeroDivisionError):
        ours.update(pred, target)


def test_one_class_alone_has_no_agreement_beyond_chance() -> None:
    target, pred = torch.zeros(1, 8, 8).long(), labels(2, size=(1, 8, 8), void=0)
    evaluator = _evaluator()
    evaluator.update(pred, target)
    assert math.isnan(evaluator.compute()["kappa"])
    evaluator.update(pred, target.index_fill(2, torch.tensor([0]), 1))
    assert -1 <= evaluator.compute()["kappa"] < 1


def test_merging_into_an_empty_one_and_resetting() -> None:
    target, pred = labels(1), labels(2, void=0)
    full, empty = _evaluator(), _evaluator()
    full.update(pred, target)
    empty.merge(full)
    assert empty.compute() == full.compute()
    empty.reset()
    assert math.isnan(empty.compute()["miou"])
    with pytest.raises(InputError, match="same options"):
        full.merge(SegmentationEvaluator(CLASSES, tolerance=3))


@pytest.mark.parametrize(
    ("pred", "target", "message"),
    [
        (torch.zeros(1, 4, 4), torch.zeros(1, 4, 4).long(), "pred must be integer"),
        (
            torch.zeros(4, 4).long(),
            torch.zeros(4, 4).long(),
            r"target must have shape \(N, H, W\)",
        ),
        (torch.zeros(1, 4, 4).long(), torch.zeros(1, 4, 5).long(), "differ in shape"),
        (torch.zeros(1, 4, 4).long(), torch.full((1, 4, 4), 7), "target holds the label 7"),
        (torch.full((1, 4, 4), -1), torch.zeros(1, 4, 4).long(), "pred holds the label -1"),
    ],
)
def test_bad_input_is_refused_and_adds_nothing(
    pred: torch.Tensor, target: torch.Tensor, message: str
) -> None:
    evaluator = _evaluator()
    evaluator.update(labels(2, void=0), labels(1))
    before = evaluator.compute()
    with pytest.raises(InputError, match=message):
        evaluator.update(pred, target)
    assert evaluator.compute() == before
