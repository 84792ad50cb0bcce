"""One run in a process of its own: ``python -m benchmarks.ray_tune.driver FOLDER WAY``.

Begins the contest that lies in FOLDER, or goes on with it where it was begun; writes ``result.json`` there.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import AsyncHyperBandScheduler

from benchmarks.ray_tune import pool
from benchmarks.ray_tune.contest import Contest, Scores
from benchmarks.ray_tune.folder import Folder
from benchmarks.ray_tune.schedulers import InStep, OneBracket, PackSearcher
from benchmarks.ray_tune.trainables import CandidateTrial, PackTrial
from workers.cluster.calls import connect
from workers.cluster.pool import WorkerPool

CPUS = 2
FAILURES = 3
"""Times that a trial may lose its worker, as in the pool."""


def on_pool(folder: Folder, pack: int) -> Scores:
    """Run on the product's pool."""
    with WorkerPool(actors=CPUS, pack_size=pack) as workers:
        return pool.run(folder, workers)


def with_scheduler(
    folder: Folder, scheduler: Callable[[Contest], Any], *, reuse: bool = True
) -> Scores:
    """Run a trial for each candidate, under a scheduler."""
    tuner: Any = _restored(folder, CandidateTrial) or tune.Tuner(
        tune.with_resources(CandidateTrial, {"cpu": 1}),
        param_space={
            "folder": str(folder.path),
            "number": tune.grid_search(list(folder.contest.numbers)),
        },
        tune_config=tune.TuneConfig(scheduler=scheduler(folder.contest), reuse_actors=reuse),
        run_config=_run_config(folder, tune.CheckpointConfig(checkpoint_frequency=1)),
    )
    trials = tuner.fit()
    return {
        int(trial.config["number"]): (trial.metrics or {}).get("scores", []) for trial in trials
    }


def with_packs(folder: Folder, size: int) -> Scores:
    """Run a trial for each pack and step, which a searcher hands out."""
    tuner: Any = _restored(folder, PackTrial) or tune.Tuner(
        tune.with_resources(PackTrial, {"cpu": 1}),
        tune_config=tune.TuneConfig(
            search_alg=PackSearcher(folder, size),
            num_samples=-1,
            max_concurrent_trials=CPUS,
            reuse_actors=True,
        ),
        run_config=_run_config(folder, tune.CheckpointConfig()),
    )
    scores: dict[int, dict[int, float | None]] = {n: {} for n in folder.contest.numbers}
    for trial in tuner.fit():
        for number, score in (trial.metrics or {}).get("outcomes", []):
            scores[number][int(trial.config["step"])] = score
    return {number: [own[step] for step in sorted(own)] for number, own in scores.items()}


@dataclass(frozen=True)
class Way:
    """One way to bring a contest to its end.

    Attributes:
        told: What it is, in the tables.
        run: Does it.
    """

    told: str
    run: Callable[[Folder], Scores]


def _hyperband(contest: Contest) -> Any:
    return OneBracket(len(contest.numbers))


def _asha(_: Contest) -> Any:
    return AsyncHyperBandScheduler(
        "quarters", metric="score", mode="max", max_t=4, grace_period=1, reduction_factor=2
    )


def _in_step(folder: Folder, *, reuse: bool = True) -> Scores:
    """Under the contest's own rule; steps that trials took too early do not count."""
    return folder.contest.counted(with_scheduler(folder, InStep, reuse=reuse))


WAYS: Mapping[str, Way] = {
    "pool": Way("pool, packs of 6", lambda f: on_pool(f, 6)),
    "pool-1": Way("pool, one by one", lambda f: on_pool(f, 1)),
    "in-step": Way("Tune, own scheduler", _in_step),
    "in-step-new": Way("  same, new actors", lambda f: _in_step(f, reuse=False)),
    "hyperband": Way("Tune, HyperBand", lambda f: with_scheduler(f, _hyperband)),
    "asha": Way("Tune, ASHA", lambda f: with_scheduler(f, _asha)),
    "packs": Way("Tune, packs of 6", lambda f: with_packs(f, 6)),
}


def _run_config(folder: Folder, checkpoints: Any) -> Any:
    return tune.RunConfig(
        name="tune",
        storage_path=str(folder.path),
        verbose=0,
        checkpoint_config=checkpoints,
        failure_config=tune.FailureConfig(max_failures=FAILURES),
    )


def _restored(folder: Folder, trainable: Any) -> Any:
    """The tuner that was begun here; None where none was."""
    path = str(folder.path / "tune")
    if not tune.Tuner.can_restore(path):
        return None
    return tune.Tuner.restore(path, tune.with_resources(trainable, {"cpu": 1}), resume_errored=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("way", choices=list(WAYS))
    arguments = parser.parse_args()
    folder = Folder(arguments.folder)
    connect(None, CPUS)
    scores = WAYS[arguments.way].run(folder)
    (folder.path / "result.json").write_text(json.dumps(scores))
    ray.shutdown()


if __name__ == "__main__":
    main()
