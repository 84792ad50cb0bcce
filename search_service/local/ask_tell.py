"""A search in one process that is asked for trials and told what became of them, by whoever trains them.

The run of the search works by turns with its caller, so nothing waits: who asks gets the next trial, or hears
that others have to be told first. Its state is one file.
"""

import shutil
import sqlite3
import tempfile
import weakref
import zipfile
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, sessionmaker

from search_service.jobs import assignments
from search_service.jobs.assignments import Held
from search_service.jobs.run import Interrupted, Run
from search_service.local.job import handout_of, job_of, run_of, settings_of
from search_service.local.result import SearchResult, result_of
from search_service.local.turns import Turns
from search_service.searches import search as searches
from search_service.searches.external import trials as external
from search_service.searches.external.requests import AskRequest, ReportRequest, TellRequest
from search_service.searches.external.trial import Handout
from search_service.searches.request import SearchRequest
from search_service.settings import Settings
from search_service.store.database import make_engine, read_sessions, sessions, upgrade
from search_service.store.tables import Assignment, Job, Lease
from surrogate_zoo.errors import InputError
from surrogate_zoo.files import DAMAGED_ZIP
from surrogate_zoo.store import zoo

_DATABASE: Final = "search.db"
_ARTIFACTS: Final = f"{_DATABASE}.files/artifacts"
_WEEK: Final = 604_800.0  # no lease is longer; a caller that trains on says so by its reports


class AskTell:
    """A search that hands its trials out; for one thread at a time.

    Proposals follow from the scores by the trials' numbers: in whichever order trials are told, those of the
    next generation are the same.

    Args:
        request: What is searched; None takes it from the state.
        state: A file that :meth:`save` wrote; None begins.

    Raises:
        InputError: The file is no such state, or of another search.
    """

    def __init__(self, request: SearchRequest | None, state: Path | None = None) -> None:
        self._room = _Room.made(state)
        self._close = weakref.finalize(self, self._room.close)
        self._news = True
        with self._room.writing.begin() as session:
            known = session.scalars(select(Job)).one_or_none()
            _prolong(session)
        if request is None and known is not None:
            request = SearchRequest.model_validate(known.request)
        if request is None:
            raise InputError("A search that begins needs a request.")
        self._request = request
        self._job = job_of(self._room.writing, self._room.settings, request)
        if known is not None and known.id != self._job.id:
            self.close()
            raise InputError("The state is of a search with another request: take that one's.")

    @property
    def over(self) -> bool:
        """Whether nothing is handed out any more: the search has its result."""
        with self._room.reading() as session:
            return session.get_one(Job, self._job.id).state == "succeeded"

    def ask(self, worker: str) -> Handout | None:
        """Hand out the next trial; None while others have to be told first, and once the search is over.

        Args:
            worker: Who trains it; a name for each trial, by which it is reported and told.

        Raises:
            WorkerError: Not one trial got a score.
        """
        handout = self._next(worker)
        if handout is None and self._news:
            self._go_on()
            handout = self._next(worker)
        return handout

    def is_held(self, worker: str) -> bool:
        """Whether a worker has a trial that is not told yet."""
        lease = self._lease(worker)
        return lease is not None and lease.told is None

    def last_report(self, worker: str) -> tuple[int, Mapping[str, float]] | None:
        """The newest report of a worker: its step and metrics."""
        lease = self._lease(worker)
        if lease is None or not lease.reports:
            return None
        return int(lease.reports[-1]["step"]), lease.reports[-1]["metrics"]

    def report(self, worker: str, step: int, metrics: Mapping[str, float]) -> None:
        """Take how a trial does on the way; steps that it was reported at before change nothing.

        Raises:
            InputError: The metrics do not fit the search, or the step is beyond its steps.
        """
        last = self.last_report(worker)
        if last is not None and last[0] >= step:
            return
        request = ReportRequest(lease=self._held(worker), step=step, metrics=dict(metrics))
        with self._room.writing.begin() as session:
            external.report(session, self._job.id, request)

    def tell(
        self, worker: str, metrics: Mapping[str, float] | None = None, *, error: str | None = None
    ) -> None:
        """Take what a trial scored, or why it has no score.

        Raises:
            InputError: The metrics do not fit the search.
        """
        request = TellRequest(lease=self._held(worker), metrics=dict(metrics or {}), error=error)
        with self._room.writing.begin() as session:
            external.tell(session, self._job.id, request)
        self._news = True

    def cut_short(self, worker: str, step: int, metrics: Mapping[str, float]) -> None:
        """Take a trial that was stopped early; see ``search_service.searches.external.trials.cut_short``."""
        request = ReportRequest(lease=self._held(worker), step=step, metrics=dict(metrics))
        with self._room.writing.begin() as session:
            external.cut_short(session, self._job.id, request)
        self._news = True

    def result(self) -> SearchResult:
        """What was found.

        Raises:
            InputError: The search is not over.
            WorkerError: Not one trial got a score.
        """
        if self._news:
            self._go_on()
        if not self.over:
            raise InputError(
                f"The search is not over: {self._told()} trials are told, and it has more to train."
            )
        with self._room.reading() as session:
            return result_of(session, self._room.settings, self._job.id)

    def save(self, path: Path) -> None:
        """Write everything into a file."""
        self._room.pack(path)

    def close(self) -> None:
        """End the run, and give its folder back."""
        self._close()

    def _go_on(self) -> None:
        """Let the run take in what was told, and propose what follows from it."""
        room = self._room
        if not self.over:
            if room.turns is None:
                room.turns = Turns()
                run = run_of(room.engine, room.writing, room.settings, self._job, room.turns.end)
                room.turns.start(lambda: searches.run(run))
                room.run = run
            room.turns.take()
        self._news = False

    def _next(self, worker: str) -> Handout | None:
        request = AskRequest(lease_seconds=_WEEK, worker=worker)
        with self._room.writing.begin() as session:
            _, held = external.ask(session, self._job.id, request)
            return handout_of(self._request, held[0]) if held else None

    def _lease(self, worker: str) -> Lease | None:
        query = select(Lease).where(Lease.job_id == self._job.id, Lease.worker == worker)
        with self._room.reading() as session:
            return session.scalar(query.order_by(Lease.begun_at.desc()))

    def _held(self, worker: str) -> str:
        lease = self._lease(worker)
        if lease is None:
            raise InputError(f"{worker} has no trial: ask for one first.")
        return lease.id

    def _told(self) -> int:
        query = select(func.count()).select_from(Assignment)
        with self._room.reading() as session:
            return session.scalar(query.where(Assignment.outcome.is_not(None))) or 0


