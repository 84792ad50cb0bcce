"""Noise, spread and held-out accuracy, on tables whose truth is known, and on the one published."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.samplers import table
from benchmarks.samplers.fit import Noise, accuracy, held_out, noise_of, spread
from benchmarks.samplers.table import Table
from surrogate_zoo.losses.parameter_space import ParameterSpace
from tests.conftest import CHECKOUT

SPACE = ParameterSpace("macc")
QUIET = Noise(0.0, 0.0, 0.0, 2, 2)


def repeats(rest: np.ndarray) -> Table:
    """Losses (rows) times seeds (columns) with levels of their own, and what remains beside them."""
    losses, seeds = rest.shape
    scores = 0.5 + 0.1 * np.arange(losses)[:, None] + 0.03 * np.arange(seeds) + rest
    thetas = np.repeat(np.random.default_rng(0).random((losses, SPACE.dimension)), seeds, axis=0)
    numbers = np.tile(np.arange(seeds), losses)
    return Table({}, thetas, scores.ravel(), numbers, ("uniform",) * rest.size, failed=0)


def test_levels_of_losses_and_seeds_are_no_noise() -> None:
    noise = noise_of(repeats(np.zeros((5, 4))))
    assert noise.sd == pytest.approx(0, abs=1e-12)
    assert (noise.losses, noise.seeds) == (5, 4)


def test_noise_is_what_remains_by_its_degrees_of_freedom() -> None:
    # Squares of 4 times 0.01, on (2 - 1) (2 - 1) degrees of freedom
    noise = noise_of(repeats(np.array([[0.01, -0.01], [-0.01, 0.01]])))
    assert noise.sd == pytest.approx(0.02)
    assert noise.low < noise.sd < noise.high


def test_the_interval_holds_the_noise_that_was_put_in() -> None:
    drawn = 0.02 * np.random.default_rng(1).standard_normal((8, 4))
    noise = noise_of(repeats(drawn))
    assert noise.low < 0.02 < noise.high


def test_losses_that_were_trained_once_tell_no_noise() -> None:
    rows = repeats(np.array([[0.01, -0.01], [-0.01, 0.01]]))
    more = replace(
        rows,
        thetas=np.vstack([rows.thetas, np.full((1, SPACE.dimension), 0.5)]),
        scores=np.append(rows.scores, 0.1),
        seeds=np.append(rows.seeds, 0),
    )
    assert noise_of(more) == noise_of(rows)


def test_spread_takes_the_noise_off_by_kind() -> None:
    levels = np.array([0.1, 0.3, 0.5, 0.5, 0.9])
    rows = Table({}, np.zeros((5, 1)), levels, np.zeros(5, np.int64), (*"aabbc",), failed=0)
    told = spread(rows, levels, replace(QUIET, sd=0.1))
    assert list(told) == ["a", "b"]  # one row of c has no spread
    assert told["a"] == {
        "rows": 2,
        "mean": pytest.approx(0.2),
        "sd": pytest.approx((0.02 - 0.01) ** 0.5),
    }
    assert told["b"]["sd"] == 0


def smooth(count: int) -> Table:
    """Scores that are a smooth function of theta alone."""
    thetas = np.random.default_rng(2).random((count, SPACE.dimension))
    scores = 1 - ((thetas - 0.4) ** 2).mean(1)
    return Table({}, thetas, scores, np.zeros(count, np.int64), ("uniform",) * count, failed=0)


def test_a_smooth_function_is_foretold_where_it_was_not_shown() -> None:
    told = accuracy(smooth(64), SPACE, "theta", QUIET)
    assert told["r2"] > 0.8
    assert told["correlation"] > 0.9
    assert (told["r2_ceiling"], told["correlation_ceiling"]) == (1, 1)


def test_repeats_of_a_theta_are_held_out_together() -> None:
    """Scores without any rule cannot be foretold, though each theta has a twin of the same score."""
    generator = np.random.default_rng(3)
    thetas = np.repeat(generator.random((24, SPACE.dimension)), 2, axis=0)
    scores = np.repeat(generator.standard_normal(24), 2)
    rows = Table({}, thetas, scores, np.zeros(48, np.int64), ("uniform",) * 48, failed=0)
    guess = held_out(rows, SPACE, "theta")
    assert np.corrcoef(guess, scores)[0, 1] < 0.5


@pytest.mark.parametrize("metric", ["miou", "bf1"])
def test_the_published_noise_follows_from_the_published_table(metric: str) -> None:
    results = CHECKOUT / table.RESULTS
    published = json.loads((results / f"{metric}-fit.json").read_text())["noise"]
    assert vars(noise_of(table.read(results / f"{metric}.jsonl"))) == pytest.approx(published)
