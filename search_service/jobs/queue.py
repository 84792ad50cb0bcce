"""Who is next: which waiting jobs may begin, and what another one waits for. Plain functions, no torch.

Owners take turns. A free place goes to the owner with the fewest jobs running, of equals to the one whose
jobs took the least time of workers lately; among an owner's jobs the highest priority is first, then the
oldest. Who has used up what ``Settings.owner_limits`` allow is passed over. Jobs that are *aside*
(``Job.aside``) take no place and begin at once.

Everything here is told of all owners, so it reads the table itself: sessions that hold one owner's jobs
(``access.owners``) bound the class alone.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from search_service.settings import OwnerLimits, Settings
from search_service.store.lease import is_beating
from search_service.store.states import ACTIVE
from search_service.store.tables import Event, Job
from surrogate_zoo.store.tables import now

_JOB: Final = Job.__table__.c
_IS_WAITING: Final = (_JOB.state == "queued", _JOB.aside.is_(False))
_MOST_ASIDE: Final = 100
_MOST_AGE_SECONDS: Final = 5.0  # of sums that only tell


class Due(NamedTuple):
    """A job that may begin, and what tells its run from others."""

    id: str
    attempt: int
    owner: str
    aside: bool


class Waiting(NamedTuple):
    """What a queued job waits for.

    Attributes:
        position: Its place in the queue at most, 1 is next.
        reason: A sentence.
    """

    position: int
    reason: str


@dataclass(frozen=True)
class Usage:
    """What an owner's jobs have taken that ended within the last ``Settings.owner_days``, or that run.

    Attributes:
        trainings: Trainings that are recorded, of jobs that run those they were estimated to take.
        seconds: Likewise, of workers.
    """

    trainings: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.trainings + other.trainings, self.seconds + other.seconds)


def due(
    session: Session, settings: Settings, starting: Collection[Due], skipped: Collection[str]
) -> list[Due]:
    """Jobs that may begin now, in their order.

    Args:
        session: Reads, of all owners.
        settings: The service's settings.
        starting: Jobs that were let begin and are still queued.
        skipped: Ids of jobs that are to be left alone for now.
    """
    begun = {job.id for job in starting}
    beside = _waiting_aside(session, {*begun, *skipped})
    running = _running(session)
    for job in starting:
        if not job.aside:
            running[job.owner] = running.get(job.owner, 0) + 1
    room = settings.concurrent_jobs - sum(running.values())
    owners = list(_waiting_by_owner(session)) if room > 0 else []
    used = _usage(session, settings, owners)
    taken = {*begun, *skipped}
    while room > 0 and owners:
        owner = min(owners, key=lambda one: (running.get(one, 0), used[one].seconds, one))
        head = _head(session, owner, taken)
        if head is None or _refusal(settings, owner, head, running.get(owner, 0), used[owner]):
            owners.remove(owner)
            continue
        beside.append(Due(head.id, head.attempt, owner, aside=False))
        taken.add(head.id)
        running[owner] = running.get(owner, 0) + 1
        used[owner] = _with(used[owner], head)
        room -= 1
    return beside


def still_queued(session: Session, jobs: Collection[Due]) -> list[Due]:
    """Those of some jobs that no run has taken up, nor anybody stopped."""
    query = select(_JOB.id, _JOB.attempt).where(_JOB.id.in_([job.id for job in jobs]))
    queued = {tuple(row) for row in session.execute(query.where(_JOB.state == "queued"))}
    return [job for job in jobs if (job.id, job.attempt) in queued]


def waits(session: Session, settings: Settings, jobs: Sequence[Job]) -> dict[str, Waiting]:
    """What those of some jobs wait for that are queued, by id."""
    queued = [job for job in jobs if job.state == "queued"]
    if not queued:
        return {}
    alive = is_beating(session)
    waiting, running = _waiting_by_owner(session), _running(session)
    used = _usage(session, settings, list(waiting), max_age=_MOST_AGE_SECONDS)
    before = _before(session, queued)
    found = {}
    for job in queued:
        own = before.get(job.id, 0)  # it may have begun since it was looked up
        position = 1 if job.aside else _position(job, own, waiting, running, used)
        reason = _away(session, job) if alive else "No controller runs: start one."
        if not reason and not job.aside:
            usage = used.get(job.owner, Usage())
            reason = _refusal(settings, job.owner, job, running.get(job.owner, 0), usage)
        places = settings.concurrent_jobs
        if not reason and not job.aside and (sum(running.values()) >= places or position > 1):
            reason = f"All {places} places are taken." if places > 1 else "Another job runs."
        found[job.id] = Waiting(position, reason or "It begins in a moment.")
    return found


def oldest(session: Session) -> float:
    """Seconds since the oldest waiting job was asked for; 0 where none waits."""
    first = session.scalar(select(func.min(Job.created_at)).where(*_IS_WAITING))
    return 0.0 if first is None else (now() - first).total_seconds()


def limits_of(settings: Settings, owner: str) -> OwnerLimits:
    """What an owner may use: their own limits, else those of ``*``, else none."""
    every = settings.owner_limits.get("*", OwnerLimits())
    return settings.owner_limits.get(owner, every)


def _waiting_aside(session: Session, without: Collection[str]) -> list[Due]:
    query = select(_JOB.id, _JOB.attempt, _JOB.owner).where(
        _JOB.state == "queued", _JOB.aside.is_(True), _JOB.id.not_in(list(without))
    )
    rows = session.execute(query.order_by(_JOB.created_at, _JOB.id).limit(_MOST_ASIDE))
    return [Due(*row, aside=True) for row in rows]


def _waiting_by_owner(session: Session) -> dict[str, int]:
    query = select(_JOB.owner, func.count()).where(*_IS_WAITING).group_by(_JOB.owner)
    return dict(session.execute(query).all())


def _running(session: Session) -> dict[str, int]:
    query = select(_JOB.owner, func.count()).where(_JOB.state.in_(ACTIVE), _JOB.aside.is_(False))
    return dict(session.execute(query.group_by(_JOB.owner)).all())


def _head(session: Session, owner: str, without: Collection[str]) -> Job | None:
    """An owner's first waiting job."""
    of_owner = (*_IS_WAITING, _JOB.owner == owner, _JOB.id.not_in(list(without)))
    highest = select(func.max(_JOB.priority)).where(*of_owner).scalar_subquery()
    query = select(Job).where(*of_owner, _JOB.priority == highest)
    return session.scalar(query.order_by(_JOB.created_at, _JOB.id).limit(1))


