import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from surrogate_zoo import METRICS, SegmentationEvaluator
from surrogate_zoo.errors import InputError
from tests.surrogate_zoo.batches import VOID, labels

CLASSES = 4


def _evaluator(**options: object) -> SegmentationEvaluator:
    return SegmentationEvaluator(CLASSES, tolerance=2, **options)  # type: ignore[arg-type]


def _confusion(pred: np.ndarray, target: np.ndarray) -> np.ndarray:
    valid = target != VOID
    return np.bincount(
        CLASSES * target[valid].astype(int) + pred[valid], minlength=CLASSES**2
    ).reshape(CLASSES, CLASSES)


@pytest.mark.parametrize("seed", range(5))
def test_region_metrics_agree_with_the_confusion_matrix(seed: int) -> None:
    target, pred = labels(seed), labels(seed + 100, void=0)
    evaluator = _evaluator()
    evaluator.update(pred, target)
    scores = evaluator.compute()
    counts = _confusion(pred.numpy(), target.numpy())
    hit, true = counts.diagonal(), counts.sum(1)
    iou = hit / (true + counts.sum(0) - hit)
    assert scores["miou"] == pytest.approx(iou.mean())
    assert scores["fwiou"] == pytest.approx((iou * true).sum() / true.sum())
    assert scores["macc"] == pytest.approx((hit / true).mean())
    assert scores["gacc"] == pytest.approx(hit.sum() / true.sum())


def _edges(mask: np.ndarray, void: np.ndarray) -> np.ndarray:
    """Plain version: a pixel of the class with a valid neighbour that is not of the class."""
    padded, seen = np.pad(mask, 1, constant_values=True), np.pad(~void, 1, constant_values=False)
    edge = np.zeros_like(mask)
    for row, column in np.argwhere(mask & ~void):
        window = (slice(row, row + 3), slice(column, column + 3))
        edge[row, column] = (seen[window] & ~padded[window]).any()
    return edge


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("exclude_background", [False, True])
def test_boundary_metrics_agree_with_a_plain_version(seed: int, exclude_background: bool) -> None:
    target, pred = labels(seed, size=(2, 16, 19)), labels(seed + 50, size=(2, 16, 19), void=0)
    evaluator = _evaluator(exclude_background=exclude_background)
    evaluator.update(pred, target)
    scores = evaluator.compute()
    square = np.ones((5, 5), bool)
    hits = np.zeros((CLASSES, 4))
    counts = np.zeros((CLASSES, CLASSES), int)
    for p, t in zip(pred.numpy(), target.numpy(), strict=True):
        void = t == VOID
        band = np.zeros_like(void)
        for c in range(CLASSES):
            true, found = _edges(t == c, void), _edges((p == c) & ~void, void)
            near_true, near_found = (ndimage.binary_dilation(e, square) for e in (true, found))
            hits[c] += [
                (found & near_true).sum(),
                found.sum(),
                (true & near_found).sum(),
                true.sum(),
            ]
            if c > 0 or not exclude_background:
                band |= near_true
        inside = np.where(band, t, VOID)
        counts += _confusion(p, inside)
    precision, recall = hits[:, 0] / hits[:, 1], hits[:, 2] / hits[:, 3]
    f1 = 2 * precision * recall / (precision + recall)
    assert scores["bf1"] == pytest.approx(f1[int(exclude_background) :].mean())
    hit = counts.diagonal()
    assert scores["biou"] == pytest.approx((hit / (counts.sum(0) + counts.sum(1) - hit)).mean())


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
            "pred must be integer labels of shape",
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
