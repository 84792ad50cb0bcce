"""Evaluators of one channel, of multi-labels and of volumes, against plain NumPy."""

import numpy as np
import pytest
import torch
from torch import Tensor

from surrogate_zoo import METRICS, BoundaryEvaluator, SegmentationEvaluator
from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.image_scores import ImageScores
from tests.surrogate_zoo.batches import VOID, labels
from tests.surrogate_zoo.metrics.references import REFERENCES, Masks

CHANNELS = 3


def _channels(seed: int, void: float = 0.2) -> Tensor:
    """Channels (2, 3, 9, 11) of 0, 1 and void, which overlap."""
    parts = [labels(seed + 7 * c, classes=2, void=void) for c in range(CHANNELS)]
    return torch.stack(parts, 1)


def _volume(seed: int, void: float = 0.2, classes: int = 3) -> Tensor:
    """Labels (1, 4, 7, 8)."""
    return labels(seed, classes=classes, size=(4, 7, 8), void=void)[None]


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int32])
def test_one_channel_is_two_classes(dtype: torch.dtype) -> None:
    pred, target = labels(1, classes=2, void=0), labels(2, classes=2)
    two, one = SegmentationEvaluator(2), SegmentationEvaluator(1)
    two.update(pred, target)
    one.update(pred[:, None].to(dtype), target[:, None].to(torch.uint8))
    assert one.compute() == two.compute()


def _expected(pred: Tensor, target: Tensor) -> dict[str, float]:
    """Means over channels of what is on, from the definitions of the metrics."""
    parts = [
        Masks(pred[:, c].numpy(), target[:, c].numpy(), 2, 2, exclude_background=True)
        for c in range(CHANNELS)
    ]
    hits, true, predicted = np.array([[of.hits[1], of.true[1], of.predicted[1]] for of in parts]).T
    iou = hits / (true + predicted - hits)
    right = sum(int(of.hits.sum()) for of in parts)
    return {
        "miou": iou.mean(),
        "dice": (2 * hits / (true + predicted)).mean(),
        "macc": (hits / true).mean(),
        "precision": (hits / predicted).mean(),
        "fwiou": np.average(iou, weights=true),
        "cwiou": np.average(iou, weights=1 / true),
        "gacc": right / int((target != VOID).sum()),
        "bf1": np.mean([REFERENCES["bf1"](of) for of in parts]),
        "boundary-iou": np.mean([REFERENCES["boundary-iou"](of) for of in parts]),
    }


def test_a_multilabel_is_measured_by_what_is_on() -> None:
    pred, target = _channels(1, void=0), _channels(2)
    evaluator = SegmentationEvaluator(CHANNELS, mode="multilabel", tolerance=2)
    evaluator.update(pred[:1], target[:1])
    evaluator.update(pred[1:].bool(), target[1:].to(torch.uint8))
    scores = evaluator.compute()
    assert "kappa" not in scores
    assert scores.keys() | {"kappa"} == METRICS.keys()
    for name, expected in _expected(pred, target).items():
        assert scores[name] == pytest.approx(expected), name
    right = SegmentationEvaluator(CHANNELS, mode="multilabel")
    right.update(target % VOID, target)
    assert set(right.compute().values()) == {1.0}


def test_images_and_borders_of_a_multilabel() -> None:
    pred, target = _channels(3, void=0), _channels(4)
    scores = ImageScores(CHANNELS, mode="multilabel")
    scores.update(pred, target)
    evaluator = SegmentationEvaluator(CHANNELS, mode="multilabel")
    evaluator.update(pred, target)
    assert np.mean(scores.class_iou()) == pytest.approx(evaluator.compute()["miou"])
    assert len(scores.image_miou()) == len(pred)
    borders = BoundaryEvaluator(CHANNELS, mode="multilabel", widths=(100,))
    borders.update(pred, target)  # so wide that it is all pixels
    assert borders.compute()["trimap_100"] == pytest.approx(evaluator.compute()["miou"])


@pytest.mark.parametrize("name", REFERENCES)
def test_volumes_are_measured_by_their_definitions(name: str) -> None:
    pred, target = _volume(5, void=0), _volume(6)
    evaluator = SegmentationEvaluator(3, tolerance=2)
    evaluator.update(pred, target)
    expected = REFERENCES[name](Masks(pred.numpy(), target.numpy(), 3, 2))
    assert evaluator.compute()[name] == pytest.approx(expected)


def test_a_trimap_of_a_volume_is_a_band_of_voxels() -> None:
    pred, target = _volume(7, void=0), _volume(8)
    evaluator = BoundaryEvaluator(3, widths=(2,))
    evaluator.update(pred, target)
    numbers, valid = target[0].numpy(), target[0].numpy() != VOID
    places = np.argwhere(valid)
    apart = ((places[:, None] - places[None]) ** 2).sum(-1) <= 2**2
    own = numbers[valid]
    band = (apart & (own[:, None] != own)).any(1)
    inside = np.full_like(numbers, VOID)
    inside[tuple(places[band].T)] = own[band]
    masks = Masks(pred.numpy(), inside[None], 3, 0)
    scores = evaluator.compute()
    assert scores["trimap_2"] == pytest.approx(REFERENCES["miou"](masks))
    slices = BoundaryEvaluator(3)
    slices.update(pred[0], target[0])
    assert scores["mba"] == pytest.approx(slices.compute()["mba"])


def test_what_a_multilabel_has_not_is_refused() -> None:
    with pytest.raises(InputError, match="as_released is of one class a pixel"):
        SegmentationEvaluator(2, mode="multilabel", as_released=True)
    with pytest.raises(InputError, match="mode must be multiclass or multilabel, not 'binary'"):
        SegmentationEvaluator(2, mode="binary")
    with pytest.raises(InputError, match="num_classes must be at least 1, not 0"):
        SegmentationEvaluator(0)
    evaluator = SegmentationEvaluator(3, mode="multilabel")
    with pytest.raises(InputError, match=r"pred must have shape \(N, 3, H, W\)"):
        evaluator.update(labels(1), _channels(1))
    with pytest.raises(InputError, match=r"target holds the label 2; classes are 0\.\.1"):
        evaluator.update(_channels(1, void=0), _channels(1).masked_fill(_channels(1) == 1, 2))
