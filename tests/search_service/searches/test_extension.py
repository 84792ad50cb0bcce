"""A search that is extended ends, trial by trial, as one that was asked for all of them at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine

from search_service.jobs import lifecycle
from search_service.jobs.pool import Pool
from search_service.searches.extension import ExtensionRequest, extend, extended
from search_service.searches.request import SearchRequest
from search_service.settings import Settings
from search_service.store.states import State
from search_service.store.tables import Artifact, Job
from surrogate_zoo.errors import ConflictError, InputError
from surrogate_zoo.store import zoo
from tests.search_service.bowl import BowlPool
from tests.search_service.service import Desk, create, progress_of, result_of, small, working
from tests.search_service.zoo_pool import ZooPool

pytestmark = [
    pytest.mark.parametrize("settings", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("brief_reports"),
]

ZOO_SAMPLER = {"name": "portfolio", "trials": 4, "batch": 4, "rates": [1.0]}
ZOO: dict[str, Any] = {
    "metric": "miou",
    "sampler": ZOO_SAMPLER,
    "space": {"name": "zoo", "losses": ["dice", "lovasz"]},
}

DEAR = pytest.mark.slow  # 9 s each
ROWS: list[tuple[dict[str, Any], int]] = [
    ({"name": "ppo2", "steps": 2, "samples": 4}, 8),
    ({"name": "tpe", "trials": 6, "batch": 4, "startup": 4}, 7),
    ({"name": "gp", "trials": 6, "batch": 4, "startup": 4}, 4),
    ({"name": "random", "trials": 5, "batch": 4}, 6),
    ({"name": "cma-es", "trials": 6, "batch": 4}, 8),
    ({"name": "nsga-ii", "trials": 6, "population": 4}, 8),
]


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine)


@contextmanager
def at_work(settings: Settings, pool: Pool) -> Iterator[None]:
    with working(settings.model_copy(update={"concurrent_jobs": 4}), pool):
        yield


def go_on(desk: Desk, job_id: str, trials: int) -> Job:
    with desk.writing.begin() as session:
        return extend(session, Settings(), job_id, ExtensionRequest(trials=trials))


def comparable(desk: Desk, job_id: str) -> dict[str, Any]:
    """A search's result, its published versions and losses apart."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            left = {"version", "loss"} if "version" in value else set()
            return {name: plain(part) for name, part in value.items() if name not in left}
        return [plain(part) for part in value] if isinstance(value, list) else value

    found: dict[str, Any] = plain(result_of(desk.job(job_id)))
    return found


def published(desk: Desk, job_id: str) -> list[dict[str, Any]]:
    """What a search's losses say, but for which search they are of."""
    with desk.reading() as session:
        documents = [
            dict(zoo.get(session, winner["loss"], winner["version"]).document)
            for winner in result_of(desk.job(job_id))["winners"]
        ]
    for document in documents:
        del document["sha256"]
        document["provenance"] = dict(document["provenance"]) | {"search": None}
    return documents


def check_same(desk: Desk, pool: Pool, settings: Settings, asked: SearchRequest, more: int) -> None:
    whole = extended(asked, more).model_copy(update={"extended_by": 0})
    with at_work(settings, pool):
        first, at_once = desk.submit(asked), desk.submit(whole)
        assert desk.wait_for(first).error is None
        before = desk.trials(first)
        go_on(desk, first, more)
        assert desk.job(first).result is None
        for job_id in (first, at_once):
            desk.wait_for(job_id)
            assert (desk.job(job_id).state, desk.job(job_id).error) == ("succeeded", None)
    trials = desk.trials(first)
    assert trials[: len(before)] == before
    assert trials == desk.trials(at_once)
    assert comparable(desk, first) == comparable(desk, at_once)
    assert published(desk, first) == published(desk, at_once)
    assert desk.states(first) == ["queued", "running", "succeeded"] * 2


@pytest.mark.parametrize(
    ("sampler", "more"),
    [pytest.param(*row, marks=DEAR if row[0]["name"] in ("gp", "nsga-ii") else ()) for row in ROWS],
    ids=[row[0]["name"] for row in ROWS],
)
def test_a_search_of_curves(
    desk: Desk, settings: Settings, sampler: dict[str, Any], more: int
) -> None:
    metric = "macc+gacc" if sampler["name"] == "nsga-ii" else "macc"
    asked = small(seed=5, sampler=sampler, metric=metric)
    check_same(desk, BowlPool(), settings, asked, more)


