"""One run of one job by the controller: what jobs of every kind share."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy.orm import Session, sessionmaker

from search_service.jobs import ledger
from search_service.jobs.pool import Pool
from search_service.settings import Settings
from search_service.store import artifacts
from search_service.store.states import ACTIVE, State
from search_service.store.tables import Artifact, Job
from surrogate_zoo.errors import LossfitError, StorageError, WorkerError
from workers.tasks.failures import Failure

_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 0.2
_MOST_FAULTS = 1000

Result = TypeVar("Result")


class Step(Protocol):
    """Runs a function whose JSON result is remembered, so that a run that repeats gets it back."""

    def __call__(self, name: str, function: Callable[[], Result]) -> Result:
        """Run or remember ``function`` under ``name``."""
        ...


class Interrupted(BaseException):
    """The run ends before its job does: pausing, cancelling, or the controller stops.

    Not an :class:`Exception`, so that dbos records it neither as the result of a step nor of the
    workflow: whatever was interrupted is run again.
    """


@dataclass
class Run:
    """What a job's code works with.

    Attributes:
        job: The job's row as it was when the run began.
        settings: The service's settings.
        writing: Sessions that write.
        reading: Sessions that read.
        pool: The workers.
        step: See :class:`Step`.
        stopping: Set when the controller stops.
        train: Trains what is handed out, where that is done in this process; None where others ask for
            it. Called again and again while there is something left.
    """

    job: Job
    settings: Settings
    writing: sessionmaker[Session]
    reading: sessionmaker[Session]
    pool: Pool
    step: Step
    stopping: threading.Event
    train: Callable[[], None] | None = None
    _looked: float = field(default=float("-inf"), init=False)
    _asked_to_stop: bool = field(default=False, init=False)

    @property
    def folder(self) -> Path:
        """The job's own folder for files that are needed while it runs."""
        return self.settings.home / "jobs" / self.job.id

    def should_stop(self) -> bool:
        """Whether the job is to be paused or cancelled, or the controller stops; cheap to ask."""
        if self.stopping.is_set() or self._asked_to_stop:
            return True
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            with self.reading() as session:
                job = session.get_one(Job, self.job.id)
                self._asked_to_stop = job.state != "running" or job.attempt != self.job.attempt
            self._looked = time.monotonic()
        return self._asked_to_stop

    def wait(self) -> None:
        """Give those who train what was handed out some time."""
        if self.train is not None:
            self.train()
        else:
            self.stopping.wait(_PATIENCE_SECONDS)

    def tell(self, kind: str, body: dict[str, Any]) -> None:
        """Append to the job's events."""
        with self.writing.begin() as session:
            ledger.append_event(session, self.job.id, kind, body)

    def keep(self, path: Path) -> Artifact:
        """Store a file as the job's artifact under its own name."""
        return self.record(path.name, *artifacts.store(self.settings.artifacts_root, path))

    def record(self, name: str, sha256: str, size: int) -> Artifact:
        """Name a stored file of ``size`` bytes as the job's artifact."""
        row = Artifact(job_id=self.job.id, name=name, sha256=sha256, bytes=size)
        row.media_type = artifacts.MEDIA_TYPES[Path(name).suffix]
        with self.writing.begin() as session:
            ledger.record_artifact(session, row)
        return row


def claim(session: Session, job_id: str, attempt: int) -> Job | None:
    """Take a job up, also one that a controller which died was working on.

    Returns:
        The job, running; None where it is not to be run (any more): paused, cancelled, or another
        attempt's by now.
    """
    job = ledger.lock(session, job_id)
    if job.attempt != attempt:
        return None
    if job.state == "queued":
        ledger.move(session, job_id, {"queued": "running"}, attempt=attempt)
    elif job.state in ACTIVE:
        ledger.leave_out_absence(session, job)
        if job.state == "running":
            ledger.append_event(session, job_id, "continued", {"attempt": attempt})
        else:
            settle(session, job_id, attempt)
    return job if job.state == "running" else None


def settle(session: Session, job_id: str, attempt: int) -> None:
    """Let a job that was asked to pause or to stop for good do so."""
    ledger.move(session, job_id, {"pausing": "paused", "cancelling": "cancelled"}, attempt=attempt)


_UNDONE: dict[State, State] = {
    "running": "queued",
    "pausing": "paused",
    "cancelling": "cancelled",
}
"""What a job is whose run ended before it did."""


def requeue(session: Session, job_id: str, attempt: int, reason: str | None = None) -> None:
    """Let another run take a job up whose run was lost or could not go on."""
    ledger.move(session, job_id, _UNDONE, attempt=attempt, reason=reason)
    job = ledger.lock(session, job_id)
    if job.state == "queued" and job.attempt == attempt:
        job.attempt += 1


def fail(
    session: Session,
    job_id: str,
    attempt: int,
    reason: str,
    failure: Failure,
    *,
    faults: Sequence[str] = (),
) -> None:
    """Let a job end in failure with one line that says why, and its class; ``faults`` are events' alone."""
    line = " ".join(reason.split())[:2000]
    if ledger.move(session, job_id, dict.fromkeys(ACTIVE, "failed"), attempt=attempt):
        ledger.lock(session, job_id).error = line
        told: dict[str, Any] = {"error": line, "failure": failure}
        told |= {"faults": list(faults[:_MOST_FAULTS])} if faults else {}
        ledger.append_event(session, job_id, "error", told)


def failure_of(error: Exception) -> Failure:
    """The class of what ended a job."""
    if isinstance(error, WorkerError):
        return cast("Failure", error.failure)
    if isinstance(error, StorageError):
        return "infrastructure"
    return "user" if isinstance(error, LossfitError) else "unexpected"


def succeed(session: Session, job_id: str, attempt: int, result: dict[str, Any]) -> bool:
    """Let a job end with its result, unless it was cancelled at the last moment.

    A pause that comes as late as this is overtaken: there is nothing left to resume.
    """
    changes: dict[Any, Any] = {"running": "succeeded", "pausing": "succeeded"}
    if not ledger.move(session, job_id, changes, attempt=attempt):
        return False
    ledger.lock(session, job_id).result = result
    return True
