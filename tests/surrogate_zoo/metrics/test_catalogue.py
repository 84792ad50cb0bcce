"""What holds for every metric of the registry, whatever its function says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from surrogate_zoo import METRICS, SegmentationEvaluator, SurrogateLoss
from surrogate_zoo.errors import InputError, UnknownNameError
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.metrics.logic import Logic
from surrogate_zoo.metrics.maps import Maps
from surrogate_zoo.metrics.metric import Metric
from surrogate_zoo.metrics.sites import curve_names
from tests.surrogate_zoo.batches import VOID, labels, one_hot_logits, thetas
from tests.surrogate_zoo.metrics.references import REFERENCES, Masks

CLASSES = 4


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("exclude_background", [False, True])
@given(st.data())
def test_on_one_hot_input_the_surrogate_is_the_metric(
    metric: str, exclude_background: bool, data: st.DataObject
) -> None:
    seed = data.draw(st.integers(0, 2**20))
    segments = data.draw(st.integers(1, 3))
    tolerance = data.draw(st.integers(0, 3))
    present = data.draw(st.integers(1, CLASSES))  # the others are absent from target or from both
    space = ParameterSpace(metric, segments=segments)
    points = space.control_points(data.draw(thetas(space.dimension)))
    target = labels(seed, classes=present, void=data.draw(st.sampled_from([0.0, 0.2])))
    pred = labels(seed + 1, classes=data.draw(st.integers(1, CLASSES)), void=0)
    right = torch.rand(pred.shape, generator=torch.Generator().manual_seed(seed)) < 0.5
    pred = torch.where(right, target % VOID, pred)
    options: dict[str, Any] = {"tolerance": tolerance, "exclude_background": exclude_background}
    evaluator = SegmentationEvaluator(CLASSES, **options)
    evaluator.update(pred, target)
    exact = evaluator.compute()[metric]
    flat = [value for name in METRICS[metric].curves for value in points[name]]
    for control_points in (flat, None):
        surrogate = SurrogateLoss(metric, control_points, num_classes=CLASSES, **options)
        score = 1 - surrogate(one_hot_logits(pred, CLASSES), target).item()
        assert score == pytest.approx(1.0 if np.isnan(exact) else exact, abs=1e-9)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("exclude_background", [False, True])
@pytest.mark.parametrize(("true", "predicted"), [(CLASSES, CLASSES), (2, CLASSES), (CLASSES, 2)])
def test_it_is_what_its_definition_says(
    metric: str, exclude_background: bool, true: int, predicted: int
) -> None:
    for seed in range(3):
        target = labels(seed, size=(3, 16, 19), classes=true)
        pred = labels(seed + 50, size=(3, 16, 19), classes=predicted, void=0)
        target[0] = target[0] if seed else VOID  # an image without a label
        masks = Masks(pred.numpy(), target.numpy(), CLASSES, seed, exclude_background)
        assert _exact(metric, masks) == pytest.approx(REFERENCES[metric](masks), abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_it_is_what_its_definition_says_on_real_masks(metric: str, real_datasets: Path) -> None:
    files = sorted((real_datasets / "camvid" / "valannot").glob("*.png"))[:60:20]
    target = np.stack([np.array(Image.open(path).resize((120, 90), 0)) for path in files])
    target[target == 11] = VOID
    pred = np.roll(target, 2, axis=2)
    pred[pred == VOID] = 3
    masks = Masks(pred, target, 11, 3)  # 2% of the diagonal
    score = _exact(metric, masks)
    assert 0.1 < score < 0.99
    assert score == pytest.approx(REFERENCES[metric](masks), abs=1e-12)


def _exact(metric: str, masks: Masks) -> float:
    evaluator = SegmentationEvaluator(
        masks.classes, tolerance=masks.tolerance, exclude_background=masks.exclude_background
    )
    for pred, target in zip(masks.pred, masks.target, strict=True):
        evaluator.update(torch.from_numpy(pred)[None], torch.from_numpy(target)[None])
    return evaluator.compute()[metric]


@pytest.mark.parametrize("metric", METRICS)
@given(st.data())
def test_a_surrogate_is_never_above_one(metric: str, data: st.DataObject) -> None:
    space = ParameterSpace(metric)
    points = space.control_points(data.draw(thetas(space.dimension)))
    flat = [value for name in METRICS[metric].curves for value in points[name]]
    seed = data.draw(st.integers(0, 2**20))
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(2, CLASSES, 9, 11, generator=generator, dtype=torch.float64)
    loss = SurrogateLoss(metric, flat, num_classes=CLASSES, tolerance=1)(logits, labels(seed))
    assert loss > -1e-12


@pytest.mark.parametrize("metric", METRICS)
def test_a_perfect_prediction_scores_one(metric: str) -> None:
    target = labels(3, void=0.2)
    evaluator = SegmentationEvaluator(CLASSES)
    evaluator.update(target % VOID, target)
    assert evaluator.compute()[metric] == 1


@pytest.mark.parametrize("metric", METRICS)
def test_better_predictions_score_higher(metric: str) -> None:
    target = labels(5, size=(2, 30, 30), void=0)
    scores = []
    for share in (0.9, 0.5, 0.1):
        evaluator = SegmentationEvaluator(CLASSES, tolerance=1)
        wrong = torch.rand(target.shape, generator=torch.Generator().manual_seed(1)) < share
        evaluator.update(torch.where(wrong, (target + 1) % CLASSES, target), target)
        scores.append(evaluator.compute()[metric])
    assert scores == sorted(scores)
    assert scores[0] < scores[-1]


def test_every_entry_is_documented() -> None:
    for name, metric in METRICS.items():
        assert name == metric.name
        assert metric.title
        assert metric.source
        assert metric.summary.endswith(".")
        assert len(set(metric.curves)) == len(metric.curves) > 0


def test_an_unknown_metric_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"no metric named .iou..*miou"):
        METRICS["iou"]


def test_a_metric_of_ones_own_is_one_function() -> None:
    def overlap(logic: Logic, maps: Maps) -> torch.Tensor:
        both = maps.total(logic.and_("both", maps.pred, maps.target))
        sizes = maps.total(maps.pred) + maps.total(maps.target)
        return maps.class_mean(maps.ratio(2 * both, sizes), maps.exists(maps.pred, maps.target))

    metric = Metric("overlap", "Overlap", "Overlap of sizes.", "-", overlap)
    assert metric.curves == ("both",)


def test_a_torch_function_inside_a_metric_is_traced() -> None:
    def with_torch(logic: Any, maps: Any) -> torch.Tensor:
        both = logic.and_("both", maps.pred, torch.maximum(maps.pred, maps.target))
        return torch.sqrt(maps.total(both)).mean()

    assert curve_names(with_torch) == ("both.first", "both.second")


def test_a_metric_that_never_uses_its_logic_is_refused() -> None:
    with pytest.raises(InputError, match="never applies its logic"):
        curve_names(lambda _, maps: maps.total(maps.target).mean())
