"""Two nodes of Ray on one machine: throughput against one, and one of them removed in the middle.

``python -m benchmarks.nodes [--seconds 2] [--candidates 24]``: proxies are scripted and sleep, so that
nodes share no core. Prints one line of JSON: candidates a second on one node and on two, their ratio,
whether all candidates came to their scores although a node was lost, and which nodes were set aside
where one fails everything that it is given.
"""

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import ray
from ray.cluster_utils import Cluster

from surrogate_zoo.losses.registry import LOSSES
from workers.cluster.pool import WorkerPool
from workers.proxy.dry_run import PLACE
from workers.tasks.datasets import DryRunSource
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

WORKERS = 2  # of each node
SICK = "sick"


@dataclass
class Report:
    """What came of it.

    Attributes:
        one: Candidates a second on one node.
        two: On two.
        ratio: The second by the first.
        lost: Whether every candidate has its score where a node is removed in the middle.
        aside: How many nodes are set aside where one fails all that it is given.
        sick: Candidates that failed meanwhile.
    """

    one: float = 0.0
    two: float = 0.0
    ratio: float = 0.0
    lost: bool = False
    aside: int = 0
    sick: int = 0

    @property
    def is_well(self) -> bool:
        """Whether two nodes do at least 1.8 times as much, and nothing was lost with one."""
        return self.ratio >= 1.8 and self.lost and self.aside == 1 and self.sick == 0


def task(seconds: float, *acts: dict[str, Any]) -> ProxyTask:
    """Scripted proxies of so many seconds."""
    script = {"seconds": seconds, "acts": acts}
    return ProxyTask(dataset=DryRunSource.model_validate({"script": script}), metric="macc")


@contextmanager
def cluster(nodes: int, place: str = "") -> Iterator[tuple[Cluster, list[Any], WorkerPool]]:
    """So many nodes, the last of them at a place, and a pool on them whose workers have all started."""
    made = Cluster()
    try:
        places = [""] * (nodes - 1) + [place]
        started = [made.add_node(num_cpus=WORKERS, env_vars={PLACE: name}) for name in places]
        made.wait_for_nodes()
        with WorkerPool(address=made.address, actors=WORKERS * nodes, gpus_per_actor=0) as pool:
            one_each = evaluate(pool, task(0.5), 4 * pool.actors)
            while len({outcome.worker["pid"] for outcome in one_each}) < pool.actors:
                one_each = evaluate(pool, task(0.5), 4 * pool.actors)
            yield made, started, pool
    finally:
        ray.shutdown()
        made.shutdown()  # type: ignore[no-untyped-call]


def evaluate(pool: WorkerPool, of: ProxyTask, number: int, **hooks: Any) -> list[Outcome]:
    """Evaluate so many candidates."""
    document = LOSSES["cross-entropy"].document()
    outcomes: list[Outcome] = []
    candidates = [Candidate(index, document, learning_rate=0.1) for index in range(number)]
    pool.evaluate(of, candidates, on_outcome=outcomes.append, **hooks)
    return outcomes


def throughput(nodes: int, seconds: float, candidates: int) -> float:
    """Candidates a second."""
    with cluster(nodes) as (_, _, pool):
        began = time.monotonic()
        evaluate(pool, task(seconds), candidates)
        return candidates / (time.monotonic() - began)


def without_one(seconds: float, candidates: int) -> bool:
    """Whether all end well although the second node is removed after the first outcomes."""
    with cluster(2) as (made, (_, second), pool):
        began = time.monotonic()
        removed: list[bool] = []

        def look() -> bool:
            if not removed and time.monotonic() - began > 1.5 * seconds:
                removed.append(True)
                made.remove_node(second, allow_graceful=False)
            return False

        outcomes = evaluate(pool, task(seconds), candidates, should_stop=look)
    numbers = sorted(outcome.number for outcome in outcomes)
    return numbers == list(range(candidates)) and all(o.score is not None for o in outcomes)


def sick(candidates: int) -> tuple[int, int]:
    """Nodes set aside, and candidates that failed, where workers of one node end at once."""
    with cluster(2, SICK) as (_, _, pool):
        outcomes = evaluate(pool, task(0.3, {"do": "exit", "place": SICK, "at": 0}), candidates)
        aside = [worker for worker in pool.workers() if worker["state"] == "set-aside"]
    return len(aside), sum(outcome.score is None for outcome in outcomes)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--candidates", type=int, default=24)
    options = parser.parse_args()
    report = Report()
    report.one = throughput(1, options.seconds, options.candidates)
    report.two = throughput(2, options.seconds, options.candidates)
    report.ratio = report.two / report.one
    report.lost = without_one(options.seconds, options.candidates)
    report.aside, report.sick = sick(options.candidates)
    print(json.dumps(asdict(report)))
    raise SystemExit(0 if report.is_well else 1)


if __name__ == "__main__":
    main()
