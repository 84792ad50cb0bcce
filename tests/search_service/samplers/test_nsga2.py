"""NSGA-II on a problem whose front is known, beyond what the contract's suite asks of every sampler."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from search_service.samplers.contract import Proposal, SamplerResult, Score
from search_service.samplers.fronts import front
from search_service.samplers.registry import SAMPLERS
from search_service.samplers.results import parts_filled
from search_service.samplers.specs import NSGA2Spec
from search_service.spaces.space import Theta
from surrogate_zoo.losses.parameter_space import ParameterSpace

SPACE = ParameterSpace("macc+3*gacc", segments=2, mixed=True)
SPEC = NSGA2Spec(trials=192, population=12)


def two_corners(theta: Theta) -> dict[str, float]:
    """Best at the cube's corners 0 and 1: the front is their diagonal, where b = (1 - (1-a)^1/2)^2."""
    point = np.asarray(theta)
    return {"macc": float(1 - np.mean(point**2)), "gacc": float(1 - np.mean((1 - point) ** 2))}


def scored(batch: Sequence[Proposal], noise: float = 0.0) -> list[Score]:
    scores = []
    for proposal in batch:
        parts = two_corners(proposal.theta)
        generator = np.random.default_rng(proposal.number)
        parts = {name: part + noise * generator.normal() for name, part in parts.items()}
        scores.append(Score((parts["macc"] + 3 * parts["gacc"]) / 4, parts))
    return scores


def dominated_area(points: np.ndarray) -> float:
    """Share of the square above 0.4 that some point is better than in both."""
    grid = 0.4 + 0.6 * (np.arange(200) + 0.5) / 200
    covered = [(points[:, 0] >= x)[:, None] & (points[:, 1, None] >= grid) for x in grid]
    return float(np.mean([column.any(axis=0) for column in covered]))


@pytest.fixture(scope="module")
def history() -> tuple[list[Proposal], list[Score], SamplerResult]:
    """A search with all that it tried, the noise too small to mislead it."""
    proposals: list[Proposal] = []
    scores: list[Score] = []

    def evaluate(batch: Sequence[Proposal]) -> list[Score]:
        proposals.extend(batch)
        scores.extend(scored(batch, noise=1e-6))
        return scores[-len(batch) :]

    result = SAMPLERS["nsga-ii"](SPACE, SPEC, evaluate, 3)
    return proposals, scores, result


def test_the_known_front_is_approached_and_not_at_one_point(history: Any) -> None:
    line = np.linspace(0, 1, 400)
    known = dominated_area(np.stack([1 - line**2, 1 - (1 - line) ** 2], axis=1))
    found = np.array([list(score.parts.values()) for score in history[1]])
    drawn = np.random.default_rng(0).random((SPEC.trials, SPACE.dimension))
    chance = np.array([list(two_corners(theta).values()) for theta in drawn])
    assert known - dominated_area(found) < 0.75 * (known - dominated_area(chance))
    assert (np.ptp(found[front(found)], axis=0) > 0.2).all()


def test_published_is_the_member_of_the_front_that_the_weights_favour(history: Any) -> None:
    proposals, scores, result = history
    members = front(np.array([list(score.parts.values()) for score in scores]))
    best = max(members, key=lambda number: scores[number])
    assert result.trial == best
    assert result.theta == proposals[best].theta
    assert result.score == pytest.approx(scores[best], abs=2e-3)
    assert result.generation == best // SPEC.population


def test_no_candidate_is_trained_twice(history: Any) -> None:
    assert len({proposal.theta for proposal in history[0]}) == SPEC.trials


def test_the_second_generation_descends_from_the_first_also_where_candidates_failed() -> None:
    """Optuna alone would draw it at random, for one failure, and for the start in the first one."""
    thetas: list[np.ndarray] = []

    def evaluate(batch: Sequence[Proposal]) -> list[Score | None]:
        thetas.append(np.array([proposal.theta for proposal in batch]))
        return [None if index == 5 else score for index, score in enumerate(scored(batch))]

    SAMPLERS["nsga-ii"](SPACE, NSGA2Spec(trials=32, population=16), evaluate, 1)
    first, second = thetas
    assert np.isin(second, first).mean() > 0.7  # swapped between parents, not drawn


def test_what_failed_gets_the_worst_of_each_metric() -> None:
    good, other = Score(0.5, {"a": 0.0, "b": 1.0}), Score(0.4, {"a": 0.5, "b": 0.3})
    assert parts_filled([good, None, other], ("a", "b")) == [(0.0, 1.0), (0.0, 0.3), (0.5, 0.3)]
    assert parts_filled([None, None], ("a", "b")) == [None, None]
