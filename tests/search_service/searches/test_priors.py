"""Priors: what earlier searches found joins the portfolio of another one, and is counted."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session

from search_service.access.owners import bound, bounds
from search_service.searches import admission, priors
from search_service.searches.request import SearchRequest
from search_service.searches.space import space_of
from search_service.settings import Settings
from search_service.spaces.curves import CurveSpace
from search_service.spaces.zoo import ZooSpace
from search_service.store.database import sessions
from search_service.store.tables import Job, Trial
from surrogate_zoo.errors import InputError
from surrogate_zoo.store.tables import now
from tests.search_service.service import Desk, create, progress_of, result_of, working
from tests.search_service.zoo_pool import ZooPool

pytestmark = [
    pytest.mark.parametrize("settings", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("brief_reports"),
]

SMALL = {"name": "portfolio", "trials": 0, "batch": 4, "rates": [1.0]}


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Desk(engine).writing() as session:
        yield session


def search(*earlier: Job, **fields: Any) -> SearchRequest:
    body = {"metric": "miou", "dataset": "shapes", "preset": "quick", "sampler": SMALL}
    told = {"priors": [{"search": job.id} for job in earlier]}
    return SearchRequest.model_validate(body | told | fields)


def earlier(
    session: Session, thetas: list[list[float]], scores: list[dict[str, float]], **fields: Any
) -> Job:
    """A search that has succeeded with these trials."""
    job = create(session, search(**fields))
    for number, (theta, metrics) in enumerate(zip(thetas, scores, strict=True)):
        facts: dict[str, Any] = {"generation": 0, "is_mean": False, "seconds": 1.0, "worker": {}}
        facts |= {"score": 0.5, "theta": theta, "metrics": metrics, "finished_at": now()}
        session.add(Trial(job_id=job.id, number=number, **facts))
    job.state = "succeeded"
    session.flush()
    return job


def zoo_theta(name: str, rate: float, **fields: Any) -> list[float]:
    """The first start of a kind, at a rate."""
    space = space_of(search(**fields))
    assert isinstance(space, ZooSpace)
    numbers = [number for number, kind in enumerate(space.kinds) if kind.name == name]
    return [float(numbers[0]), rate, *space.kinds[numbers[0]].starts[0]]


def named(session: Session, request: SearchRequest) -> list[tuple[Any, Any]]:
    space = space_of(request)
    told = [space.named(point) for point in priors.points(session, request)]
    return [(each["loss"], each["rate"]) for each in told]


def test_the_best_two_for_each_metric_join_by_name(session: Session) -> None:
    names = ("dice", "lovasz", "focal", "tversky")
    fields: dict[str, Any] = {"space": {"name": "zoo", "losses": list(names)}, "metric": "macc"}
    thetas = [zoo_theta(name, 3.0, **fields) for name in names]
    scores = [
        {"macc": 0.9, "miou": 0.1, "bf1": 0.2},
        {"macc": 0.1, "miou": 0.8, "bf1": 0.3},
        {"macc": 0.2, "miou": 0.7, "bf1": 0.4},
        {"macc": 0.3, "miou": 0.2, "bf1": 0.1},
    ]
    job = earlier(session, thetas, scores, **fields)
    assert named(session, pinned(session, search(job))) == [("lovasz", 3.0), ("focal", 3.0)]
    both = pinned(session, search(job, metrics=["miou", "bf1"], metric="miou+bf1"))
    assert named(session, both) == [("lovasz", 3.0), ("focal", 3.0)]
    without = search(job, space={"name": "zoo", "losses": ["dice", "focal"]})
    assert named(session, pinned(session, without)) == [("focal", 3.0), ("dice", 3.0)]
    slow = search(job, space={"name": "zoo", "rates": [0.5, 2.0]})
    assert named(session, pinned(session, slow)) == []


def pinned(session: Session, request: SearchRequest) -> SearchRequest:
    return priors.pinned(session, request)


def test_a_mixture_is_left_out_where_there_are_none(session: Session) -> None:
    mixed = [*zoo_theta("dice", 1.0)[:-1], 0.4]
    job = earlier(session, [mixed, zoo_theta("lovasz", 2.0)], [{"miou": 0.9}, {"miou": 0.1}])
    assert named(session, pinned(session, search(job))) == [("dice", 1.0), ("lovasz", 2.0)]
    plain = search(job, space={"name": "zoo", "mixtures": False})
    assert named(session, pinned(session, plain)) == [("lovasz", 2.0)]


CURVES = {"name": "random", "trials": 4, "batch": 2}


def test_a_curve_becomes_a_surrogate_at_the_schedules_own_rate(session: Session) -> None:
    request = search(sampler=CURVES)
    space = space_of(request)
    assert isinstance(space, CurveSpace)
    theta = [0.3] * space.dimension
    job = earlier(session, [theta], [{"miou": 0.9}], sampler=CURVES)
    asked = pinned(session, search(job))
    (point,) = priors.points(session, asked)
    there = space_of(asked)
    assert isinstance(there, ZooSpace)
    assert there.kind(point).name == "surrogate-miou"
    assert point[1:] == (1.0, *theta, 0.0)
    draft = there.candidate(point).loss
    assert draft["control_points"] == space.candidate(theta).loss["control_points"]
    assert priors.points(session, pinned(session, search(job, metric="bf1"))) == ()
    assert priors.points(session, pinned(session, search(job, segments=4))) == ()
    assert priors.points(session, pinned(session, search(job, family="linear"))) == ()


def test_later_trials_of_a_prior_change_nothing(session: Session) -> None:
    job = earlier(session, [zoo_theta("dice", 2.0)], [{"miou": 0.5}])
    asked = admission.admitted(session, search(job))
    assert [prior.trials for prior in asked.priors] == [1]
    before = priors.points(session, asked)
    facts: dict[str, Any] = {"generation": 1, "is_mean": False, "seconds": 1.0, "worker": {}}
    facts |= {"score": 0.9, "metrics": {"miou": 0.9}, "finished_at": now()}
    session.add(Trial(job_id=job.id, number=1, theta=zoo_theta("lovasz", 2.0), **facts))
    job.state = "running"
    session.flush()
    assert priors.points(session, asked) == before
    assert admission.admitted(session, asked) == asked
    assert admission.number_of_trials(session, asked) == (
        admission.number_of_trials(session, search()) + 1
    )


def test_a_prior_of_another_owner_counts_for_whoever_sees_the_search(engine: Engine) -> None:
    of_all = bound(sessions(engine))
    with of_all.begin() as session:
        job = earlier(session, [zoo_theta("dice", 2.0)], [{"miou": 0.5}])
        job.owner = "ada"
        asked, job_id = admission.admitted(session, search(job)), job.id
        points = priors.points(session, asked)
    assert points
    with of_all(**bounds("bob")) as session:
        assert priors.points(session, asked) == points
        session.execute(delete(Trial).where(Trial.job_id == job_id))
        session.connection().execute(delete(Job).where(Job.id == job_id))
        assert priors.points(session, asked) == ()


def test_what_cannot_be_a_prior_is_refused(session: Session) -> None:
    with pytest.raises(InputError, match="there is no search"):
        admission.admitted(session, search(priors=[{"search": str(uuid4())}]))
    running = create(session, search())
    with pytest.raises(InputError, match="is queued, and only one that has succeeded"):
        admission.admitted(session, search(running))
    more = search(priors=[{"search": running.id, "trials": 5}])
    with pytest.raises(InputError, match="has not 5 trials yet"):
        admission.admitted(session, more)
    with pytest.raises(ValidationError, match="priors join the portfolio"):
        search(running, sampler=CURVES)


def test_the_same_key_gives_the_same_job(session: Session) -> None:
    job = earlier(session, [zoo_theta("dice", 2.0)], [{"miou": 0.5}])
    first = create(session, search(job), idempotency_key="one")
    assert create(session, search(job), idempotency_key="one").id == first.id


def test_a_search_tries_them_last_in_its_portfolio(engine: Engine, settings: Settings) -> None:
    desk, body = Desk(engine), {"space": {"name": "zoo", "losses": ["dice"]}, "race": None}
    with working(settings, ZooPool()):
        with desk.writing.begin() as session:
            job = earlier(session, [zoo_theta("dice", 3.0)], [{"miou": 0.5}])
            asked = search(job, **body)
        job_id = desk.submit(asked)
        ended = desk.wait_for(job_id)
        assert (ended.state, ended.error) == ("succeeded", None)
    assert desk.trials(job_id)[-1][1][1] == 3.0
    with desk.reading() as session:
        assert progress_of(session, ended)["total"] == result_of(ended)["trials"]
