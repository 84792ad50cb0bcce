"""Trainings that a job hands out to its user's own code: posted, leased, told. Plain functions, no torch.

An assignment is trained by whoever holds its newest lease. A lease lapses where nothing is heard of its
holder; then the assignment is handed out again, and what the last holder tells after that is refused. Of a
lease that lapsed but was not handed out again a result is as good as any. Everything is written while the
job's row is locked, so of two who ask or tell at once one comes after the other.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from search_service.jobs import ledger
from search_service.store.states import State
from search_service.store.tables import Assignment, Job, Lease
from surrogate_zoo.errors import ConflictError, NotFoundError
from surrogate_zoo.store.tables import now

OVER: tuple[State, ...] = ("cancelling", "cancelled", "succeeded", "failed")
"""States in which nothing is taken any more."""


class Held(NamedTuple):
    """An assignment and the lease of whoever trains it."""

    assignment: Assignment
    lease: Lease


def posted(session: Session, job_id: str, stage: str, numbers: Collection[int]) -> set[int]:
    """Which of a stage's assignments are posted already."""
    query = select(Assignment.number).where(
        Assignment.job_id == job_id, Assignment.stage == stage, Assignment.number.in_(list(numbers))
    )
    return set(session.scalars(query))


def post(session: Session, assignment: Assignment) -> None:
    """Post an assignment; one that is posted already stays as it was."""
    ledger.lock(session, assignment.job_id)
    key = (assignment.job_id, assignment.stage, assignment.number)
    if session.get(Assignment, key) is None:
        session.add(assignment)
        session.flush()


def outcomes(
    session: Session, job_id: str, stage: str, numbers: Collection[int]
) -> dict[int, dict[str, Any]]:
    """What became of those of a stage's assignments that are over, by number in rising order."""
    query = select(Assignment.number, Assignment.outcome).where(
        Assignment.job_id == job_id,
        Assignment.stage == stage,
        Assignment.number.in_(list(numbers)),
        Assignment.outcome.is_not(None),
    )
    rows = session.execute(query.order_by(Assignment.number))
    return {number: outcome for number, outcome in rows if outcome is not None}


def ask(session: Session, job_id: str, *, count: int, seconds: float, worker: str) -> list[Held]:
    """Lease up to ``count`` assignments that nobody trains, those that were posted first before others.

    Args:
        session: A writing session.
        job_id: The job; of one that does not run there is nothing to train.
        count: How many at most.
        seconds: How long a lease lasts from each sign of life.
        worker: What the worker calls itself.
    """
    if ledger.lock(session, job_id).state != "running":
        return []
    moment = now()
    held = []
    for assignment in open_ones(session, job_id, count):
        lease = Lease(id=str(uuid4()), job_id=job_id, stage=assignment.stage)
        lease.number, lease.worker, lease.seconds = assignment.number, worker, seconds
        lease.begun_at, lease.lapses_at, lease.reports = moment, _end(seconds), []
        session.add(lease)
        assignment.lease = lease.id
        held.append(Held(assignment, lease))
    session.flush()
    return held


def open_ones(session: Session, job_id: str, count: int) -> list[Assignment]:
    """Up to ``count`` assignments that are not over and that nobody trains, the first posted first."""
    query = (
        select(Assignment)
        .outerjoin(Lease, Lease.id == Assignment.lease)
        .where(Assignment.job_id == job_id, Assignment.outcome.is_(None))
        .where((Assignment.lease.is_(None)) | (Lease.lapses_at <= now()))
        .order_by(Assignment.posted_at, Assignment.number)
        .limit(count)
    )
    return list(session.scalars(query))


def find(session: Session, job_id: str, lease_id: str) -> Held:
    """An assignment by a lease that it has or had; the job's row is locked.

    Raises:
        NotFoundError: The job never gave such a lease.
    """
    ledger.lock(session, job_id)
    lease = session.get(Lease, lease_id, populate_existing=True)
    if lease is None or lease.job_id != job_id:
        raise NotFoundError(
            f"There is no lease {lease_id!r} of job {job_id}: ask for a trial first."
        )
    key = (job_id, lease.stage, lease.number)
    return Held(session.get_one(Assignment, key, populate_existing=True), lease)


def check_held(session: Session, held: Held) -> None:
    """Refuse a lease that is no longer worth anything.

    Raises:
        ConflictError: The job takes nothing any more, the assignment is over, or it was handed out again.
    """
    assignment, lease = held
    what = f"Trial {assignment.number} ({assignment.stage})"
    if lease.told is not None:
        raise ConflictError(f"{what} is over under this lease: ask for the next trial.")
    state = session.get_one(Job, assignment.job_id).state
    if state in OVER:
        raise ConflictError(f"The job is {state} and takes no results any more: stop training.")
    if assignment.lease != lease.id:
        raise ConflictError(
            f"The lease lapsed at {lease.lapses_at.isoformat(timespec='seconds')}, and {what} was handed "
            "out again: this result is not taken. Send heartbeats, or ask for a longer lease."
        )


def prolong(held: Held) -> None:
    """Let a lease begin anew, as every sign of life does."""
    held.lease.lapses_at = _end(held.lease.seconds)


def close(held: Held, told: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
    """Take what the holder of a lease told, and what follows from it."""
    held.lease.told = dict(told)
    held.assignment.outcome = dict(outcome)


def with_stage(session: Session, job_id: str, prefix: str) -> Sequence[Held]:
    """Assignments that are over, of stages that begin so, with the leases that they ended under."""
    query = (
        select(Assignment, Lease)
        .join(Lease, Lease.id == Assignment.lease)
        .where(
            Assignment.job_id == job_id,
            Assignment.stage.startswith(prefix, autoescape=True),
            Assignment.outcome.is_not(None),
        )
    )
    return [Held(*row) for row in session.execute(query.order_by(Assignment.number))]


def release(session: Session, job_id: str) -> None:
    """Let all leases of a job lapse at once: whoever held them is known to be gone."""
    ledger.lock(session, job_id)
    for lease in session.scalars(select(Lease).where(Lease.job_id == job_id)):
        lease.lapses_at = min(lease.lapses_at, now())


def _end(seconds: float) -> Any:
    return now() + timedelta(seconds=seconds)
