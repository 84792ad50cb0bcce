"""The adapter to Optuna's samplers, beyond what the contract's suite asks of every sampler."""

import logging

import numpy as np
import optuna
import pytest
from optuna.samplers import NSGAIISampler, TPESampler

from search_service.samplers.optuna_study import BatchStudy, box
from surrogate_zoo.losses.parameter_space import ParameterSpace

SPACE = ParameterSpace("macc")
START = tuple(SPACE.start.tolist())


def two_scores(theta: tuple[float, ...]) -> tuple[float, float]:
    """Two bowls, whose best points are the cube's corners 0 and 1."""
    point = np.asarray(theta)
    return float(-np.sum(point**2)), float(-np.sum((1 - point) ** 2))


def last_generation(seed: int) -> list[tuple[float, ...]]:
    sampler = NSGAIISampler(seed=seed, population_size=8)
    study = BatchStudy(SPACE, sampler, START, objectives=2)
    for generation in range(25):
        thetas = study.ask(8)
        failed = generation % 8  # one of each
        study.tell([None if i == failed else two_scores(t) for i, t in enumerate(thetas)])
    return thetas


def test_two_scores_a_candidate_can_be_told() -> None:
    """All points between the corners are equally good; what leaves that diagonal is worse."""
    last = np.array(last_generation(1))
    drawn = np.random.default_rng(0).random((100, SPACE.dimension))
    assert np.median(last.std(axis=1)) < 0.8 * np.median(drawn.std(axis=1))
    assert last.tolist() == np.array(last_generation(1)).tolist()


def least_distance(*, constant_liar: bool) -> float:
    """Between two proposals of the first batch after one score."""
    sampler = TPESampler(seed=0, n_startup_trials=1, constant_liar=constant_liar)
    study = BatchStudy(SPACE, sampler, START)
    study.ask(1)
    study.tell([(1.0,)])
    batch = np.array(study.ask(12))
    distances = np.linalg.norm(batch[:, None] - batch[None], axis=-1)
    return float(distances[~np.eye(12, dtype=bool)].min())


def test_proposals_of_a_batch_know_of_each_other() -> None:
    assert least_distance(constant_liar=True) > 1.5 * least_distance(constant_liar=False)


def test_a_start_outside_the_box_widens_it() -> None:
    space = ParameterSpace("macc", "linear")
    start = (7.0, *[0.0] * (space.dimension - 1))
    assert box(space, [start])[space.names[0]] == optuna.distributions.FloatDistribution(
        float(space.low[0]), 7.0
    )
    assert BatchStudy(space, TPESampler(seed=0), start).ask(1) == [start]


def test_optuna_does_not_talk(caplog: pytest.LogCaptureFixture) -> None:
    optuna.logging.enable_propagation()
    try:
        with caplog.at_level(logging.INFO):
            study = BatchStudy(SPACE, TPESampler(seed=0), START)
            study.ask(1)
            study.tell([None])
    finally:
        optuna.logging.disable_propagation()
    assert caplog.records == []