def test_a_policy_whose_losses_are_measured_when_they_are_published(
    desk: Desk, settings: Settings
) -> None:
    sampler = {"name": "cma-es", "trials": 4, "batch": 4}
    asked = small(seed=2, sampler=sampler, space={"name": "curves", "scaled": True})
    check_same(desk, ZooPool(), settings, asked, 12)


@pytest.mark.parametrize("fields", [{}, {"metrics": ["miou", "bf1"], "metric": None}])
def test_a_search_of_the_zoo_with_halving_and_a_race(
    desk: Desk, settings: Settings, fields: dict[str, Any]
) -> None:
    body = {name: value for name, value in (ZOO | fields).items() if value is not None}
    asked = SearchRequest.model_validate(
        {"dataset": "shapes", "preset": "quick", "seed": 3, "name": "found"} | body
    )
    assert asked.halving is not None
    assert asked.race is not None
    check_same(desk, ZooPool(), settings, asked, 8)


def test_its_files_are_replaced_and_another_version_is_published(
    desk: Desk, settings: Settings
) -> None:
    with at_work(settings, BowlPool()):
        job_id = desk.submit(small(seed=1))
        first = dict(result_of(desk.wait_for(job_id)))
        names = files(desk, job_id)
        go_on(desk, job_id, 8)
        second = result_of(desk.wait_for(job_id))
    assert (first["loss"], first["version"]) == (second["loss"], 1)
    assert (second["version"], second["trials"]) == (2, 20)
    again = files(desk, job_id)
    assert names.keys() <= again.keys()
    assert names["loss.json"] != again["loss.json"]
    with desk.reading() as session:
        assert progress_of(session, desk.job(job_id))["total"] == 20


def files(desk: Desk, job_id: str) -> dict[str, str]:
    with desk.reading() as session:
        rows: list[Artifact] = lifecycle.artifacts(session, job_id)
        return {row.name: row.sha256 for row in rows}


def test_the_same_key_still_gives_the_same_job(desk: Desk) -> None:
    with desk.writing.begin() as session:
        job_id = create(session, small(seed=1), idempotency_key="one").id
    finish(desk, job_id)
    go_on(desk, job_id, 4)
    with desk.writing.begin() as session:
        assert create(session, small(seed=1), idempotency_key="one").id == job_id
        with pytest.raises(InputError, match="another request"):
            create(session, small(seed=2), idempotency_key="one")
        more = small(seed=1, sampler={"name": "ppo2", "steps": 4, "samples": 4})
        with pytest.raises(InputError, match="another request"):
            create(session, more, idempotency_key="one")


def finish(desk: Desk, job_id: str, state: State = "succeeded", **result: object) -> None:
    with desk.writing.begin() as session:
        job = session.get_one(Job, job_id)
        job.state, job.result = state, dict(result)


@pytest.mark.parametrize("state", ["queued", "running", "paused", "cancelled", "failed"])
def test_only_a_search_that_has_succeeded_goes_on(desk: Desk, state: State) -> None:
    job_id = desk.submit(small())
    finish(desk, job_id, state)
    with pytest.raises(ConflictError, match=f"is {state}: only one that has succeeded"):
        go_on(desk, job_id, 4)


def test_one_that_its_budget_ended_does_not(desk: Desk) -> None:
    job_id = desk.submit(small())
    finish(desk, job_id, stopped_by="budget")
    with pytest.raises(ConflictError, match="larger budget"):
        go_on(desk, job_id, 4)


@pytest.mark.parametrize(
    ("sampler", "trials", "told"),
    [
        ({"name": "ppo2", "steps": 2, "samples": 4}, 6, "a multiple of 4"),
        (ZOO_SAMPLER, 2, "a multiple of 4"),
        ({"name": "tpe", "trials": 1999}, 2, "less than or equal to 2000"),
    ],
)
def test_a_number_that_does_not_fit_is_refused(
    desk: Desk, sampler: dict[str, Any], trials: int, told: str
) -> None:
    job_id = desk.submit(small(sampler=sampler))
    finish(desk, job_id)
    with pytest.raises(InputError, match=told):
        go_on(desk, job_id, trials)
    assert desk.job(job_id).state == "succeeded"
