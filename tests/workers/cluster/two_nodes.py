"""Retrainings that two nodes of Ray share, on one machine; run apart, since a process has one Ray alone.

``python -m tests.workers.cluster.two_nodes FOLDER`` leaves their files in FOLDER, and in ``seen.json``
what the test beside it looks at.
"""

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ray
from ray.cluster_utils import Cluster

from surrogate_zoo.errors import InputError
from tests.workers import tiny
from tests.workers.cluster.test_pool import pids, wait_for
from workers.cluster.pool import WorkerPool
from workers.tasks.base import Stopped
from workers.tasks.proxy import Outcome
from workers.tasks.retraining import CHECKPOINT, RetrainingTask

EARLY_STOP = {"metric": "macc", "every": 20, "hold_out": {"share": 0.25}}


def task(loss: str = "asl-miou-voc", *, devices: int = 2, iterations: int = 60) -> RetrainingTask:
    """A retraining whose network has batch normalisations."""
    schedule = {"iterations": iterations, "batch_size": 8, "learning_rate": 0.005}
    return tiny.retraining_task(loss, devices=devices, early_stop=EARLY_STOP, training=schedule)


def short_task() -> RetrainingTask:
    """One that does not multiply roundings: in two processes weights differ by 2e-6 of their norm.

    After 60 steps with the surrogate it is 6%, and 4% between two trainings in one process whose initial
    weights differ by 1e-7: where a ReLU's input is near 0, its rounding decides.
    """
    return task("cross-entropy", iterations=4)


def disturbed(pool: WorkerPool, folder: Path, disturb: Callable[[], object]) -> None:
    """Retrain while something is done in the middle."""
    shot = threading.Event()

    def once() -> bool:
        if not shot.is_set() and (folder / CHECKPOINT).exists():
            shot.set()
            disturb()
        return False

    pool.run(task(), folder, should_stop=once)


def lose(cluster: Cluster, node: Any) -> None:
    """Let a node end without a word, and another one come."""
    cluster.remove_node(node, allow_graceful=False)
    cluster.add_node(num_cpus=1)


def stopped(pool: WorkerPool, folder: Path) -> bool:
    """Stop a retraining once both train; whether it was."""
    try:
        pool.run(task(iterations=100_000), folder, should_stop=(folder / CHECKPOINT).exists)
    except Stopped:
        return True
    return False


def beside(pool: WorkerPool, folder: Path) -> list[str | None]:
    """Two shared retrainings and a search at once, on the same two workers; the search's errors."""
    outcomes: list[Outcome] = []
    six = [tiny.candidate(number) for number in range(6)]
    works: list[Callable[[], object]] = [
        lambda: pool.evaluate(tiny.proxy_task(), six, on_outcome=outcomes.append),
        lambda: pool.run(task(iterations=4), folder / "first"),
        lambda: pool.run(task(iterations=4), folder / "second"),
    ]
    with ThreadPoolExecutor(len(works)) as threads:
        for work in [threads.submit(work) for work in works]:
            work.result()
    return [outcome.error for outcome in outcomes]


def refused(pool: WorkerPool, folder: Path) -> str:
    """What is told of a retraining that asks for too many."""
    try:
        pool.run(task(devices=4), folder)
    except InputError as error:
        return str(error)
    return ""


def look(cluster: Cluster, second: Any, pool: WorkerPool, folder: Path) -> dict[str, Any]:
    """Retrain in every way."""
    wait_for(lambda: len(pids(pool)) == 2)
    told: list[int] = []
    pool.run(short_task(), folder / "short")
    pool.run(task(), folder / "whole", on_progress=lambda steps, _: told.append(steps))
    before, workers = pids(pool), pool.workers()
    seen: dict[str, Any] = {
        "nodes": len({worker["node"] for worker in workers}),
        "progress": told,
        "files": sorted(path.name for path in (folder / "whole").iterdir()),
        "stopped": stopped(pool, folder / "stopped"),
        "kept": pids(pool) == before,
        "beside": beside(pool, folder),
        "refused": refused(pool, folder / "refused"),
    }
    victim = max(before)
    disturbed(pool, folder / "killed", lambda: os.kill(victim, signal.SIGKILL))
    wait_for(lambda: len(pids(pool)) == 2)
    seen["replaced"] = victim not in pids(pool)
    places = nodes(pool)
    disturbed(pool, folder / "away", lambda: lose(cluster, second))
    seen["moved"] = nodes(pool) != places
    return seen


def nodes(pool: WorkerPool) -> set[str | int]:
    """The nodes that workers are on."""
    return {worker["node"] for worker in pool.workers() if worker["state"] != "set-aside"}


def main() -> None:
    """Start two nodes of one worker each, and look."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    cluster = Cluster()
    try:
        cluster.add_node(num_cpus=1, include_dashboard=False)
        second = cluster.add_node(num_cpus=1)
        with WorkerPool(address=cluster.address, actors=2, gpus_per_actor=0) as pool:
            folder = Path(sys.argv[1])
            (folder / "seen.json").write_text(json.dumps(look(cluster, second, pool, folder)))
    finally:
        ray.shutdown()
        cluster.shutdown()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
