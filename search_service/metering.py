"""What the controller counts while it works: trainings, how they ended, and what samplers take to propose."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from search_service.jobs.pool import Pool
from search_service.jobs.run import failure_of
from search_service.store.states import WorkerState
from workers.tasks.base import FolderTask
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

_SECONDS: Final = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 96 * 3600)
_STATES: Final[tuple[WorkerState, ...]] = get_args(WorkerState)

Result = TypeVar("Result")


class Meter:
    """Figures of one controller, in a registry of their own; from any thread."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.registry = CollectorRegistry()
        self.trainings = Counter(
            "lossfit_trainings",
            "Trainings that ended, by the job's kind, how, and why where they failed.",
            ("kind", "ending", "failure"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "lossfit_training_seconds",
            "Wall time of trainings with their scoring, by the job's kind.",
            ("kind",),
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.proposals = Histogram(
            "lossfit_proposal_seconds",
            "From the last result of a generation to the first training of the next one.",
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.runs = Counter(
            "lossfit_runs",
            "Runs of jobs that ended, by kind and how: done, interrupted, waits or failed.",
            ("kind", "ending"),
            registry=self.registry,
        )
        self.workers = Gauge(
            "lossfit_workers", "Workers by state.", ("state",), registry=self.registry
        )

    def text(self, workers: Sequence[Mapping[str, str | int]]) -> str:
        """All figures in Prometheus's text format, with the present state of the workers."""
        for state in _STATES:
            count = sum(worker["state"] == state for worker in workers)
            self.workers.labels(state).set(count)
        return generate_latest(self.registry).decode()

    def count(self, kind: str, outcome: Outcome) -> None:
        """Count a candidate's training."""
        ending = _ending(outcome)
        failure = outcome.failure or "unexpected" if ending == "failed" else ""
        self.trainings.labels(kind, ending, failure).inc()
        self.seconds.labels(kind).observe(outcome.seconds)


class MeteredPool:
    """A pool as one run of a job uses it, with everything counted."""

    def __init__(self, pool: Pool, meter: Meter, kind: str) -> None:
        """Count what a job of ``kind`` has done by ``pool``."""
        self._pool, self._meter, self._kind = pool, meter, kind
        self._ended: float | None = None  # when the last generation's last result was there

    @property
    def actors(self) -> int:
        """As of every pool."""
        return self._pool.actors

    def workers(self) -> Sequence[Mapping[str, str | int]]:
        """As of every pool."""
        return self._pool.workers()

    @property
    def lost(self) -> str | None:
        """As of every pool."""
        return self._pool.lost

    def evaluate(
        self,
        task: ProxyTask,
        candidates: Sequence[Candidate],
        *,
        on_outcome: Callable[[Outcome], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """As of every pool; counts each outcome, and the time since the generation before."""
        if self._ended is not None:
            self._meter.proposals.observe(time.monotonic() - self._ended)

        def counted(outcome: Outcome) -> None:
            self._meter.count(self._kind, outcome)
            on_outcome(outcome)

        self._pool.evaluate(task, candidates, on_outcome=counted, should_stop=should_stop)
        self._ended = time.monotonic()

    def run(
        self,
        task: FolderTask[Result],
        folder: Path,
        *,
        on_progress: Callable[[int, float], None],
        should_stop: Callable[[], bool],
    ) -> Result:
        """As of every pool; counts the training and its time."""
        began = time.monotonic()
        try:
            result = self._pool.run(task, folder, on_progress=on_progress, should_stop=should_stop)
        except Exception as error:
            self._meter.trainings.labels(self._kind, "failed", failure_of(error)).inc()
            raise
        self._meter.trainings.labels(self._kind, "trained", "").inc()
        self._meter.seconds.labels(self._kind).observe(time.monotonic() - began)
        return result


def _ending(outcome: Outcome) -> str:
    if outcome.score is None:
        return "rejected" if outcome.rejected else "failed"
    return "stopped" if outcome.stopped else "trained"
