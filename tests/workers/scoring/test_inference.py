"""Predictions over windows, scales and flips, their scores, and labels chosen by rankseg."""

from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from surrogate_zoo import ImageScores
from tests.workers import tiny
from workers.datasets.dataset import VOID, Samples
from workers.learning.image_stack import stack_by_size
from workers.networks.image_format import normalise
from workers.scoring.inference import batches, evaluate, predict, window_starts
from workers.tasks.scoring import InferenceSpec, ScoringSpec

CPU = torch.device("cpu")


class Brightness(nn.Module):
    """Labels a pixel by its brightness: class 0, 1 or 2; only sides that are multiples of 32."""

    def forward(self, images: Tensor) -> Tensor:
        assert images.shape[2] % 32 == images.shape[3] % 32 == 0
        levels = normalise(torch.tensor([[30.0] * 3, [120.0] * 3, [220.0] * 3])).mean(1)
        return -(images.mean(1, keepdim=True) - levels[:, None, None]).abs()


class Smooth(nn.Module):
    """Logits from a 5x5 neighbourhood whose weights are the same mirrored, or not."""

    def __init__(self, *, mirrors: bool) -> None:
        super().__init__()
        weight = torch.randn((3, 3, 5, 5), generator=torch.Generator().manual_seed(0))
        self.weight = weight + weight.flip(3) if mirrors else weight
        self.seen: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(tuple(images.shape))
        return nn.functional.conv2d(images, self.weight, padding=2)


class Left(nn.Module):
    """Is sure of class 1 in the first column of what it sees, and of class 0 elsewhere, a bit less."""

    def forward(self, images: Tensor) -> Tensor:
        logits = images.new_zeros((len(images), 2, *images.shape[2:]))
        logits[:, 0], logits[:, 1, :, 0] = 3.0, 5.0
        return logits


def noise(*size: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (2, *size, 3), dtype=torch.uint8, generator=generator)


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


@pytest.mark.parametrize("length", [16, 17, 40, 97])
@pytest.mark.parametrize("overlap", [0.0, 1 / 3, 0.9])
def test_windows_cover_all_and_overlap_enough(length: int, overlap: float) -> None:
    starts = window_starts(length, 16, overlap)
    assert starts[0] == 0
    assert starts[-1] == length - 16
    strides = [after - before for before, after in pairwise(starts)]
    assert all(0 < stride <= 16 * (1 - overlap) for stride in strides)


@pytest.mark.parametrize("window", [(64, 96), (33, 47), (512, 512)])
def test_a_window_that_sees_the_whole_image_changes_nothing(window: tuple[int, int]) -> None:
    network, images = Smooth(mirrors=False), noise(33, 47)
    slid = predict(network, images, InferenceSpec(window=window))
    assert torch.equal(slid, predict(network, images))
    assert len(network.seen) == 2


def test_windows_agree_with_the_whole_image_where_they_see_enough_of_it() -> None:
    network, images = Smooth(mirrors=False), noise(40, 64)
    whole = predict(network, images)
    slid = predict(network, images, InferenceSpec(window=(512, 32), overlap=0.5))
    # Windows start at columns 0, 16 and 32; two pixels beside each of their borders see less.
    untouched = [*range(14), *range(18, 30), *range(34, 46), *range(50, 64)]
    assert torch.equal(slid[:, :, untouched], whole[:, :, untouched])
    assert network.seen[1:] == [(2, 3, 64, 32)] * 3


def test_logits_are_averaged_where_windows_overlap() -> None:
    images = noise(32, 48)
    spec = InferenceSpec(window=(32, 32), overlap=0.5)
    # Column 16 is the first of one window (0 : 5 - 3) and inside another (3 : 0).
    labels = predict(Left(), images, spec)[0, 0]
    assert labels.nonzero().flatten().tolist() == [0]
    alone = predict(Left(), images, InferenceSpec(window=(32, 16), overlap=0.0))[0, 0]
    assert alone.nonzero().flatten().tolist() == [0, 16, 32]