def _usage(
    session: Session, settings: Settings, owners: Sequence[str], *, max_age: float = 0.0
) -> dict[str, Usage]:
    """What owners have taken lately; nobody's where it decides nothing."""
    limited = any(limits_of(settings, owner) != OwnerLimits() for owner in owners)
    if len(owners) < 2 and not limited:
        return dict.fromkeys(owners, Usage())
    over = _over(session, settings, max_age)
    planned = func.coalesce(_JOB.hours, 0.0) * 3600
    running = _sums(
        session,
        _larger(_JOB.trainings, _JOB.spent_trainings),
        _larger(planned, _JOB.spent_seconds),
        _JOB.state.in_(ACTIVE),
    )
    nothing = Usage()
    return {owner: over.get(owner, nothing) + running.get(owner, nothing) for owner in owners}


_kept: dict[tuple[str, int], tuple[float, dict[str, Usage]]] = {}
"""Database and days -> when it was summed up, and what jobs that are over have taken, by owner."""


def _over(session: Session, settings: Settings, max_age: float) -> dict[str, Usage]:
    """What jobs that ended lately have taken, by owner; may be as old as ``max_age`` seconds."""
    key, moment = (str(session.get_bind().engine.url), settings.owner_days), time.monotonic()
    at, found = _kept.get(key, (float("-inf"), {}))
    if moment - at > max_age:
        since = now() - timedelta(days=settings.owner_days)
        found = _sums(
            session,
            _JOB.spent_trainings,
            _JOB.spent_seconds,
            _JOB.finished_at >= since,
            _JOB.spent_seconds > 0,
        )
        _kept[key] = moment, found
    return found


def _sums(
    session: Session,
    trainings: ColumnElement[float],
    seconds: ColumnElement[float],
    *which: ColumnElement[bool],
) -> dict[str, Usage]:
    """Sums over some jobs, by owner."""
    query = select(_JOB.owner, func.sum(trainings), func.sum(seconds)).where(*which)
    rows = session.execute(query.where(_JOB.aside.is_(False)).group_by(_JOB.owner))
    return {owner: Usage(float(count), float(spent)) for owner, count, spent in rows}


def _larger(planned: ColumnElement[float], spent: ColumnElement[float]) -> ColumnElement[float]:
    return case((planned > spent, planned), else_=spent)


def _refusal(settings: Settings, owner: str, job: Job, running: int, used: Usage) -> str:
    """Why an owner's job may not begin, in a sentence; empty where it may."""
    limits = limits_of(settings, owner)
    if limits.jobs is not None and running >= limits.jobs:
        return f"{owner} has {running} running, and {limits.jobs} at a time are allowed."
    after = _with(used, job)
    days = settings.owner_days
    for what, allowed, would in (
        ("trainings", limits.trainings, after.trainings),
        ("hours of a worker", limits.hours, after.seconds / 3600),
    ):
        if allowed is not None and would > allowed:
            return (
                f"With it {owner} would have taken {would:,.1f} {what} in {days} days, and "
                f"{allowed:,.1f} are allowed."
            )
    return ""


def _with(used: Usage, job: Job) -> Usage:
    """What is used once a job that waits runs; it may have run before."""
    planned = (job.hours or 0.0) * 3600
    return used + Usage(max(job.trainings, job.spent_trainings), max(planned, job.spent_seconds))


def _before(session: Session, jobs: Sequence[Job]) -> dict[str, int]:
    """How many of an owner's own jobs are before each of some that wait, in one query for all of them."""
    turns = (_JOB.priority.desc(), _JOB.created_at, _JOB.id)
    turn = func.row_number().over(partition_by=_JOB.owner, order_by=turns)
    owners = sorted({job.owner for job in jobs})
    every = select(_JOB.id, turn.label("turn")).where(*_IS_WAITING, _JOB.owner.in_(owners))
    ranked = every.subquery().c
    query = select(ranked.id, ranked.turn).where(ranked.id.in_([job.id for job in jobs]))
    return {job_id: turn - 1 for job_id, turn in session.execute(query)}


def _position(
    job: Job,
    before: int,
    waiting: Mapping[str, int],
    running: Mapping[str, int],
    used: Mapping[str, Usage],
) -> int:
    """Place of a job, if nothing ended before its turn and no owner were passed over."""
    level = running.get(job.owner, 0) + before
    tie = (used.get(job.owner, Usage()).seconds, job.owner)
    for other, count in waiting.items():
        if other != job.owner:
            runs = running.get(other, 0)
            also = runs <= level and (used[other].seconds, other) < tie
            before += min(count, max(0, level - runs) + also)
    return before + 1


def _away(session: Session, job: Job) -> str:
    """Why a job is queued again, where its last run could not go on."""
    if job.attempt == 0:
        return ""
    told = select(Event.body).where(Event.job_id == job.id, Event.kind == "state")
    body = session.scalar(told.order_by(Event.sequence.desc()).limit(1)) or {}
    return str(body.get("reason") or "")