@dataclass
class _Room:
    """Where a search lives: a folder, its database, and its run once there is one."""

    folder: Path
    settings: Settings
    engine: Engine
    writing: sessionmaker[Session]
    reading: sessionmaker[Session]
    turns: Turns | None = None
    run: Run | None = None

    @classmethod
    def made(cls, state: Path | None) -> "_Room":
        folder = Path(tempfile.mkdtemp(prefix="lossfit-search-"))
        if state is not None:
            _unpack(state, folder)
        settings = settings_of(folder / _DATABASE)
        engine = make_engine(settings.database)
        upgrade(engine, zoo.seed)
        return cls(folder, settings, engine, sessions(engine), read_sessions(engine))

    def pack(self, path: Path) -> None:
        """Write the database and the result's files into a ZIP file."""
        copy = self.folder / "copy.db"
        copy.unlink(missing_ok=True)
        with closing(sqlite3.connect(self.folder / _DATABASE)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.write(copy, _DATABASE)
            for each in sorted((self.folder / _ARTIFACTS).rglob("*")):
                packed.write(each, each.relative_to(self.folder))

    def close(self) -> None:
        """End the run where it waits, and remove the folder."""
        if self.turns is not None and self.run is not None:
            self.run.stopping.set()
            with suppress(Interrupted, Exception):  # it was told to end
                self.turns.take()
        self.engine.dispose()
        shutil.rmtree(self.folder, ignore_errors=True)


def _unpack(state: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(state) as packed:
            packed.extractall(folder)
    except (OSError, *DAMAGED_ZIP) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise InputError(f"{state} is no state of a search: {error}.") from error


def _prolong(session: Session) -> None:
    """Let leases of trials that are not told begin anew: their workers may have been saved long ago."""
    query = select(Assignment, Lease).join(Lease, Lease.id == Assignment.lease)
    for row in session.execute(query.where(Assignment.outcome.is_(None))):
        assignments.prolong(Held(*row))
