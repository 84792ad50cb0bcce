"""Confirm by real searches what the model says: samplers with a small budget, judged afresh.

    python -m benchmarks.samplers.confirm --root <camvid> --metric miou

Searches the proxy task of :mod:`benchmarks.samplers.collect` for real with each sampler and several
seeds, and trains with what each publishes on seeds that no search has seen: other hold-out cuts,
weights and batches. Searches and judgements are kept, so a second run goes on where the first stopped.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from pydantic import TypeAdapter

from benchmarks import tasks
from benchmarks.samplers import table
from benchmarks.samplers.collect import proxy_task
from search_service.samplers.contract import Proposal, Score
from search_service.samplers.registry import SAMPLERS
from search_service.samplers.specs import SamplerSpec
from search_service.significance import difference, estimate
from surrogate_zoo.losses.document import surrogate_document
from surrogate_zoo.losses.parameter_space import ParameterSpace
from workers.proxy.proxy import evaluate_pack
from workers.tasks.proxy import Candidate

BUDGET = 40
CONTENDERS: dict[str, dict[str, Any]] = {
    "gp": {"name": "gp", "trials": BUDGET},
    "tpe": {"name": "tpe", "trials": BUDGET},
    "ppo2": {"name": "ppo2", "preset": "quick", "steps": BUDGET // 8, "samples": 8},
    "random": {"name": "random", "trials": BUDGET, "batch": 8},
}
FRESH = range(100, 106)
"""Seeds of the judgement."""


def main() -> None:
    """Search, judge, and print the table."""
    parser = argparse.ArgumentParser(description="Search for real with a small budget.")
    parser.add_argument("--root", type=Path, required=True, help="CamVid in the SegNet layout")
    parser.add_argument("--metric", default="miou")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    out = table.RESULTS / f"{arguments.metric}-confirmed.jsonl"
    runs = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    for seed in range(arguments.seeds):
        for name in ("start", *CONTENDERS):
            if any((run["contender"], run["seed"]) == (name, seed) for run in runs):
                continue
            theta = _searched(arguments.root, arguments.metric, name, seed)
            scores = list(_judged(arguments.root, arguments.metric, theta))
            runs.append({"contender": name, "seed": seed, "theta": theta, "scores": scores})
            with out.open("a") as file:
                file.write(json.dumps(runs[-1]) + "\n")
            print(f"{name}, seed {seed}: {100 * fmean(scores):.2f}", flush=True)
    print("\n".join(rows(runs)))


def _searched(root: Path, metric: str, name: str, seed: int) -> list[float]:
    """What a sampler publishes after its budget; of the start the straight line."""
    space = ParameterSpace(metric)
    if name == "start":
        return [float(coordinate) for coordinate in space.start]
    task = proxy_task(root, metric, seed)

    def evaluate(batch: Sequence[Proposal]) -> list[Score | None]:
        candidates = [_candidate(space, proposal.number, proposal.theta) for proposal in batch]
        outcomes = evaluate_pack(task, candidates, device="cpu")
        return [None if outcome.score is None else Score(outcome.score, {}) for outcome in outcomes]

    spec = TypeAdapter(SamplerSpec).validate_python(CONTENDERS[name])
    return list(SAMPLERS[spec.name](space, spec, evaluate, seed).theta)


def _judged(root: Path, metric: str, theta: Sequence[float]) -> Iterator[float]:
    for seed in FRESH:
        candidate = _candidate(ParameterSpace(metric), 0, theta)
        [outcome] = evaluate_pack(proxy_task(root, metric, seed), [candidate], device="cpu")
        yield outcome.score or 0.0


def _candidate(space: ParameterSpace, number: int, theta: Sequence[float]) -> Candidate:
    points = space.control_points(np.asarray(theta))
    return Candidate(number, surrogate_document(f"searched-{number}", space.metric, points))


def rows(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Lines of a Markdown table: means over searches, and differences to PPO2 paired over seeds."""
    means = {
        name: [fmean(run["scores"]) for run in runs if run["contender"] == name]
        for name in ("start", *CONTENDERS)
    }
    yield f"| after {BUDGET} trainings | score | less ppo2 |"
    yield "|---|---|---|"
    for name, values in means.items():
        gap = "" if name == "ppo2" else tasks.told(difference(values, means["ppo2"]))
        yield f"| {name} | {estimate(values).percent()} | {gap} |"


if __name__ == "__main__":
    main()
