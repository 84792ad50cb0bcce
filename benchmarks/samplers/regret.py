"""Let every sampler search on the model of scores, and tell how good what it publishes is.

    python -m benchmarks.samplers.regret --metric miou

Each sampler runs its full budget once a seed; its evaluations are the model's values plus noise as it was
measured. What it would have published after n trainings is told by its own rule from the first n of them,
and counts with the model's value, without noise: the lucky best score of a search says little. Runs that
are done are kept in the results, so a second call goes on, and two may share the work.
"""

import argparse
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import TypeAdapter

from benchmarks.samplers import table
from benchmarks.samplers.fit import model_of
from benchmarks.samplers.model import Array, ScoreModel
from search_service.samplers.contract import Proposal, SamplerResult, Score
from search_service.samplers.registry import SAMPLERS
from search_service.samplers.results import Candidates, best_mean
from search_service.samplers.specs import SamplerSpec
from search_service.spaces.space import Theta
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.losses.published import published_document

CONTENDERS: Mapping[str, dict[str, Any]] = {
    "ppo2, released": {"name": "ppo2"},
    "random": {"name": "random", "trials": 384, "batch": 8},
    "cma-es": {"name": "cma-es", "trials": 384},
    "ppo2, 8 a step": {"name": "ppo2", "preset": "quick", "steps": 48},
    "tpe": {"name": "tpe", "trials": 192},
    "ppo2, paper": {"name": "ppo2", "preset": "paper"},
    "gp": {"name": "gp", "trials": 64},
}
"""Options of each; all that cost the same are given the same number of trainings."""

CHECKPOINTS = (16, 32, 48, 64, 96, 128, 192, 256, 384)
"""Trainings after which an expected score is asked for, which takes a while."""

GROUP = 32  # trainings whose mean score is kept

STARTS = ("line", "published")


@dataclass
class Simulation:
    """A pool that trains nothing: it asks the model, and keeps what it answered.

    Attributes:
        model: Gives the true score of a theta.
        noise: Standard deviation of what is added.
        seed: Of the noise, which is the same for trainings of the same number.
    """

    model: ScoreModel
    noise: float
    seed: int
    batches: list[list[Proposal]] = field(default_factory=list)
    scores: list[list[Score]] = field(default_factory=list)

    def __call__(self, batch: Sequence[Proposal]) -> list[Score]:
        """Score a batch."""
        true = self.model(np.array([proposal.theta for proposal in batch]))
        drawn = [
            np.random.default_rng((self.seed, proposal.number)).standard_normal()
            for proposal in batch
        ]
        self.batches.append(list(batch))
        noisy = (true + self.noise * np.array(drawn)).tolist()
        self.scores.append([Score(value, {}) for value in noisy])
        return self.scores[-1]

    def ends(self) -> list[int]:
        """Trainings after each batch."""
        return list(itertools.accumulate(len(batch) for batch in self.batches))

    def first(self, batches: int) -> Candidates:
        """The candidates of the first batches."""
        candidates = Candidates()
        for batch, scores in zip(self.batches[:batches], self.scores[:batches], strict=True):
            candidates.note(batch, scores)
        return candidates


Published = Iterable[tuple[int, Theta]]
"""Trainings, and what is published after so many."""


def _means(simulation: Simulation, result: SamplerResult, _: ParameterSpace) -> Published:
    for count, end in enumerate(simulation.ends(), 1):
        path, means = result.path[:count], result.mean_scores[:count]
        yield end, best_mean(path, means, of=count).theta


def _best(simulation: Simulation, _: SamplerResult, __: ParameterSpace) -> Published:
    for count, end in enumerate(simulation.ends(), 1):
        yield end, simulation.first(count).best().theta


def _expected(simulation: Simulation, _: SamplerResult, space: ParameterSpace) -> Published:
    for count, end in enumerate(simulation.ends(), 1):
        if end in CHECKPOINTS:
            yield end, simulation.first(count).best_expected(space).theta


RULES: Mapping[str, Callable[[Simulation, SamplerResult, ParameterSpace], Published]] = {
    "ppo2": _means,
    "cma-es": _means,
    "tpe": _expected,
    "gp": _expected,
    "random": _best,
}
"""Sampler -> what it publishes from the beginning of its trials; runs check the last against it."""


def main() -> None:
    """Run what is not in the results yet."""
    arguments = _arguments()
    torch.set_num_threads(1)
    model, noise = model_of(arguments.metric)
    out = table.RESULTS / f"{arguments.metric}-regret.jsonl"
    done = {(run["contender"], run["start"], run["seed"]) for run in read(out, model.rows)}
    for start, contender in itertools.product(arguments.starts, arguments.contenders):
        for seed in range(arguments.seeds):
            if (contender, start, seed) in done:
                continue
            simulation = Simulation(model, noise, seed)
            run = {"contender": contender, "start": start, "seed": seed, "rows": model.rows}
            run |= curve_of_run(contender, start, simulation, arguments.metric)
            with out.open("a") as file:
                file.write(json.dumps(run) + "\n")
        print(f"{contender} from {start}", flush=True)


def read(out: Path, rows: int) -> list[dict[str, Any]]:
    """The runs that are in the results, none of them on a model of another table."""
    runs = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    if any(run["rows"] != rows for run in runs):
        raise SystemExit(f"{out} is of a table that has grown since; remove it and run again.")
    return runs


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Search on the model with every sampler.")
    parser.add_argument("--metric", default="miou")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS), choices=CONTENDERS)
    parser.add_argument("--starts", nargs="+", default=list(STARTS), choices=STARTS)
    return parser.parse_args()


def curve_of_run(contender: str, start: str, simulation: Simulation, metric: str) -> dict[str, Any]:
    """Trainings, and the true score of what is published after them; the start's after none."""
    space = ParameterSpace(metric)
    document = published_document(metric)
    first = space.start if start == "line" else space.theta(document["control_points"])
    spec: Any = TypeAdapter(SamplerSpec).validate_python(CONTENDERS[contender])
    result = SAMPLERS[spec.name](space, spec, simulation, simulation.seed, tuple(first.tolist()))
    published = list(RULES[spec.name](simulation, result, space))
    assert published[-1][1] == result.theta, f"{contender} publishes by another rule."
    thetas = np.array([first, *(theta for _, theta in published)])
    return {
        "trainings": [0, *(end for end, _ in published)],
        "values": _rounded(simulation.model(thetas)),
        **progress_of(np.concatenate(simulation.scores)),
    }


def progress_of(scores: Array) -> dict[str, list[float]]:
    """Mean score of every 32 trainings, and the best one that far."""
    best = np.maximum.accumulate(scores)[GROUP - 1 :: GROUP]
    groups = scores[: len(best) * GROUP].reshape(-1, GROUP)
    return {"group_means": _rounded(groups.mean(1)), "best": _rounded(best)}


def _rounded(values: Array) -> list[float]:
    return [float(value) for value in np.round(values, 5)]


if __name__ == "__main__":
    main()
