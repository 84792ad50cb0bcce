"""What a caller does with jobs: create, look up, cancel, pause, resume. Plain functions, no torch.

Each takes a session and leaves the commit to its owner. Creating a job is writing its row: the
controller finds it there, so the API needs no queue.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from search_service.access.callers import OPERATOR
from search_service.jobs import aliases, ledger, limits
from search_service.jobs.estimate import Estimate
from search_service.jobs.kind import Admission, Kind, Request
from search_service.settings import Settings
from search_service.store.states import State
from search_service.store.tables import Artifact, Event, Job
from surrogate_zoo.errors import ConflictError, InputError, NotFoundError
from surrogate_zoo.store.tables import now

_CANCEL: Mapping[State, State] = {
    "queued": "cancelled",
    "paused": "cancelled",
    "running": "cancelling",
    "pausing": "cancelling",
}
_PAUSE: Mapping[State, State] = {"queued": "paused", "running": "pausing"}
_RESUME: Mapping[State, State] = {"paused": "queued"}


def create(
    session: Session,
    settings: Settings,
    kind: Kind[Request],
    request: Request,
    *,
    idempotency_key: str | None = None,
    owner: str = OPERATOR,
) -> Job:
    """Queue a job; fixes the losses that its request names: aliases, and versions that are left open.

    Args:
        session: A writing session.
        settings: The service's settings.
        kind: Its kind.
        request: What is asked for.
        idempotency_key: The same key with the same request of the same owner gives the same job.
        owner: Whose it is.

    Raises:
        InputError: The request names what there is not, or cannot be run; or the key was used for
            another request.
        CostError: It would cost more than is allowed.
    """
    code = kind.admission()
    request = aliases.resolved(session, code.resolved(settings, request))
    key = _owned(owner, idempotency_key)
    if (earlier := _by_key(session, key)) is not None:
        if earlier.kind == kind.name:
            request = request.pinned_as(kind.request.model_validate(earlier.request))
        return _same(earlier, kind.name, request.model_dump(mode="json"))
    request = code.admitted(session, request)
    plan = allowed(session, settings, code, request, owner)
    body = request.model_dump(mode="json")
    job = Job(id=str(uuid4()), kind=kind.name, state="queued", request=body)
    job.priority, job.idempotency_key, job.aside = request.priority, key, request.aside
    job.owner, job.created_at, job.attempt = owner, now(), 0
    job.trainings, job.hours = plan.trainings, plan.hours
    try:
        ledger.begin(session, job)
    except IntegrityError:
        # The same key came in twice at the same moment, and the other one was faster.
        if (winner := _by_key(session, key)) is None:
            raise
        return _same(winner, kind.name, body)
    return job


def estimate(
    session: Session, settings: Settings, kind: Kind[Request], request: Request
) -> Estimate:
    """Tell what a job would cost; nothing is queued.

    Raises:
        InputError: The request names what there is not, or cannot be run.
    """
    code = kind.admission()
    request = aliases.resolved(session, code.resolved(settings, request))
    return code.estimated(session, code.admitted(session, request))


def allowed(
    session: Session, settings: Settings, code: Admission[Request], request: Request, owner: str
) -> Estimate:
    """What an admitted request is estimated to cost, if that is not too much.

    Raises:
        CostError: It is.
    """
    measured = limits.needs_speed(settings, owner)
    plan = code.estimated(session, request, measured=measured)
    if not request.aside:
        limits.check(settings, owner, plan)
    return plan


def get(session: Session, kind: str, job_id: str) -> Job:
    """Return a job.

    Raises:
        NotFoundError: There is none of that kind and id.
    """
    job = session.get(Job, _canonical(kind, job_id))
    if job is None or job.kind != kind:
        raise NotFoundError(f"There is no {kind} {job_id}.")
    return job


def of_any_kind(session: Session, job_id: str) -> Job:
    """Return a job.

    Raises:
        NotFoundError: There is none of that id.
    """
    job = session.get(Job, _canonical("job", job_id))
    if job is None:
        raise NotFoundError(f"There is no job {job_id}.")
    return job


def page(
    session: Session,
    kind: str,
    *,
    state: State | None = None,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[Job], str | None]:
    """Return jobs, newest first, and the cursor of the next page (None on the last).

    Raises:
        InputError: ``after`` is no cursor of this function.
    """
    query = select(Job).where(Job.kind == kind)
    if state is not None:
        query = query.where(Job.state == state)
    if after is not None:
        query = query.where(tuple_(Job.created_at, Job.id) < tuple_(*position_of(after)))
    query = query.order_by(Job.created_at.desc(), Job.id.desc()).limit(limit + 1)
    jobs = list(session.scalars(query))
    return jobs[:limit], cursor_of(jobs[limit - 1]) if len(jobs) > limit else None


def cancel(session: Session, kind: str, job_id: str) -> Job:
    """Stop a job for good; a running one goes through ``cancelling``.

    Raises:
        NotFoundError: There is no such job.
        ConflictError: It is over, or being cancelled already.
    """
    return _change(session, kind, job_id, _CANCEL, "cancelled")


def pause(session: Session, kind: str, job_id: str) -> Job:
    """Stop a job so that it can go on later; a running one goes through ``pausing``.

    Raises:
        NotFoundError: There is no such job.
        ConflictError: It is neither queued nor running.
    """
    return _change(session, kind, job_id, _PAUSE, "paused")


def resume(session: Session, kind: str, job_id: str) -> Job:
    """Queue a paused job again; it goes on from its recorded trials or its last checkpoint.

    Raises:
        NotFoundError: There is no such job.
        ConflictError: It is not paused.
    """
    job = _change(session, kind, job_id, _RESUME, "resumed")
    job.attempt += 1
    session.flush()
    return job


def events_after(
    session: Session, job_id: str, sequence: int = 0, limit: int = 1000
) -> list[Event]:
    """Return a job's events after a sequence number, in order."""
    query = select(Event).where(Event.job_id == job_id, Event.sequence > sequence)
    return list(session.scalars(query.order_by(Event.sequence).limit(limit)))


