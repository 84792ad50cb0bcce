"""The evidence about samplers: what is told of the beginning of a search is what a short one finds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from benchmarks.samplers.model import FEATURES, ScoreModel
from benchmarks.samplers.regret import GROUP, RULES, Simulation, progress_of, read
from benchmarks.samplers.table import Table
from search_service.samplers.registry import SAMPLERS
from search_service.samplers.specs import SamplerSpec
from surrogate_zoo.curves.curves import curve_of
from surrogate_zoo.losses.parameter_space import ParameterSpace
from tests.search_service.bowl import bowl

SPACE = ParameterSpace("macc")
Truth = Callable[[np.ndarray], float]
SHORT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ppo2": ({"steps": 3, "samples": 8, "updates": 5}, {"steps": 2}),
    "cma-es": ({"trials": 24, "batch": 8}, {"trials": 16}),
    "tpe": ({"trials": 24}, {"trials": 16}),
    "random": ({"trials": 24, "batch": 8}, {"trials": 16}),
}


def noisy(truth: Truth) -> Table:
    """Trainings that score the truth and noise; their seeds have offsets of their own."""
    generator = np.random.default_rng(0)
    thetas = generator.random((120, SPACE.dimension))
    seeds = np.arange(120) % 3
    scores = np.array([truth(theta) for theta in thetas])
    scores += 0.05 * seeds + 0.01 * generator.standard_normal(120)
    return Table({}, thetas, scores, seeds, ("uniform",) * 120, failed=0)


def height(theta: np.ndarray) -> float:
    """Mean height of the curve."""
    points = torch.tensor(SPACE.control_points(theta)["and"], dtype=torch.float64)
    return float(curve_of(SPACE.family, points)(torch.linspace(0, 1, 20).double()).mean())


TRUTHS: dict[str, Truth] = {"theta": bowl, "curves": height}


@pytest.mark.parametrize("features", FEATURES)
def test_a_model_knows_what_it_has_not_seen(features: str) -> None:
    truth = TRUTHS[features]
    table = noisy(truth)
    model = ScoreModel(table, SPACE, features)
    thetas = np.random.default_rng(1).random((200, SPACE.dimension))
    true = [truth(theta) for theta in thetas]
    assert np.corrcoef(model(thetas), true)[0, 1] > 0.9
    assert np.diff(model.offsets(np.arange(3))) == pytest.approx([0.05, 0.05], abs=0.02)


@pytest.mark.parametrize("name", SHORT)
def test_the_beginning_of_a_search_publishes_what_a_short_search_does(name: str) -> None:
    model = ScoreModel(noisy(bowl), SPACE, "theta")
    options, fewer = SHORT[name]
    results = []
    for more in ({}, fewer):
        spec = TypeAdapter(SamplerSpec).validate_python({"name": name, **options, **more})
        simulation = Simulation(model, 0.02, seed=3)
        results.append(SAMPLERS[name](SPACE, spec, simulation, 3))
        published = dict(RULES[name](simulation, results[-1], SPACE))
        if not more:
            early = published[16]
    assert early == results[1].theta


def test_features_are_scaled_by_the_box_and_curves_stand_for_themselves() -> None:
    thetas = np.random.default_rng(0).random((5, SPACE.dimension))
    columns = FEATURES["theta"](SPACE, thetas)
    assert np.hstack(columns).tolist() == thetas.tolist()  # the box is the unit cube
    (curve,) = FEATURES["curves"](SPACE, SPACE.start[None])
    heights = np.linspace(0, 1, 10)[1:-1]  # the start is the straight line
    assert (curve * 8**0.5)[0].tolist() == pytest.approx(heights.tolist())


def test_progress_is_told_by_groups_and_by_the_best_so_far() -> None:
    scores = np.concatenate([np.full(GROUP, 0.25), np.full(GROUP, 0.75), [1.0]])
    scores[3] = 0.5
    told = progress_of(scores)
    assert told["group_means"] == [round(0.25 + 0.25 / GROUP, 5), 0.75]
    assert told["best"] == [0.5, 0.75]  # a group that was not ended is left out


def test_runs_on_a_model_of_another_table_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "runs.jsonl"
    assert read(out, 3) == []
    out.write_text('{"rows": 3}\n')
    assert read(out, 3) == [{"rows": 3}]
    with pytest.raises(SystemExit, match="a table that has grown"):
        read(out, 4)
