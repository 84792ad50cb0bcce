"""Who is next: which waiting jobs may begin, and what another one waits for. Plain functions, no torch.

Owners take turns. A free place goes to the owner with the fewest jobs running, of equals to the one whose
jobs took the least time of workers lately; among an owner's jobs the highest priority is first, then the
oldest. Who has used up what ``Settings.owner_limits`` allow is passed over. Jobs that are *aside*
(``Job.aside``) take no place and begin at once.

Everything here is told of all owners, so it reads the table itself: sessions that hold one owner's jobs
(``access.owners``) bound the class alone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

from sqlalchemy import case, func, or_, select, tuple_
from sqlalchemy.orm import Session

from search_service.settings import OwnerLimits, Settings
from search_service.store.lease import is_beating
from search_service.store.states import ACTIVE
from search_service.store.tables import Event, Job
from surrogate_zoo.store.tables import now

_JOB: Final = Job.__table__.c
_IS_WAITING: Final = (_JOB.state == "queued", _JOB.aside.is_(False))
_MOST_ASIDE: Final = 100


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
    """What an owner's jobs have taken within the last ``Settings.owner_days``, or may yet.

    Attributes:
        trainings: Trainings that are recorded, of jobs that run those they were estimated to take.
        seconds: Likewise, of workers.
    """

    trainings: float = 0.0
    seconds: float = 0.0


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
    used = _usage(session, settings, list(waiting))
    found = {}
    for job in queued:
        position = 1 if job.aside else _position(session, job, waiting, running, used)
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


def usage(session: Session, settings: Settings, owner: str) -> Usage:
    """What an owner's jobs have taken lately."""
    return _sums(session, settings, [owner])[owner]


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


def _usage(session: Session, settings: Settings, owners: Sequence[str]) -> dict[str, Usage]:
    """What owners have taken lately; nobody's where it decides nothing."""
    limited = any(limits_of(settings, owner) != OwnerLimits() for owner in owners)
    if len(owners) < 2 and not limited:
        return dict.fromkeys(owners, Usage())
    return _sums(session, settings, owners)


def _sums(session: Session, settings: Settings, owners: Sequence[str]) -> dict[str, Usage]:
    active = _JOB.state.in_(ACTIVE)
    hours = func.coalesce(_JOB.hours, 0.0) * 3600
    trainings = _larger_while(active, _JOB.trainings, _JOB.spent_trainings)
    seconds = _larger_while(active, hours, _JOB.spent_seconds)
    since = now() - timedelta(days=settings.owner_days)
    query = select(_JOB.owner, func.sum(trainings), func.sum(seconds)).where(
        _JOB.owner.in_(owners),
        or_(_JOB.finished_at.is_(None), _JOB.finished_at >= since),
        _JOB.aside.is_(False),
        or_(active, _JOB.spent_seconds > 0),
    )
    rows = session.execute(query.group_by(_JOB.owner))
    found = {owner: Usage(float(count), float(spent)) for owner, count, spent in rows}
    return {owner: found.get(owner, Usage()) for owner in owners}


def _larger_while(active: object, planned: object, spent: object) -> object:
    """What is planned or spent, whichever is more, of a job that runs; what is spent of others."""
    return case((active & (planned > spent), planned), else_=spent)  # type: ignore[operator]


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
    """What is used once a job runs, which may have begun before."""
    planned = (job.hours or 0.0) * 3600
    return Usage(
        used.trainings + max(job.trainings - job.spent_trainings, 0.0),
        used.seconds + max(planned - job.spent_seconds, 0.0),
    )


def _position(
    session: Session,
    job: Job,
    waiting: Mapping[str, int],
    running: Mapping[str, int],
    used: Mapping[str, Usage],
) -> int:
    """Place of a job, if nothing ended before its turn and no owner were passed over."""
    place = tuple_(_JOB.created_at, _JOB.id) < tuple_(job.created_at, job.id)
    first = or_(_JOB.priority > job.priority, (_JOB.priority == job.priority) & place)
    own = session.scalar(select(func.count()).where(*_IS_WAITING, _JOB.owner == job.owner, first))
    before = own or 0
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
