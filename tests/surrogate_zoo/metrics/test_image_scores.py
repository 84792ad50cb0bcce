"""IoU of single classes and images, against plain counting."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from surrogate_zoo import METRICS, SegmentationEvaluator
from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.image_scores import ImageScores

CLASSES = 4
Labels = tuple[Tensor, Tensor]  # predicted and true, (N, H, W)


@pytest.fixture
def labels() -> Labels:
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(0, CLASSES - 1, (25, 6, 7), generator=generator)
    target[torch.rand(target.shape, generator=generator) < 0.1] = 255
    target[3] = 255
    return torch.randint(0, CLASSES - 1, target.shape, generator=generator), target


def scored(pred: Tensor, target: Tensor, size: int) -> ImageScores:
    scores = ImageScores(CLASSES)
    for part in zip(torch.split(pred, size), torch.split(target, size), strict=True):
        scores.update(*part)
    return scores


def plain_iou(pred: Tensor, target: Tensor, label: int) -> float:
    valid = target != 255
    either = ((pred == label) | (target == label)) & valid
    both = (pred == label) & (target == label)
    return both.sum().item() / either.sum().item() if either.any() else math.nan


@pytest.mark.parametrize("size", [1, 4, 25])
def test_classes_and_images_are_counted_as_by_hand(labels: Labels, size: int) -> None:
    pred, target = labels
    scores = scored(pred, target, size)
    by_class = [plain_iou(pred, target, label) for label in range(CLASSES)]
    assert scores.class_iou() == pytest.approx(by_class, nan_ok=True)
    assert math.isnan(by_class[-1])  # in no image
    by_image: list[float] = []
    for p, t in zip(pred, target, strict=True):
        ious = [plain_iou(p, t, label) for label in range(CLASSES)]
        by_image.append(float(np.nanmean(ious)) if not all(map(math.isnan, ious)) else math.nan)
    assert scores.image_miou() == pytest.approx(by_image, nan_ok=True)
    worst = sorted(score for score in by_image if not math.isnan(score))[:2]  # a tenth of 24
    assert scores.worst_decile() == pytest.approx(np.mean(worst))


def test_the_means_are_those_of_the_metrics(labels: Labels) -> None:
    pred, target = labels
    evaluator = SegmentationEvaluator(CLASSES)
    evaluator.update(pred, target)
    scores, means = scored(pred, target, 5), evaluator.compute()
    assert np.nanmean(scores.class_iou()) == pytest.approx(means["miou"])
    assert "miou-per-image" in METRICS
    assert np.nanmean(scores.image_miou()) == pytest.approx(means["miou-per-image"])


def test_nothing_to_measure() -> None:
    assert ImageScores(CLASSES).image_miou() == []
    assert all(map(math.isnan, ImageScores(CLASSES).class_iou()))
    assert math.isnan(ImageScores(CLASSES).worst_decile())


def test_a_label_out_of_range_is_refused_and_adds_nothing(labels: Labels) -> None:
    pred, target = labels
    scores = ImageScores(CLASSES)
    with pytest.raises(InputError, match="pred"):
        scores.update(pred + 3, target)
    assert scores.image_miou() == []
