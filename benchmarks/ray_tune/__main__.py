"""A search's halving and race on Ray Tune and on the product's pool, measured in one run.

``python -m benchmarks.ray_tune [--parts times frozen race kills] [--iterations 40] [--out FOLDER]``:

- ``times``: a halving of ``--candidates`` losses of the zoo on the ``quick`` preset's network, every way, and
  again (``--repeats``), on one Ray of two CPUs that is up already: seconds, CPU seconds of all processes,
  files written, and whether survivors and scores are the pool's;
- ``frozen``: the same on the packaged pretrained encoder, frozen, whose features a pack computes once;
- ``race``: four losses with fresh seeds, in pairs, until one leads;
- ``kills``: each way in a process of its own. Its driver is killed (SIGKILL) and started again, or one of
  its workers is killed; what comes of it is compared with the pool's undisturbed scores.

Ratios are to the pool's in the same part. ``--dataset`` takes a source as JSON.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.ray_tune import runs
from benchmarks.ray_tune.contest import Contest, Halving, Race
from benchmarks.ray_tune.driver import WAYS
from benchmarks.ray_tune.folder import Folder
from benchmarks.ray_tune.runs import Result
from benchmarks.tasks import circumstances
from search_service.presets import QUICK_NETWORK, QUICK_SCORING
from search_service.searches.halving import HalvingSpec
from search_service.searches.presets import QUICK_HOLD_OUT, QUICK_PROXY, STANDARD_NETWORK
from search_service.searches.racing.rules import RaceSpec
from search_service.spaces.zoo import ZooSpace
from workers.tasks.proxy import Candidate, ProxyTask

METRIC = "macc"
RACERS = 4
PARTS = ("times", "frozen", "race", "kills")
EVERY_STEP = {"TUNE_GLOBAL_CHECKPOINT_S": "0"}
"""Lets Tune write the experiment's state at every turn of its loop, not every ten seconds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=json.loads, default={"layout": "shapes"})
    parser.add_argument("--candidates", type=int, default=12)
    parser.add_argument("--iterations", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    out = arguments.out or Path(tempfile.mkdtemp(prefix="ray-tune-"))
    print(f"{circumstances()}; {os.cpu_count()} cores; runs lie in {out}", flush=True)
    for part in arguments.parts:
        print(f"\n{part}\n", flush=True)
        for line in report(part, arguments, (out / part).resolve()):
            print(line, flush=True)


def report(part: str, arguments: argparse.Namespace, path: Path) -> Iterator[str]:
    """The lines of a part."""
    task = task_of(arguments.dataset, arguments.iterations, frozen=part == "frozen")
    entrants = candidates(task, arguments.candidates)
    if part == "race":
        spec = RaceSpec(heats=0, rounds=3)
        contest: Contest = Race(task, entrants[:RACERS], spec)
        yield from timed(contest, path, ("pool", "pool-1", "in-step", "packs"), 1)
    elif part == "frozen":
        yield from timed(
            Halving(task, entrants, HalvingSpec()), path, ("pool", "pool-1", "in-step", "packs"), 1
        )
    elif part == "times":
        ways = ("pool", "pool-1", "in-step", "in-step-new", "hyperband", "asha", "packs")
        yield from timed(Halving(task, entrants, HalvingSpec()), path, ways, arguments.repeats)
    else:
        yield from killed(Halving(task, entrants, HalvingSpec()), path)


def task_of(dataset: Any, iterations: int, *, frozen: bool) -> ProxyTask:
    """The proxy task of the ``quick`` preset, shortened; on a frozen pretrained encoder if asked."""
    changes: dict[str, Any] = {"iterations": iterations}
    if frozen:
        changes |= {"crop": (64, 64), "learning_rate": 0.03}
    return ProxyTask.model_validate(
        {
            "dataset": dataset,
            "metric": METRIC,
            "network": STANDARD_NETWORK if frozen else QUICK_NETWORK,
            "training": QUICK_PROXY.model_dump() | changes,
            "scoring": QUICK_SCORING,
            "hold_out": QUICK_HOLD_OUT,
            "frozen_encoder": frozen,
        }
    )


def candidates(task: ProxyTask, count: int) -> tuple[Candidate, ...]:
    """The first losses of the zoo's portfolio, each at the schedule's own rate."""
    space = ZooSpace((task.metric,))
    drafts = [space.candidate(theta) for theta in space.portfolio((1.0,))[:count]]
    rate = task.training.learning_rate
    return tuple(
        Candidate(number, draft.loss, learning_rate=rate * draft.rate)
        for number, draft in enumerate(drafts)
    )


def timed(contest: Contest, path: Path, ways: Sequence[str], repeats: int) -> Iterator[str]:
    """Every way on one Ray, one after another; the first of the pool is what others are compared with."""
    yield f"{'':22}{'wall s':>7}{'':6}{'CPU s':>7}{'':6}{'survivors':>11}{'scores':>8}{'files':>6}"
    base: Result | None = None
    with runs.ray_up():
        # What is measured first would pay for what the machine has to read for all of them.
        runs.here(_given(contest, path / "warm-up"), "pool-1")
        for repeat in range(repeats):
            for way in ways:
                folder = _given(contest, path / f"{way}-{repeat}")
                found = runs.here(folder, way)
                base = base or found
                yield row(WAYS[way].told, contest, found, base) + f"{files(folder):>6}"


def killed(contest: Contest, path: Path) -> Iterator[str]:
    """Every way with its driver killed in the second rung, then with a worker killed there."""
    total = len(contest.candidates)
    after = total + total // 4
    with runs.ray_up():
        base = runs.here(_given(contest, path / "undisturbed"), "pool")
    plans = [
        ("driver", "pool", {}),
        ("driver", "in-step", {}),
        ("driver", "in-step", EVERY_STEP),
        ("driver", "hyperband", EVERY_STEP),
        ("driver", "packs", EVERY_STEP),
        ("worker", "in-step", {}),
        ("worker", "hyperband", {}),
        ("worker", "packs", {}),
    ]
    yield f"{'killed':8}{'':24}{'survivors':>10}{'scores':>8}{'trained':>9}  (of {base.evaluations})"
    for number, (victim, way, environment) in enumerate(plans):
        folder = _given(contest, path / f"{number}-{way}-{victim}")
        kill = runs.kill_driver if victim == "driver" else runs.kill_worker
        found = runs.apart(folder, way, interrupt=kill(after), environment=environment)
        name = WAYS[way].told + (" *" if environment else "")
        same = sameness(contest, found, base)
        yield f"{victim:8}{name:24}{same[0]:>10}{same[1]:>8}{found.evaluations:>9}"
    yield "* with its state written at every turn, not every ten seconds"


def row(name: str, contest: Contest, found: Result, base: Result) -> str:
    """Seconds, their ratios, and whether survivors and scores are the same."""
    walls, cpus = f"{found.wall / base.wall:.2f}", f"{found.cpu / base.cpu:.2f}"
    survivors, scores = sameness(contest, found, base)
    return (
        f"{name:22}{found.wall:7.1f}{'x' + walls:>6}{found.cpu:7.1f}{'x' + cpus:>6}"
        f"{survivors:>11}{scores:>8}"
    )


def sameness(contest: Contest, found: Result, base: Result) -> tuple[str, str]:
    """Whether those that came to the end are the same, and all scores to the last bit."""
    if found.scores is None or base.scores is None:
        return "no end", "-"
    last = {n for n, own in found.scores.items() if len(own) == contest.steps}
    wanted = {n for n, own in base.scores.items() if len(own) == contest.steps}
    ends = "same" if last == wanted else f"{len(last & wanted)} of {len(last)}"
    return ends, "same" if found.scores == base.scores else "other"


def files(folder: Folder) -> int:
    """Files that a run left."""
    return sum(path.is_file() for path in folder.path.rglob("*"))


def _given(contest: Contest, path: Path) -> Folder:
    folder = Folder(path)
    folder.give(contest)
    return folder


if __name__ == "__main__":
    main()
