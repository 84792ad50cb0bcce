"""mBA and trimap mIoU against plain versions with explicit disks, on random and on real masks."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage
from scipy.spatial import distance

from surrogate_zoo import BoundaryEvaluator, SegmentationEvaluator
from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.boundary_evaluator import mba_radii
from tests.surrogate_zoo.batches import VOID, labels

CLASSES = 4
WIDTHS = (1, 2, 5, 10)

# getStructuringElement(MORPH_ELLIPSE, (2 r + 1, 2 r + 1)) of OpenCV 5.0.
OPENCV_ROWS = {
    1: ("010", "111", "010"),
    2: ("00100", "11111", "11111", "11111", "00100"),
    3: ("0001000", "0111110", "1111111", "1111111", "1111111", "0111110", "0001000"),
}
DISKS = {
    radius: np.array([list(row) for row in rows]) == "1" for radius, rows in OPENCV_ROWS.items()
}


def _plain_mba(preds: np.ndarray, targets: np.ndarray, *, as_released: bool = False) -> float:
    """Dilation minus erosion, class by class and image by image."""
    accuracies = []
    for pred, target in zip(preds, targets, strict=True):
        void = target == VOID
        unseen = np.zeros_like(void) if as_released else void
        shares = []
        for radius in mba_radii(*target.shape):
            region = np.zeros_like(void)
            for label in set(target[~void].tolist()):
                mask = target == label
                grown = ndimage.binary_dilation(mask, DISKS[radius])
                shrunk = ndimage.binary_erosion(mask | unseen, DISKS[radius], border_value=1)
                region |= grown & ~shrunk
            region &= ~void
            if region.any():
                shares.append((pred == target)[region].mean())
        if shares:
            accuracies.append(np.mean(shares))
    return float(np.mean(accuracies)) if accuracies else math.nan


def _distances(target: np.ndarray, *, as_released: bool = False) -> np.ndarray:
    """Distance of every valid pixel to the nearest pixel of another class, by comparing all pairs."""
    places, flat = np.argwhere(np.ones_like(target)), target.ravel()
    between = distance.cdist(places, places)
    other = flat[:, None] != flat[None]
    if not as_released:
        other &= flat[None] != VOID
    nearest: np.ndarray = np.where(other, between, np.inf).min(1)
    return nearest.reshape(target.shape)


def _class_distances(target: np.ndarray) -> np.ndarray:
    """The same by one distance transform a class, for images too large for all pairs."""
    distances = np.full(target.shape, np.inf)
    for label in set(target[target != VOID].tolist()):
        others = (target != label) & (target != VOID)
        if others.any():
            inside = target == label
            distances[inside] = ndimage.distance_transform_edt(~others)[inside]
    return distances


def _plain_miou(pred: np.ndarray, target: np.ndarray, where: np.ndarray) -> float:
    where = where & (target != VOID)
    pred, target = pred[where], target[where]
    scores = [
        ((pred == label) & (target == label)).sum() / ((pred == label) | (target == label)).sum()
        for label in {*pred.tolist(), *target.tolist()}
    ]
    return float(np.mean(scores)) if scores else math.nan


def _scores(
    preds: torch.Tensor, targets: torch.Tensor, classes: int = CLASSES, **options: Any
) -> dict[str, float]:
    evaluator = BoundaryEvaluator(classes, **options)
    evaluator.update(preds, targets)
    return evaluator.compute()


@given(
    seed=st.integers(0, 10_000),
    sides=st.tuples(st.integers(1, 14), st.integers(1, 17)),
    classes=st.sampled_from([2, 4, 253, 254, 300]),
    void=st.sampled_from([0.0, 0.2, 0.9]),
    as_released=st.booleans(),
)
def test_it_agrees_with_plain_versions(
    seed: int, sides: tuple[int, int], classes: int, void: float, as_released: bool
) -> None:
    size, few = (2, *sides), min(classes, CLASSES)
    targets = labels(seed, classes=few, size=size, void=void)
    preds = labels(seed + 1, classes=few, size=size, void=0)
    # The last labels there are, whatever type holds them; the plain versions take the first ones.
    last = torch.where(targets == VOID, 1000, targets + classes - few)
    options = {"ignore_index": 1000, "as_released": as_released}
    computed = _scores(preds + classes - few, last, classes, **options)
    p, t = preds.numpy(), targets.numpy()
    gaps = np.stack([_distances(mask, as_released=as_released) for mask in t])
    trimaps = {f"trimap_{w}": _plain_miou(p, t, gaps <= w) for w in WIDTHS}
    trimaps["mba"] = _plain_mba(p, t, as_released=as_released)
    assert computed == pytest.approx(trimaps, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("as_released", [False, True])
@pytest.mark.parametrize(("width", "radii"), [(900, [1, 1, 1, 2, 2]), (1200, [1, 1, 2, 2, 3])])
def test_the_disk_grows_with_the_image(width: int, radii: list[int], as_released: bool) -> None:
    assert mba_radii(7, width) == radii
    targets, preds = labels(5, size=(2, 7, width)), labels(6, size=(2, 7, width), void=0)
    computed = _scores(preds, targets, as_released=as_released)["mba"]
    expected = _plain_mba(preds.numpy(), targets.numpy(), as_released=as_released)
    assert computed == pytest.approx(expected, abs=1e-12)


def test_radii_are_those_of_the_released_evaluation() -> None:
    assert mba_radii(120, 160) == mba_radii(274, 400) == [1] * 5
    assert mba_radii(275, 400) == [1, 1, 1, 1, 2]
    assert mba_radii(1024, 2048) == [1, 2, 4, 6, 8]
    assert mba_radii(1440, 1920) == [1, 3, 5, 7, 9]


def _real_masks(folder: Path, count: int) -> list[np.ndarray]:
    files = sorted((folder / "camvid" / "valannot").glob("*.png"))[:count]
    masks = [np.asarray(Image.open(file), dtype=np.int64) for file in files]
    return [np.where(mask == 11, VOID, mask) for mask in masks]


def test_real_masks_against_shifted_ones(real_datasets: Path) -> None:
    masks = np.stack(_real_masks(real_datasets, 3))[:, ::2, ::2]
    moved = np.roll(masks, (1, 2), (1, 2))
    preds = np.where(moved == VOID, 0, moved)
    computed = _scores(torch.from_numpy(preds), torch.from_numpy(masks), 11, outside=True)
    gaps = np.stack([_class_distances(mask) for mask in masks])
    trimaps = {f"trimap_{w}": _plain_miou(preds, masks, gaps <= w) for w in WIDTHS}
    beyond = {f"outside_{w}": _plain_miou(preds, masks, gaps > w) for w in WIDTHS}
    expected = {"mba": _plain_mba(preds, masks), **trimaps, **beyond}
    assert computed == pytest.approx(expected, abs=1e-12)


def test_eroded_real_masks_lose_most_at_the_border(real_datasets: Path) -> None:
    (mask,) = _real_masks(real_datasets, 1)
    road = mask == 3
    eroded = np.where(road & ~ndimage.binary_erosion(road, border_value=1), 4, mask)
    targets = torch.from_numpy(mask)[None]
    preds = torch.from_numpy(np.where(eroded == VOID, 0, eroded))[None]
    scores = _scores(preds, targets, 11, outside=True)
    curve = [scores[f"trimap_{width}"] for width in WIDTHS]
    assert curve == sorted(curve) != [1.0] * len(curve)
    assert scores["outside_1"] > 0.99


def _half(column: int) -> torch.Tensor:
    """Class 0 left of ``column``, class 1 from there on, (1, 30, 60)."""
    return (torch.arange(60) >= column).long().expand(1, 30, 60)


def test_a_shifted_border_costs_narrow_bands_most() -> None:
    scores = _scores(_half(31), _half(30), 2)
    # Of the band's 2 w columns the one right of the border is wrong.
    for width in WIDTHS:
        iou = (width / (width + 1) + (width - 1) / width) / 2
        assert scores[f"trimap_{width}"] == pytest.approx(iou)
    assert scores["mba"] == pytest.approx(0.5)


def test_a_perfect_prediction_scores_one() -> None:
    targets = labels(1, size=(3, 20, 30))
    scores = _scores(targets, targets, outside=True, widths=(1, 3))
    assert list(scores) == ["mba", "trimap_1", "trimap_3", "outside_1", "outside_3"]
    del scores["outside_3"]  # nothing lies as far from a border
    assert scores == dict.fromkeys(scores, 1.0)


def test_outside_and_inside_are_all_there_is() -> None:
    preds, targets = _half(32), _half(30)
    scores = _scores(preds, targets, 2, outside=True)
    assert scores["outside_1"] < 1 == scores["outside_2"] == scores["outside_10"]
    wide = _scores(preds, targets, 2, widths=(30,))
    region = SegmentationEvaluator(2)
    region.update(preds, targets)
    assert wide["trimap_30"] == pytest.approx(region.compute()["miou"])


def test_what_was_predicted_at_void_pixels_does_not_matter() -> None:
    targets, preds = labels(1), labels(2, void=0)
    elsewhere = torch.where(targets == VOID, 254, preds)
    assert _scores(preds, targets) == _scores(elsewhere, targets)


def test_void_makes_no_border_unless_as_released() -> None:
    targets = torch.zeros(1, 12, 12, dtype=torch.int64)
    targets[:, 4:8, 4:8] = VOID
    zeros = torch.zeros_like(targets)
    for images in (targets, targets[:0]):
        scores = _scores(zeros[: len(images)], images)
        assert all(math.isnan(score) for score in scores.values())
    assert set(_scores(zeros, targets, as_released=True).values()) == {1.0}


def test_a_border_reaches_across_void() -> None:
    targets = _half(30).clone()
    targets[:, :, 28:32] = VOID  # 27 and 32 are five apart
    scores = _scores(targets.masked_fill(targets == VOID, 0), targets, 2)
    assert [name for name, score in scores.items() if score == 1] == ["trimap_5", "trimap_10"]
    assert math.isnan(scores["trimap_2"])


def test_an_image_without_boundary_is_left_out_of_the_mean() -> None:
    blank = torch.zeros_like(_half(30))
    alone = _scores(_half(31), _half(30), 2)["mba"]
    assert _scores(torch.cat([_half(31), blank]), torch.cat([_half(30), blank]), 2)["mba"] == alone


def test_a_region_without_pixels_is_left_out_of_its_image() -> None:
    targets = (torch.arange(900) > 400).long().expand(1, 7, 900).clone()
    targets[:, :, 400] = VOID  # two pixels part the classes: the disk of radius 1 finds none
    assert _scores(targets.masked_fill(targets == VOID, 0), targets, 2)["mba"] == 1


@given(st.permutations(range(5)), st.lists(st.integers(1, 4), max_size=4), st.booleans())
def test_order_and_split_of_batches_do_not_matter(
    order: list[int], cuts: list[int], as_released: bool
) -> None:
    targets, preds = labels(1, size=(5, 9, 9)), labels(2, size=(5, 9, 9), void=0)
    whole = _scores(preds, targets, as_released=as_released)
    parts = BoundaryEvaluator(CLASSES, as_released=as_released)
    for start, end in pairwise(sorted({0, *cuts, 5})):
        other = BoundaryEvaluator(CLASSES, as_released=as_released)
        other.update(preds[order[start:end]], targets[order[start:end]])
        parts.merge(other)
    assert parts.compute() == pytest.approx(whole, abs=1e-12, nan_ok=True)


def test_images_of_any_size_count_once_each() -> None:
    evaluator = BoundaryEvaluator(2)
    evaluator.update(_half(31), _half(30))  # mBA 1/2
    evaluator.update(_half(30)[:, :5, 20:40], _half(30)[:, :5, 20:40])  # mBA 1
    assert evaluator.compute()["mba"] == pytest.approx(0.75)


def test_merging_leaves_the_other_as_it_was_and_resetting_forgets() -> None:
    full, other = BoundaryEvaluator(CLASSES), BoundaryEvaluator(CLASSES)
    full.update(labels(2, void=0), labels(1))
    before = full.compute()
    other.merge(full)
    other.update(labels(4, void=0), labels(3))
    assert full.compute() == before
    other.reset()
    assert all(math.isnan(score) for score in other.compute().values())


@pytest.mark.parametrize(
    "options", [{"widths": (1, 2)}, {"ignore_index": 0}, {"outside": True}, {"as_released": True}]
)
def test_evaluators_with_other_options_are_not_merged(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="same options"):
        BoundaryEvaluator(4).merge(BoundaryEvaluator(4, **options))


@pytest.mark.parametrize("widths", [(), (0,), (1.5,), (2, -1)])
def test_widths_are_whole_pixels(widths: Any) -> None:
    with pytest.raises(InputError, match="widths must be whole numbers"):
        BoundaryEvaluator(4, widths=widths)


@pytest.mark.parametrize(
    ("pred", "target", "message"),
    [
        (torch.zeros(1, 4, 4), torch.zeros(1, 4, 4).long(), "pred must be integer"),
        (torch.zeros(1, 4, 4).long(), torch.zeros(1, 4, 5).long(), "differ in shape"),
        (torch.zeros(1, 4, 4).long(), torch.full((1, 4, 4), 7), "target holds the label 7"),
        (torch.full((1, 4, 4), -1), torch.zeros(1, 4, 4).long(), "pred holds the label -1"),
    ],
)
def test_bad_input_is_refused_and_adds_nothing(
    pred: torch.Tensor, target: torch.Tensor, message: str
) -> None:
    evaluator = BoundaryEvaluator(CLASSES)
    evaluator.update(labels(2, void=0), labels(1))
    before = evaluator.compute()
    with pytest.raises(InputError, match=message):
        evaluator.update(pred, target)
    assert evaluator.compute() == before
