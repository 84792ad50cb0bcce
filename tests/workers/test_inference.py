import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.workers import tiny
from workers.datasets import VOID, Samples
from workers.image_stack import normalise, stack_by_size
from workers.inference import batches, evaluate, predict
from workers.specs import ScoringSpec

CPU = torch.device("cpu")


class Brightness(nn.Module):
    """Labels a pixel by its brightness: class 0, 1 or 2; only sides that are multiples of 32."""

    def forward(self, images: Tensor) -> Tensor:
        assert images.shape[2] % 32 == images.shape[3] % 32 == 0
        levels = normalise(torch.tensor([[30.0] * 3, [120.0] * 3, [220.0] * 3])).mean(1)
        return -(images.mean(1, keepdim=True) - levels[:, None, None]).abs()


def bright(labels: np.ndarray) -> np.ndarray:
    grey = np.array([30, 120, 220], dtype=np.uint8)[labels]
    return np.repeat(grey[..., None], 3, axis=-1)


def samples(*sizes: tuple[int, int], wrong: int = 0) -> Samples:
    random = np.random.default_rng(0)
    masks = [random.integers(0, 3, size, dtype=np.uint8) for size in sizes]
    images = tuple(bright(mask) for mask in masks)
    for mask in masks:
        mask.ravel()[:wrong] = (mask.ravel()[:wrong] + 1) % 3
        mask.ravel()[wrong : wrong + 5] = VOID
    return Samples(tuple(map(str, range(len(sizes)))), images, tuple(masks))


@pytest.mark.parametrize("size", [(32, 64), (33, 50), (7, 11), (100, 31)])
def test_any_size_is_predicted_and_perfect_predictions_score_one(size: tuple[int, int]) -> None:
    of = samples(size, size, (40, 40))
    stacks = stack_by_size(of, CPU, range(3))
    assert predict(Brightness(), stacks[0].images).shape == (2, *size)
    scores = evaluate(Brightness(), stacks, 3, tiny.SCORING)
    assert scores.keys() >= {"miou", "macc", "gacc", "mba", "trimap_1", "trimap_10"}
    assert all(score == pytest.approx(1.0) for score in scores.values())


def test_scores_are_those_of_all_pixels_together() -> None:
    of = samples((20, 20), (10, 40), wrong=60)
    scores = evaluate(Brightness(), stack_by_size(of, CPU, range(2)), 3, tiny.SCORING)
    assert scores["gacc"] == pytest.approx(1 - 120 / (800 - 10))


def test_measures_near_borders_are_those_of_all_images_together() -> None:
    of = samples((20, 20), (10, 40), wrong=60)
    scores = evaluate(Brightness(), stack_by_size(of, CPU, range(2)), 3, tiny.SCORING)
    # The labels are drawn pixel by pixel, so the widest band is all there is.
    assert scores["trimap_10"] == pytest.approx(scores["miou"])
    assert scores["trimap_1"] < 1
    assert scores["mba"] == pytest.approx(scores["gacc"], abs=0.02)


def test_scoring_options_arrive() -> None:
    of = samples((64, 64), wrong=800)
    stacks = stack_by_size(of, CPU, range(1))
    strict = evaluate(Brightness(), stacks, 3, ScoringSpec(tolerance=0))
    lenient = evaluate(Brightness(), stacks, 3, ScoringSpec(tolerance=5))
    without = evaluate(Brightness(), stacks, 3, ScoringSpec(tolerance=0, exclude_background=True))
    assert strict["bf1"] < lenient["bf1"]
    assert without["bf1"] != strict["bf1"]
    assert strict["miou"] == lenient["miou"]


def test_large_images_come_in_small_batches() -> None:
    of = samples(*[(1000, 900)] * 5)
    sizes = [len(images) for images, _ in batches(stack_by_size(of, CPU, range(5)))]
    assert sizes == [2, 2, 1]


def test_metrics_without_anything_to_measure_are_left_out() -> None:
    blank = Samples(
        ("a",), (np.zeros((32, 32, 3), np.uint8),), (np.full((32, 32), VOID, np.uint8),)
    )
    assert evaluate(Brightness(), stack_by_size(blank, CPU, [0]), 3, tiny.SCORING) == {}
