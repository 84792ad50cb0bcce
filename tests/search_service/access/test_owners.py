"""In a bounded session others' jobs are not there, whichever way they are asked for."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from search_service.access.owners import bound, bounds
from search_service.jobs import ledger, lifecycle
from search_service.kinds import KINDS
from search_service.searches.request import PriorSpec
from search_service.settings import Settings
from search_service.store.database import sessions
from search_service.store.tables import Job
from surrogate_zoo.errors import InputError, NotFoundError
from tests.search_service.service import small


def submit(session: Session, owner: str, key: str | None = None, seed: int = 0) -> str:
    kind, settings = KINDS["search"], Settings()
    request = small(seed=seed)
    return lifecycle.create(session, settings, kind, request, owner=owner, idempotency_key=key).id


@pytest.fixture
def jobs(engine: Engine) -> dict[str, str]:
    with sessions(engine).begin() as session:
        return {owner: submit(session, owner) for owner in ("ada", "bob")}


@pytest.fixture
def adas(engine: Engine) -> Iterator[Session]:
    with bound(sessions(engine))(**bounds("ada")) as session, session.begin():
        yield session


def test_reading_finds_ones_own_alone(adas: Session, jobs: dict[str, str]) -> None:
    assert adas.get(Job, jobs["bob"]) is None
    assert adas.scalars(select(Job.id)).all() == [jobs["ada"]]
    assert adas.scalar(select(func.count()).select_from(Job)) == 1
    rows, following = lifecycle.page(adas, "search")
    assert ([job.id for job in rows], following) == ([jobs["ada"]], None)
    assert lifecycle.get(adas, "search", jobs["ada"]).owner == "ada"
    with pytest.raises(NotFoundError):
        lifecycle.get(adas, "search", jobs["bob"])


def test_changing_reaches_ones_own_alone(
    adas: Session, engine: Engine, jobs: dict[str, str]
) -> None:
    with pytest.raises(NotFoundError):
        ledger.lock(adas, jobs["bob"])
    assert not ledger.move(adas, jobs["bob"], {"queued": "cancelled"})
    adas.execute(update(Job).values(priority=5))
    adas.commit()
    with sessions(engine)() as session:
        rows = session.execute(select(Job.owner, Job.priority).order_by(Job.owner)).all()
    assert [tuple(row) for row in rows] == [("ada", 5), ("bob", 0)]


def test_a_row_is_read_again_in_the_same_session(adas: Session, jobs: dict[str, str]) -> None:
    job = lifecycle.get(adas, "search", jobs["ada"])
    adas.expire(job)
    assert job.owner == "ada"
    adas.refresh(job)
    assert job.state == "queued"


def test_another_ones_search_is_no_prior(adas: Session, jobs: dict[str, str]) -> None:
    portfolio = {"name": "portfolio", "trials": 4, "batch": 4}
    fields = {"space": {"name": "zoo"}, "sampler": portfolio}
    request = small(**fields, priors=[PriorSpec(search=UUID(jobs["bob"]))])
    with pytest.raises(InputError, match=f"there is no search {jobs['bob']}"):
        lifecycle.create(adas, Settings(), KINDS["search"], request, owner="ada")


def test_keys_of_different_owners_do_not_meet(engine: Engine) -> None:
    with sessions(engine).begin() as session:
        first = submit(session, "ada", key="k")
        assert submit(session, "ada", key="k") == first
        others = {submit(session, owner, key="k", seed=1) for owner in ("bob", "operator")}
        assert len(others | {first}) == 3
        with pytest.raises(InputError, match="key 'k' was used"):
            submit(session, "bob", key="k", seed=2)


def test_a_session_without_bounds_holds_all(engine: Engine, jobs: dict[str, str]) -> None:
    with bound(sessions(engine))(**bounds(None)) as session:
        assert set(session.scalars(select(Job.id))) == set(jobs.values())
