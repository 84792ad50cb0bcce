"""Share of a search's wall time that is not training or evaluation.

``python -m benchmarks.search_overhead [--seconds 10] [--generations 3]``: runs a search through the
real controller and its Ray workers, with proxies of about that many seconds on this machine, and
prints what part of the workers' time between the search's start and its end they were neither
training nor scoring. The time counts from the job's start, with idle workers that know the dataset
already: a first small search brings them up.
"""

import argparse
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any

from search_service.controller import Controller
from search_service.jobs import lifecycle
from search_service.kinds import KINDS
from search_service.searches.admission import trials as trials_of
from search_service.searches.request import SearchRequest
from search_service.settings import Settings
from search_service.store.database import make_engine, read_sessions, sessions
from search_service.store.states import FINAL
from search_service.store.tables import Job
from workers.cluster.pool import WorkerPool

TRIAL_ITERATIONS = 40


class Bench:
    """A controller with workers, and a way to run one search on it."""

    def __init__(self, settings: Settings) -> None:
        engine = make_engine(settings.database)
        self._reading, self._writing = read_sessions(engine), sessions(engine)

    def run(self, iterations: int, generations: int, samples: int) -> tuple[float, list[float]]:
        """Return the wall seconds of a search and the seconds that each of its trials took."""
        request = SearchRequest.model_validate(
            {
                "metric": "macc",
                "dataset": "shapes",
                "preset": "quick",
                "name": "overhead",
                "sampler": {"name": "ppo2", "steps": generations, "samples": samples},
                "training": {"iterations": iterations},
            }
        )
        with self._writing.begin() as session:
            job_id = lifecycle.create(session, Settings(), KINDS["search"], request).id
        job = self._wait(job_id)
        if job.state != "succeeded":
            raise SystemExit(f"The search ended as {job.state}: {job.error}")
        with self._reading() as session:
            seconds = [trial.seconds for trial in trials_of(session, job_id, limit=10_000)]
        return job.running_seconds, seconds

    def _wait(self, job_id: str) -> Job:
        tick = threading.Event()
        while True:
            with self._reading() as session:
                job = session.get_one(Job, job_id)
            if job.state in FINAL:
                return job
            tick.wait(0.1)


def iterations_for(wanted: float, seconds: Sequence[float]) -> int:
    """Iterations of a proxy of the wanted seconds, by those of ``TRIAL_ITERATIONS`` each."""
    return round(TRIAL_ITERATIONS * wanted / fmean(seconds))


def idle_share(wall: float, seconds: Sequence[float], actors: int) -> float:
    """Part of the workers' time in which none of them trained or scored."""
    return 1 - sum(seconds) / (wall * actors)


@contextmanager
def service(actors: int) -> Iterator[Bench]:
    """A fresh service with ``actors`` workers of one core each."""
    stop = threading.Event()
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), actors=actors)
        with WorkerPool(actors=actors) as pool, Controller(settings, pool) as controller:
            thread = threading.Thread(target=controller.work, args=(stop,))
            thread.start()
            try:
                yield Bench(settings)
            finally:
                stop.set()
                thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="aimed at for one proxy")
    parser.add_argument("--generations", type=int, default=3)
    parser.add_argument("--samples", type=int, default=8, help="candidates a generation")
    parser.add_argument("--actors", type=int, default=os.cpu_count() or 1)
    options: Any = parser.parse_args()
    with service(options.actors) as bench:
        bench.run(TRIAL_ITERATIONS, 1, options.actors * 2)
        _, seconds = bench.run(TRIAL_ITERATIONS, 1, options.actors * 2)
        iterations = iterations_for(options.seconds, seconds)
        wall, seconds = bench.run(iterations, options.generations, options.samples)
    print(
        f"{len(seconds)} proxies of {fmean(seconds):.2f} s ({iterations} iterations), "
        f"{options.actors} workers"
    )
    share = idle_share(wall, seconds, options.actors)
    print(f"wall time {wall:.2f} s; neither training nor evaluation: {share:.2%}")


if __name__ == "__main__":
    main()
