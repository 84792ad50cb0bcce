"""Expected scores on a known truth, noisy and not."""

import numpy as np
import pytest
from scipy.special import gamma, kv

from search_service.samplers import smoothing
from search_service.samplers.contract import SamplerResult
from search_service.samplers.registry import SAMPLERS
from search_service.samplers.smoothing import _covariance, expected_scores
from search_service.samplers.specs import TPESpec
from surrogate_zoo.losses.parameter_space import ParameterSpace
from tests.search_service.bowl import alone, bowl

SPACE = ParameterSpace("macc")


def drawn(count: int, noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of the cube, their true scores, and noisy ones."""
    generator = np.random.default_rng(4)
    points = generator.random((count, SPACE.dimension))
    truth = np.array([bowl(point) for point in points])
    return points, truth, truth + noise * generator.standard_normal(count)


def test_scores_without_noise_are_as_good_as_kept() -> None:
    points, truth, _ = drawn(80, 0.0)
    assert np.abs(expected_scores(points, truth) - truth).max() < 0.05 * truth.std()


@pytest.mark.parametrize("noise", [0.03, 0.1])
def test_noise_is_smoothed_away(noise: float) -> None:
    points, truth, noisy = drawn(120, noise)
    error = np.abs(expected_scores(points, noisy) - truth).mean()
    assert error < 0.6 * np.abs(noisy - truth).mean()


def test_the_kernel_is_materns() -> None:
    """Rasmussen and Williams, equation 4.14, with nu = 5/2."""
    distances = np.linspace(0.1, 2, 9)
    smooth, _ = _covariance(np.log([0.7, 1.3, 0.1]), distances)
    scaled = np.sqrt(5) * distances / 0.7
    matern = 2**-1.5 / gamma(2.5) * scaled**2.5 * kv(2.5, scaled)
    assert smooth == pytest.approx(1.3 * matern)


@pytest.mark.parametrize("scores", [[0.5], [0.5, 0.5, 0.5], [0.2, 0.7], [1e-9, 2e-9, 0.0]])
def test_few_and_equal_scores_stay_within_their_range(scores: list[float]) -> None:
    points = np.random.default_rng(0).random((len(scores), 3))
    expected = expected_scores(points, np.array(scores))
    assert min(scores) - 1e-12 <= expected.min() <= expected.max() <= max(scores) + 1e-12


def test_the_same_point_twice_is_scored_between() -> None:
    points = np.zeros((2, 3))
    assert expected_scores(points, np.array([0.0, 1.0])) == pytest.approx([0.5, 0.5], abs=1e-6)


def noisy_search(seed: int) -> tuple[SamplerResult, tuple[float, ...]]:
    """A search on a noisy bowl, and the theta of its best single score."""
    generator = np.random.default_rng(seed)
    result = SAMPLERS["tpe"](
        SPACE,
        TPESpec(),
        lambda batch: alone(bowl(p.theta) + 0.03 * generator.standard_normal() for p in batch),
        seed,
    )
    return result, result.path[-1]


def test_a_noisy_search_publishes_better_than_its_luckiest_trial() -> None:
    searches = [noisy_search(seed) for seed in range(6)]
    published = np.mean([bowl(result.theta) for result, _ in searches])
    assert published > np.mean([bowl(luckiest) for _, luckiest in searches])
    assert np.mean([result.score for result, _ in searches]) == pytest.approx(published, abs=0.015)


def test_many_candidates_are_smoothed_by_some_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(5)
    points = generator.random((240, 2))
    truth = np.sin(3 * points[:, 0]) + points[:, 1]
    noisy = truth + 0.3 * generator.standard_normal(240)
    exact = expected_scores(points, noisy)
    for name, value in {"FITTED": 120, "EXACT": 200, "REGRESSORS": 80}.items():
        monkeypatch.setattr(smoothing, name, value)
    some = expected_scores(points, noisy)
    assert np.abs(some - exact).max() < 0.2 * truth.std()
    assert np.abs(some - truth).mean() < 0.5 * np.abs(noisy - truth).mean()
