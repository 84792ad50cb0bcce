"""Who is next: owners in turn, priorities within an owner, limits; and what the others wait for."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from search_service.access.owners import bound, bounds
from search_service.jobs import queue
from search_service.settings import OwnerLimits, Settings
from search_service.store.database import read_sessions, sessions
from search_service.store.lease import hold_lease
from search_service.store.tables import Job
from surrogate_zoo.store.tables import now

_turn = count()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with sessions(engine)() as session:
        yield session


def job(session: Session, owner: str, **fields: Any) -> str:
    """A job that came after those before it."""
    row = Job(id=str(uuid4()), kind="search", owner=owner, request={"trainer": "service"})
    row.created_at = now() + timedelta(seconds=next(_turn))
    row.state = row.state or "queued"
    for name, value in fields.items():
        setattr(row, name, value)
    session.add(row)
    session.flush()
    return row.id


def places(number: int, **limits: OwnerLimits) -> Settings:
    named = {"*" if name == "everybody" else name: limit for name, limit in limits.items()}
    return Settings(concurrent_jobs=number, owner_limits=named)


def due(session: Session, settings: Settings) -> list[str]:
    return [one.id for one in queue.due(session, settings, [], [])]


def drained(session: Session, settings: Settings) -> list[str]:
    """Owners in the order in which their jobs begin, if nothing ends; what is due runs from then on."""
    owners = []
    while found := queue.due(session, settings, [], []):
        for one in found:
            session.get_one(Job, one.id).state = "running"
            owners.append(one.owner)
        session.flush()
    return owners


def test_an_owner_with_many_jobs_leaves_every_second_place_to_another(session: Session) -> None:
    for _ in range(6):
        job(session, "ada")
    for _ in range(3):
        job(session, "bob")
    order = drained(session, places(9))
    assert order == ["ada", "bob"] * 3 + ["ada"] * 3


def test_of_equals_who_took_less_lately_is_first_and_priority_is_among_ones_own(
    session: Session,
) -> None:
    long_ago = now() - timedelta(days=40)
    job(session, "bob", state="succeeded", spent_seconds=9e9, finished_at=long_ago)
    job(session, "ada", state="failed", spent_seconds=10.0, finished_at=now())
    low, high = job(session, "ada", priority=1), job(session, "ada", priority=7)
    first, second = job(session, "bob", priority=-5), job(session, "bob", priority=-5)
    assert due(session, places(4)) == [first, high, second, low]


def test_what_was_let_begin_or_rests_takes_its_place_and_is_not_let_begin_again(
    session: Session,
) -> None:
    starting, resting, third = (job(session, "ada") for _ in range(3))
    (first,) = queue.due(session, places(1), [], [])
    assert first.id == starting
    assert queue.due(session, places(1), [first], []) == []
    assert [one.id for one in queue.due(session, places(2), [first], [resting])] == [third]
    assert queue.still_queued(session, [first]) == [first]
    session.get_one(Job, starting).attempt = 1
    session.flush()
    assert queue.still_queued(session, [first]) == []


def test_a_job_that_takes_no_place_begins_though_all_are_taken(session: Session) -> None:
    job(session, "ada", state="running")
    waiting, aside = job(session, "ada"), job(session, "ada", aside=True)
    assert due(session, places(1)) == [aside]
    session.get_one(Job, aside).state = "running"
    session.flush()
    assert due(session, places(2)) == [waiting]


def test_nobody_begins_more_than_their_limits_allow(session: Session) -> None:
    job(session, "ada", state="running", trainings=60, spent_trainings=10)
    ended = {"state": "cancelled", "finished_at": now(), "spent_seconds": 5.0}
    job(session, "ada", trainings=60, spent_trainings=20, **ended)
    large, small = job(session, "ada", trainings=30), job(session, "ada", trainings=1)
    assert due(session, places(9, ada=OwnerLimits(trainings=100))) == []
    assert due(session, places(9, ada=OwnerLimits(trainings=111))) == [large, small]
    assert due(session, places(9, ada=OwnerLimits(trainings=110))) == [large]
    assert due(session, places(9, everybody=OwnerLimits(jobs=1))) == []
    assert due(session, places(9, everybody=OwnerLimits(jobs=2))) == [large]
    session.get_one(Job, large).hours = 2.0
    session.flush()
    assert due(session, places(9, ada=OwnerLimits(hours=2.0))) == []
    assert due(session, places(9, ada=OwnerLimits(hours=2.1), bob=OwnerLimits(hours=0)))[:1] == [
        large
    ]


def test_a_waiting_job_tells_its_place_and_its_reason_to_its_owner_too(
    engine: Engine, session: Session
) -> None:
    job(session, "ada", state="running")
    mine = [job(session, "ada") for _ in range(3)]
    theirs = [job(session, "bob") for _ in range(2)]
    settings = places(1, bob=OwnerLimits(jobs=0))
    session.commit()
    with bound(read_sessions(engine))(**bounds("ada")) as bounded:
        rows = [bounded.get_one(Job, job_id) for job_id in mine]
        idle = queue.waits(bounded, settings, rows)
    assert {waiting.reason for waiting in idle.values()} == {"No controller runs: start one."}
    with hold_lease(engine), read_sessions(engine)() as reading:
        rows = [reading.get_one(Job, job_id) for job_id in [*mine, *theirs]]
        told = queue.waits(reading, settings, rows)
    positions = [told[job_id].position for job_id in [*mine, *theirs]]
    assert positions[:3] == [idle[job_id].position for job_id in mine] == [2, 4, 5]
    assert sorted(positions) == [1, 2, 3, 4, 5]
    assert told[mine[0]].reason == "Another job runs."
    assert told[theirs[0]].reason == "bob has 0 running, and 0 at a time are allowed."


def test_the_place_that_is_told_is_the_turn_that_comes(session: Session) -> None:
    for owner, number, running in (("ada", 4, 2), ("bob", 2, 0), ("eve", 3, 1)):
        for _ in range(running):
            job(session, owner, state="running")
        for place in range(number):
            job(session, owner, priority=place)
    waiting = session.query(Job).filter(Job.state == "queued").all()
    told = queue.waits(session, places(64), waiting)
    owner_at = {told[one.id].position: one.owner for one in waiting}
    assert [owner_at[place] for place in sorted(owner_at)] == drained(session, places(64))
    assert Counter(owner_at.values()) == {"ada": 4, "bob": 2, "eve": 3}