def test_flipping_changes_nothing_for_a_network_that_flips_along() -> None:
    images = noise(32, 64)
    for mirrors in (True, False):
        network = Smooth(mirrors=mirrors)
        same = torch.equal(
            predict(network, images, InferenceSpec(flip=True)), predict(network, images)
        )
        assert same == mirrors
        assert len(network.seen) == 3


def test_flipped_probabilities_are_averaged() -> None:
    # Softmax of (3, 5) is 0.88 for class 1; the other side is 0.95 for class 0.
    labels = predict(Left(), noise(32, 32), InferenceSpec(flip=True))[0, 0]
    assert labels.sum() == 0
    assert predict(Left(), noise(32, 32))[0, 0].nonzero().flatten().tolist() == [0]


def test_scales_are_what_the_network_sees() -> None:
    network, images = Smooth(mirrors=True), noise(64, 96)
    labels = predict(network, images, InferenceSpec(scales=(0.5, 1.0, 1.5), flip=True))
    assert labels.shape == (2, 64, 96)
    sizes = [(32, 64), (64, 96), (96, 160)]  # padded to multiples of 32
    assert network.seen == [(2, 3, *size) for size in sizes for _ in (False, True)]


def test_a_constant_image_is_the_same_at_every_scale() -> None:
    of = samples((40, 60), (40, 60))
    images = torch.full((2, 40, 60, 3), 120, dtype=torch.uint8)
    labels = predict(Brightness(), images, InferenceSpec(scales=(0.5, 2.0)))
    assert set(labels.flatten().tolist()) == {1}
    stacks = stack_by_size(of, CPU, range(2))
    whole = evaluate(Brightness(), stacks, 3, tiny.SCORING)
    assert evaluate(Brightness(), stacks, 3, tiny.SCORING, InferenceSpec(window=(32, 32))) == whole
    blurred = evaluate(Brightness(), stacks, 3, tiny.SCORING, InferenceSpec(scales=(0.5,)))
    assert blurred["miou"] < whole["miou"]


def test_larger_scales_come_in_smaller_batches() -> None:
    stacks = stack_by_size(samples(*[(1000, 900)] * 5), CPU, range(5))
    assert [len(images) for images, _ in batches(stacks, scale=2.0)] == [1] * 5
    assert [len(images) for images, _ in batches(stacks, scale=0.5)] == [5]


class Unsure(nn.Module):
    """Random logits of eight classes for a 32x32 image, some of the classes rare."""

    def __init__(self) -> None:
        super().__init__()
        noise = torch.randn((1, 8, 32, 32), generator=torch.Generator().manual_seed(0))
        self.logits = 1.5 * noise + torch.linspace(1, -2, 8)[:, None, None]

    def forward(self, _: Tensor) -> Tensor:
        return self.logits


def test_rankseg_labels_have_the_higher_expected_miou() -> None:
    network, images = Unsure(), noise(32, 32)[:1]
    chances: Any = torch.distributions.Categorical(logits=network.logits[0].permute(1, 2, 0))
    torch.manual_seed(0)
    truths = chances.sample((50,))

    def mious(decoding: Literal["argmax", "rankseg"]) -> np.ndarray:
        scores = ImageScores(8)
        labels = predict(network, images, InferenceSpec(decoding=decoding))
        scores.update(labels.expand(50, -1, -1), truths)
        return np.array(scores.image_miou())

    gains = mious("rankseg") - mious("argmax")
    assert gains.mean() > 0.01
    assert gains.mean() > 4 * gains.std() / 50**0.5


def test_rankseg_averages_over_scales_and_flips() -> None:
    inference = InferenceSpec(decoding="rankseg", flip=True, scales=(1.0, 2.0))
    labels = predict(
        Brightness(), torch.from_numpy(bright(np.eye(32, dtype=np.int64)[None])), inference
    )
    assert labels.shape == (1, 32, 32)
    assert labels.dtype == torch.int64
