"""A search in one process, without a service: the user's function trains, the rest is the service's own code.

The same run, samplers, spaces and race as behind the service, on an SQLite file of its own; so a search with
the same request makes the same proposals and ends with the same loss.
"""

import hashlib
import json
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from pydantic import ValidationError
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from search_service.jobs import assignments, lifecycle
from search_service.jobs.run import Run, claim
from search_service.kinds import KINDS
from search_service.local.result import SearchResult, result_of
from search_service.samplers.specs import PortfolioSpec
from search_service.searches import search as searches
from search_service.searches.external import trials as external
from search_service.searches.external.requests import AskRequest, ReportRequest, TellRequest
from search_service.searches.external.trial import Handout, Record, Trial
from search_service.searches.request import SearchRequest
from search_service.settings import Settings
from search_service.store.database import make_engine, read_sessions, sessions, upgrade
from search_service.store.lease import hold_lease
from search_service.store.tables import Job
from search_service.store.tables import Trial as Row
from surrogate_zoo.errors import InputError
from surrogate_zoo.store import zoo
from workers.tasks.base import FolderTask
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

Scored: TypeAlias = float | Mapping[str, float] | None
Evaluate: TypeAlias = Callable[[Trial], Scored]
"""Trains with ``trial.loss()`` and returns the score, or every metric by name; None where it told itself."""

Result = TypeVar("Result")


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
    sought = {"metric": metric} if isinstance(metric, str) else {"metrics": list(metric)}
    spec = {} if sampler is None and trials is None else {"sampler": _sampler(sampler, trials)}
    told = {"trainer": "external", "num_classes": num_classes, "seed": seed}
    request = _request({**sought, **spec, **told, **fields})
    with ExitStack() as exits:
        if storage is None:
            storage = Path(exits.enter_context(tempfile.TemporaryDirectory())) / "search.db"
        settings = _settings(Path(storage))
        engine = make_engine(settings.database)
        exits.callback(engine.dispose)
        upgrade(engine, zoo.seed)
        writing = exits.enter_context(hold_lease(engine)).fence(sessions(engine))
        job = _job(writing, settings, request)
        if job.state != "succeeded":
            _run(engine, writing, settings, job, evaluate)
        with read_sessions(engine)() as session:
            return result_of(session, settings, job.id)


def _sampler(sampler: str | Mapping[str, Any] | None, trials: int | None) -> dict[str, Any]:
    named = sampler or "portfolio"
    spec: dict[str, Any] = {"name": named} if isinstance(named, str) else dict(named)
    if trials is None:
        return spec
    if (name := spec.setdefault("name", "portfolio")) == "ppo2":
        raise InputError(
            "ppo2 counts in steps and samples: leave trials out, and say them in sampler."
        )
    if name == "portfolio" and trials and "batch" not in spec:
        spec["batch"] = max(n for n in range(1, _BATCH + 1) if trials % n == 0)
    return {**spec, "trials": trials}


_BATCH = PortfolioSpec().batch


def _request(body: dict[str, Any]) -> SearchRequest:
    try:
        return SearchRequest.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{place}: {message}." if place else f"{message}.") from error


def _settings(storage: Path) -> Settings:
    """Settings that nothing of the environment gets into, with the report's files beside the storage."""
    path = storage.expanduser().absolute()
    home = path.with_name(f"{path.name}.files")
    return Settings(home=home, database_url=f"sqlite:///{path}", artifacts=str(home / "artifacts"))


def _job(writing: sessionmaker[Session], settings: Settings, request: SearchRequest) -> Job:
    """The search of that request; a file may hold several."""
    body = json.dumps(request.model_dump(mode="json"), sort_keys=True)
    key = hashlib.sha256(body.encode()).hexdigest()
    with writing.begin() as session:
        return lifecycle.create(session, settings, KINDS["search"], request, idempotency_key=key)


def _run(
    engine: Engine,
    writing: sessionmaker[Session],
    settings: Settings,
    job: Job,
    evaluate: Evaluate,
) -> None:
    with writing.begin() as session:
        claimed = claim(session, job.id, job.attempt)
        assignments.release(session, job.id)
    if claimed is None:  # nobody pauses or cancels it here
        raise InputError(f"The search {job.id} of this storage is {job.state}: take another file.")
    run = Run(
        job=claimed,
        settings=settings,
        writing=writing,
        reading=read_sessions(engine),
        pool=_NoWorkers(),
        step=_step,
        stopping=threading.Event(),
        train=_Trainer(writing, job.id, evaluate, Record(_has_score(engine, job.id))).train,
    )
    searches.run(run)


def _has_score(engine: Engine, job_id: str) -> bool:
    query = select(Row.number).where(Row.job_id == job_id, Row.score.is_not(None)).limit(1)
    with read_sessions(engine)() as session:
        return session.scalar(query) is not None


def _step(name: str, function: Callable[[], Result]) -> Result:  # noqa: ARG001 - recorded is recorded
    return function()


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
        ((assignment, lease),) = held
        handout = Handout(
            lease.id,
            assignment.stage,
            assignment.number,
            assignment.seed,
            assignment.rate,
            assignment.loss,
            request.classes,
            request.facts,
        )
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


class _NoWorkers:
    """Stands where the service has its workers: nothing of an external search is sent to them."""

    @property
    def actors(self) -> int:
        return 0

    def evaluate(
        self,
        task: ProxyTask,
        candidates: Sequence[Candidate],
        *,
        on_outcome: Callable[[Outcome], None],
        should_stop: Callable[[], bool],
    ) -> None:
        raise NotImplementedError

    def run(
        self,
        task: FolderTask[Result],
        folder: Path,
        *,
        on_progress: Callable[[int, float], None],
        should_stop: Callable[[], bool],
    ) -> Result:
        raise NotImplementedError
