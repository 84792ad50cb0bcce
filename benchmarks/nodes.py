"""Nodes of Ray on one machine that come, are lost and are sick, below one pool of workers.

``python -m benchmarks.nodes [--seconds 2] [--candidates 24]``: proxies are scripted and sleep, so that
nodes share no core. The pool wants two nodes' workers from the beginning. Its throughput is measured on
one node, and again once a second one has joined; then a search runs, and the second node is taken away
in the middle; then a third one joins that fails all that it is given. Prints one line of JSON; ends
with 1 where anything is not as it has to be (:attr:`Report.is_well`).
"""

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ray
from ray.cluster_utils import Cluster

from benchmarks.disturbed import Home, undisturbed
from search_service.controller import Controller
from surrogate_zoo.losses.registry import LOSSES
from workers.cluster.pool import WorkerPool
from workers.proxy.dry_run import PLACE
from workers.tasks.datasets import DryRunSource
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

WORKERS = 2  # of each node
SICK = "sick"
SEED = 0
PATIENCE_SECONDS = 300.0  # for workers to start, and for the search to end
POLL = 0.1


@dataclass
class Report:
    """What came of it.

    Attributes:
        one: Candidates a second on one node.
        two: On two.
        ratio: The second by the first.
        state: How the search ended that lost a node.
        before: Its trials that were recorded when the node was taken away.
        same: Whether trials, parameters and scores are those of the undisturbed search.
        once: Whether every trial and every event of it is there once.
        aside: Nodes that are set aside in the end; the sick one has to be.
        failed: Candidates without a score because of the sick one.
    """

    one: float = 0.0
    two: float = 0.0
    ratio: float = 0.0
    state: str = ""
    before: int = 0
    same: bool = False
    once: bool = False
    aside: int = 0
    failed: int = 0

    @property
    def is_well(self) -> bool:
        """Whether two nodes do at least 1.8 times as much, and nothing was lost with one."""
        search = self.state == "succeeded" and self.same and self.once
        return self.ratio >= 1.8 and search and self.aside == 1 and self.failed == 0


@contextmanager
def one_node() -> Iterator[tuple[Cluster, WorkerPool]]:
    """A cluster of one node, and a pool on it that wants the workers of two."""
    made = Cluster()
    try:
        made.add_node(num_cpus=WORKERS, include_dashboard=False)
        with WorkerPool(address=made.address, actors=2 * WORKERS, gpus_per_actor=0) as pool:
            yield made, pool
    finally:
        ray.shutdown()
        made.shutdown()  # type: ignore[no-untyped-call]


def add_node(made: Cluster, place: str = "") -> Any:
    """One more node, whose workers are at a place."""
    return made.add_node(num_cpus=WORKERS, env_vars={PLACE: place})


def task(seconds: float, *acts: dict[str, Any]) -> ProxyTask:
    """Scripted proxies of so many seconds."""
    script = {"seconds": seconds, "acts": acts}
    return ProxyTask(dataset=DryRunSource.model_validate({"script": script}), metric="macc")


def evaluate(pool: WorkerPool, of: ProxyTask, number: int) -> list[Outcome]:
    """Evaluate so many candidates."""
    document = LOSSES["cross-entropy"].document()
    outcomes: list[Outcome] = []
    candidates = [Candidate(index, document, learning_rate=0.1) for index in range(number)]
    pool.evaluate(of, candidates, on_outcome=outcomes.append)
    return outcomes


def wait_for_workers(pool: WorkerPool, number: int) -> None:
    """Wait until so many have evaluated something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    there = 0
    while there < number:
        if time.monotonic() > deadline:
            raise SystemExit(f"Of {number} workers {there} have started.")
        there = len({outcome.worker["pid"] for outcome in evaluate(pool, task(0.2), 2 * number)})


def throughput(pool: WorkerPool, workers: int, seconds: float, candidates: int) -> float:
    """Candidates a second, once so many workers are there."""
    wait_for_workers(pool, workers)
    began = time.monotonic()
    evaluate(pool, task(seconds), candidates)
    return candidates / (time.monotonic() - began)


def lose(report: Report, made: Cluster, pool: WorkerPool, node: Any, seconds: float) -> None:
    """Take a node away in the middle of a search, and look at what the search finds."""
    trials = 24
    expected = undisturbed(trials, SEED)
    with tempfile.TemporaryDirectory() as folder:
        home, stop = Home(Path(folder)), threading.Event()
        with Controller(home.settings, pool) as controller:
            job_id = home.submit(seconds, trials, SEED)
            thread = threading.Thread(target=controller.work, args=(stop,))
            thread.start()
            while (done := len(home.trials(job_id))) < trials // 3:
                time.sleep(POLL)
            report.before = done
            made.remove_node(node, allow_graceful=False)
            report.state = home.wait(job_id, PATIENCE_SECONDS)
            stop.set()
            thread.join()
        report.same, report.once = home.trials(job_id) == expected, home.is_told_once(job_id)


def sick(report: Report, pool: WorkerPool, seconds: float, candidates: int) -> None:
    """Evaluate while the workers of one node end at once."""
    outcomes = evaluate(pool, task(seconds, {"do": "exit", "place": SICK, "at": 0}), candidates)
    report.failed = sum(outcome.score is None for outcome in outcomes)
    report.aside = sum(worker["state"] == "set-aside" for worker in pool.workers())


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--candidates", type=int, default=24)
    options = parser.parse_args()
    report = Report()
    with one_node() as (made, pool):
        report.one = throughput(pool, WORKERS, options.seconds, options.candidates)
        second = add_node(made)
        report.two = throughput(pool, 2 * WORKERS, options.seconds, options.candidates)
        report.ratio = report.two / report.one
        lose(report, made, pool, second, options.seconds)
        add_node(made, SICK)
        wait_for_workers(pool, 2 * WORKERS)
        sick(report, pool, options.seconds, options.candidates)
    print(json.dumps(asdict(report)))
    raise SystemExit(0 if report.is_well else 1)


if __name__ == "__main__":
    main()