def artifacts(session: Session, job_id: str) -> list[Artifact]:
    """Return a job's files, by name."""
    query = select(Artifact).where(Artifact.job_id == job_id).order_by(Artifact.name)
    return list(session.scalars(query))


def newest_progress(session: Session, job: Job, *, total: int) -> dict[str, Any]:
    """Return what a job's newest progress event tells; nothing done of ``total`` before the first."""
    newest = select(Event.body).where(Event.job_id == job.id, Event.kind == "progress")
    body = session.scalar(newest.order_by(Event.sequence.desc()).limit(1))
    return body or {"done": 0, "total": total}


def counts(session: Session) -> dict[tuple[str, str], int]:
    """Return how many jobs there are of each (kind, state) that occurs."""
    query = select(Job.kind, Job.state, func.count()).group_by(Job.kind, Job.state)
    return {(kind, state): number for kind, state, number in session.execute(query)}


def _owned(owner: str, key: str | None) -> str | None:
    """A key as it is kept: keys have no blanks, so that no owner's key is another's."""
    return key if key is None or owner == OPERATOR else f"{owner} {key}"


def _plain(kept: str | None) -> str:
    return (kept or "").rpartition(" ")[2]


def _by_key(session: Session, key: str | None) -> Job | None:
    if key is None:
        return None
    return session.scalar(select(Job).where(Job.idempotency_key == key))


def _same(job: Job, kind: str, body: dict[str, Any]) -> Job:
    if job.kind != kind or job.request != body:
        raise InputError(
            f"Idempotency key {_plain(job.idempotency_key)!r} was used for another request "
            f"({job.kind} {job.id}): repeat that request unchanged, or take a new key."
        )
    return job


def _change(
    session: Session, kind: str, job_id: str, changes: Mapping[State, State], done: str
) -> Job:
    job = get(session, kind, job_id)
    if not ledger.move(session, job.id, changes):
        state = ledger.lock(session, job.id).state
        raise ConflictError(
            f"The {kind} is {state}; only one that is {' or '.join(changes)} can be {done}."
        )
    return ledger.lock(session, job.id)


def _canonical(kind: str, job_id: str) -> str:
    try:
        return str(UUID(job_id))
    except ValueError:
        raise NotFoundError(f"There is no {kind} {job_id!r}: that is no job id.") from None


def cursor_of(job: Job) -> str:
    """The cursor of the page that follows a job, newest first."""
    position = f"{job.created_at.isoformat()}|{job.id}"
    return base64.urlsafe_b64encode(position.encode()).decode()


def position_of(cursor: str) -> tuple[datetime, str]:
    """Time and id that a cursor stands for.

    Raises:
        InputError: It is no cursor of :func:`cursor_of`.
    """
    try:
        moment, job_id = base64.urlsafe_b64decode(cursor.encode("ascii")).decode().split("|")
        created_at = datetime.fromisoformat(moment)
        return created_at.astimezone(UTC), str(UUID(job_id))
    except (ValueError, binascii.Error, OverflowError):
        raise InputError("The cursor is not one that this list gave out.") from None
