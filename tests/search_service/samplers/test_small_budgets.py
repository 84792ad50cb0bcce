"""Samplers made for small budgets, on a known optimum in 12 dimensions, against random search."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from search_service.samplers.contract import Proposal, Score
from search_service.samplers.registry import SAMPLERS
from search_service.samplers.specs import CMAESSpec, GPSpec, RandomSpec, TPESpec
from surrogate_zoo.losses.parameter_space import ParameterSpace
from tests.search_service.bowl import alone, bowl

SPACE = ParameterSpace("miou")
FAR = (0.9,) * SPACE.dimension


def published(spec: Any, seed: int, failing: int = 0) -> float:
    """True score of what a search from a bad start publishes; the best is 1.

    Every ``failing``-th candidate fails.
    """

    def evaluate(batch: Sequence[Proposal]) -> list[Score | None]:
        return alone(None if failing and p.number % failing == 1 else bowl(p.theta) for p in batch)

    return bowl(SAMPLERS[spec.name](SPACE, spec, evaluate, seed, FAR).theta)


@pytest.mark.parametrize("failing", [0, 3])
@pytest.mark.parametrize(
    ("spec", "seeds"),
    [
        (TPESpec(trials=48), range(5)),
        (CMAESSpec(trials=48), range(5)),
        (GPSpec(trials=32), range(1)),  # seconds each
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_it_beats_random_search_with_as_many_trials(spec: Any, seeds: range, failing: int) -> None:
    drawn = [published(RandomSpec(trials=spec.trials), seed, failing) for seed in range(5)]
    assert np.median([published(spec, seed, failing) for seed in seeds]) > np.median(drawn)


def test_cma_es_publishes_the_mean_of_its_best_whole_generation() -> None:
    """A last generation that was cut short has too few scores to be chosen by."""

    def evaluate(batch: Sequence[Proposal]) -> list[Score | None]:
        return alone({1: 0.7, 4: 0.9}.get(p.generation, 0.5) for p in batch)

    result = SAMPLERS["cma-es"](SPACE, CMAESSpec(trials=18, batch=4), evaluate, 1)
    assert len(result.path) == 5
    assert result.generation == 1
    assert result.score == pytest.approx(0.7)
    assert result.theta == result.path[1] != result.path[0]
