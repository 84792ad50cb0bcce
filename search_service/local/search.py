"""A search in one process, without a service: the user's function trains, the rest is the service's own code.

The same run, samplers, spaces and race as behind the service, on an SQLite file of its own; so a search with
the same request makes the same proposals and ends with the same loss.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from search_service.jobs import assignments
from search_service.local import bars  # noqa: F401 - before whatever else loads Optuna
from search_service.local.job import handout_of, job_of, request_of, run_of, settings_of
from search_service.local.result import SearchResult, result_of
from search_service.searches import search as searches
from search_service.searches.external import trials as external
from search_service.searches.external.requests import AskRequest, ReportRequest, TellRequest
from search_service.searches.external.trial import Handout, Record, Trial
from search_service.searches.request import SearchRequest
from search_service.store.database import make_engine, read_sessions, sessions, upgrade
from search_service.store.lease import hold_lease
from search_service.store.tables import Trial as Row
from surrogate_zoo.store import zoo

Scored: TypeAlias = float | Mapping[str, float] | None
Evaluate: TypeAlias = Callable[[Trial], Scored]
"""Trains with ``trial.loss()`` and returns the score, or every metric by name; None where it told itself."""


def search(
    metric: str | Sequence[str],
    evaluate: Evaluate,
    *,
    num_classes: int,
    trials: int | None = None,
    sampler: str | Mapping[str, Any] | None = None,
    seed: int = 0,
    storage: str | Path | None = None,
    **fields: Any,
) -> SearchResult:
    """Search the loss that fits a metric, trained by a function of one's own.

    What the function raises is told as its trial's error, unless no trial has a score yet: then it passes
    through. Called again with the same request and storage, the search goes on where it was.

    Args:
        metric: What to search for: ``miou``, ``miou+bf1`` for one loss for both, ``["miou", "bf1"]`` for one
            for each.
        evaluate: See :data:`Evaluate`.
        num_classes: Classes of the data.
        trials: Trials that the sampler proposes, beside those of its portfolio; its own default if not
            given.
        sampler: A sampler's name or spec; ``portfolio`` if not given.
        seed: Of the sampler; trials of the search share it.
        storage: An SQLite file that keeps the search; None keeps it in memory's stead in a folder that goes
            with the search.
        **fields: Further fields of :class:`search_service.searches.request.SearchRequest`: ``steps``,
            ``race``, ``halving``, ``space``, ``name``, ``class_pixels``.

    Returns:
        What was found.

    Raises:
        InputError: That is no search, or what the function returns does not fit it.
        WorkerError: No trial got a score.
        ConflictError: Another process has the storage.
    """
    request = request_of(
        metric, num_classes=num_classes, trials=trials, sampler=sampler, seed=seed, fields=fields
    )
    with ExitStack() as exits:
        if storage is None:
            storage = Path(exits.enter_context(tempfile.TemporaryDirectory())) / "search.db"
        settings = settings_of(Path(storage))
        engine = make_engine(settings.database)
        exits.callback(engine.dispose)
        upgrade(engine, zoo.seed)
        writing = exits.enter_context(hold_lease(engine)).fence(sessions(engine))
        job = job_of(writing, settings, request)
        if job.state != "succeeded":
            trainer = _Trainer(writing, job.id, evaluate, Record(_has_score(engine, job.id)))
            with writing.begin() as session:  # whoever trained for an earlier call is gone
                assignments.release(session, job.id)
            searches.run(run_of(engine, writing, settings, job, trainer.train))
        with read_sessions(engine)() as session:
            return result_of(session, settings, job.id)


def _has_score(engine: Engine, job_id: str) -> bool:
    query = select(Row.number).where(Row.job_id == job_id, Row.score.is_not(None)).limit(1)
    with read_sessions(engine)() as session:
        return session.scalar(query) is not None


@dataclass(frozen=True)
class _Trainer:
    """Asks for one trial after the other, and trains it.

    Attributes:
        writing: Sessions that write.
        job_id: The search.
        evaluate: The user's function.
        record: Of the trials so far.
    """

    writing: sessionmaker[Session]
    job_id: str
    evaluate: Evaluate
    record: Record

    def train(self) -> None:
        """Train the next trial."""
        with self.writing.begin() as session:
            job, held = external.ask(session, self.job_id, AskRequest())
            request = SearchRequest.model_validate(job.request)
        (only,) = held
        handout = handout_of(request, only)
        trial = _LocalTrial(handout, self.record, self.writing, self.job_id)
        with trial:
            scored = self.evaluate(trial)
            if isinstance(scored, Mapping):
                trial.tell(metrics=scored)
            elif scored is not None:
                trial.tell(float(scored))


class _LocalTrial(Trial):
    """A trial that is told to the storage itself."""

    def __init__(
        self, handout: Handout, record: Record, writing: sessionmaker[Session], job_id: str
    ) -> None:
        super().__init__(handout, record)
        self._writing, self._job_id = writing, job_id

    def _report(self, step: int, score: float | None, metrics: dict[str, float]) -> bool:
        lease = self._handout.lease
        request = ReportRequest(lease=lease, step=step, score=score, metrics=metrics)
        with self._writing.begin() as session:
            return external.report(session, self._job_id, request)

    def _tell(self, score: float | None, metrics: dict[str, float], error: str | None) -> None:
        lease = self._handout.lease
        request = TellRequest(lease=lease, score=score, metrics=metrics, error=error)
        with self._writing.begin() as session:
            external.tell(session, self._job_id, request)
