"""Deleting: what is over goes with its files, what something needs stays and says so."""

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from search_service import retention
from search_service.access.owners import bound, bounds
from search_service.catalogue import datasets
from search_service.catalogue.loss_requests import AliasRequest, EntryRequest
from search_service.catalogue.losses import add, point
from search_service.catalogue.request import DatasetRequest
from search_service.jobs import ledger, lifecycle
from search_service.retrainings.request import RetrainingRequest
from search_service.settings import Settings
from search_service.store import artifacts
from search_service.store.database import sessions
from search_service.store.tables import Artifact, Event, Job
from surrogate_zoo.errors import ConflictError, NotFoundError
from surrogate_zoo.store import zoo
from surrogate_zoo.store.tables import now
from tests.search_service.service import create, small

TINY = {"layout": "shapes", "train": 8, "val": 2, "test": 2, "height": 32, "width": 32}
MONTH = timedelta(days=30)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with sessions(engine)() as session:
        yield session


def over(session: Session, job: Job, *, days: int = 40) -> Job:
    """A job that was cancelled so many days ago."""
    job.state, job.finished_at = "cancelled", now() - timedelta(days=days)
    session.flush()
    return job


def with_file(
    session: Session, settings: Settings, job: Job, text: str, *, age: float = 1e5
) -> str:
    path = settings.home / "scores.csv"
    path.write_text(text)
    sha256, size = artifacts.store(settings.artifacts_root, path)
    row = Artifact(job_id=job.id, name=path.name, sha256=sha256, bytes=size, media_type="text/csv")
    ledger.record_artifact(session, row)
    file = Path(artifacts.open_artifact(settings.artifacts_root, sha256))
    os.utime(file, (time.time() - age, time.time() - age))
    return sha256


def retraining(loss: str = "dice", dataset: str = "shapes") -> RetrainingRequest:
    body: dict[str, Any] = {"loss": loss, "dataset": dataset, "training": {"iterations": 10}}
    return RetrainingRequest.model_validate(body)


def test_a_job_goes_with_all_that_is_its_own(session: Session, settings: Settings) -> None:
    first, second = (over(session, create(session, retraining())) for _ in range(2))
    shared = with_file(session, settings, first, "both")
    with_file(session, settings, second, "both")
    retention.delete_job(session, first)
    assert retention.unnamed(session, [shared, "0" * 64]) == {"0" * 64}
    left = select(func.count()).select_from(Event).where(Event.job_id == first.id)
    assert session.scalar(left) == 0
    with pytest.raises(NotFoundError):
        lifecycle.of_any_kind(session, first.id)
    assert lifecycle.of_any_kind(session, second.id) is second


def test_a_job_that_is_not_over_or_that_others_read_stays(session: Session) -> None:
    waiting = create(session, small())
    with pytest.raises(ConflictError, match="is queued; cancel it first"):
        retention.delete_job(session, waiting)
    prior, follower = over(session, waiting), create(session, small(seed=1))
    follower.request = follower.request | {"priors": [{"search": prior.id, "trials": 3}]}
    session.flush()
    with pytest.raises(ConflictError, match=f"named by {follower.id}"):
        retention.delete_job(session, prior)
    told = retention.clean(session, MONTH)
    assert told.jobs == []
    assert [kept.what for kept in told.kept] == [prior.id]
    over(session, follower)
    assert set(retention.clean(session, MONTH).jobs) == {prior.id, follower.id}


def test_cleaning_takes_what_is_old_and_a_dry_run_tells_the_same(
    engine: Engine, session: Session, settings: Settings
) -> None:
    old, young = over(session, create(session, retraining())), create(session, retraining())
    over(session, young, days=2)
    gone = with_file(session, settings, old, "old")
    kept = with_file(session, settings, young, "young")
    fresh = with_file(session, settings, old, "fresh", age=0)
    session.commit()
    dry = retention.clean_service(settings, MONTH, unused=False, dry_run=True)
    assert artifacts.is_stored(settings.artifacts_root, gone)
    told = retention.clean_service(settings, MONTH, unused=False, dry_run=False)
    assert (told.jobs, told.files, told.bytes) == ([old.id], 1, 3)
    assert told == dry.model_copy(update={"dry_run": False})
    stored = {
        name: artifacts.is_stored(settings.artifacts_root, name) for name in (gone, kept, fresh)
    }
    assert stored == {gone: False, kept: True, fresh: True}


def test_datasets_and_losses_stay_while_something_names_them(
    session: Session, settings: Settings
) -> None:
    request = DatasetRequest.model_validate({"name": "tiny", "source": TINY})
    datasets.register(session, settings, request)
    for name in ("mine", "yours", "tagged", "aliased"):
        add(session, EntryRequest(name=name, loss="dice"), ["best"] if name == "tagged" else [])
    point(session, AliasRequest(name="production", loss="aliased"))
    user = create(session, retraining("0.5*mine+0.5*dice", "tiny"))
    for name, reason in (("shapes", "built in"), ("tiny", f"named by {user.id}")):
        with pytest.raises(ConflictError, match=reason):
            retention.delete_dataset(session, name)
    for name, reason in (
        ("dice", "built in"),
        ("mine", user.id),
        ("tagged", "tag best"),
        ("aliased", "alias production"),
        ("production", "loss aliased stays"),
    ):
        with pytest.raises(ConflictError, match=reason):
            retention.delete_loss(session, name)
    told = retention.clean(session, -MONTH, unused=True)
    assert (told.losses, told.datasets) == (["yours"], [])
    assert {kept.what for kept in told.kept} == {"mine", "tagged", "aliased", "tiny"}
    retention.delete_job(session, over(session, user))
    retention.delete_dataset(session, "tiny")
    retention.delete_loss(session, "mine")
    with pytest.raises(NotFoundError):
        zoo.get(session, "mine")


def test_what_another_owners_job_needs_stays_for_whoever_asks(
    engine: Engine, settings: Settings
) -> None:
    of_all = bound(sessions(engine))
    with of_all.begin() as session:
        prior, follower = create(session, small()), create(session, small(seed=1))
        add(session, EntryRequest(name="mine", loss="dice"))
        request = DatasetRequest.model_validate({"name": "tiny", "source": TINY})
        datasets.register(session, settings, request)
        user = create(session, retraining("mine", "tiny"))
        for job, owner in ((prior, "ada"), (follower, "bob"), (user, "bob")):
            over(session, job).owner = owner
        follower.request = follower.request | {"priors": [{"search": prior.id, "trials": 3}]}
        names = prior.id, follower.id, user.id
    for asks in ("ada", None):
        with of_all(**bounds(asks)) as session:
            with pytest.raises(ConflictError, match=names[1]):
                retention.delete_job(session, session.get_one(Job, names[0]))
            for delete, name in (
                (retention.delete_loss, "mine"),
                (retention.delete_dataset, "tiny"),
            ):
                with pytest.raises(ConflictError, match=names[2]):
                    delete(session, name)


STRANGE: list[dict[str, Any]] = [
    {"companion_versions": "abc"},
    {"companion_versions": {"mine": "1"}},
    {"companion_versions": ["mine"]},
    {"start": ["mine"], "start_version": 1},
    {"start_version": 1},
]


@pytest.mark.parametrize("told", STRANGE)
def test_a_provenance_that_tells_of_no_loss_keeps_none(
    session: Session, told: dict[str, Any]
) -> None:
    add(session, EntryRequest(name="mine", loss="dice"))
    later, _ = add(session, EntryRequest(name="later", loss="dice", title="another"))
    later.document = later.document | {"provenance": told}
    session.flush()
    retention.delete_loss(session, "mine")


def test_a_loss_that_another_was_searched_from_stays(session: Session) -> None:
    add(session, EntryRequest(name="mine", loss="dice"))
    later, _ = add(session, EntryRequest(name="later", loss="dice", title="another"))
    later.document = later.document | {"provenance": {"companion_versions": {"mine": 1}}}
    session.flush()
    with pytest.raises(ConflictError, match="loss later was searched from it"):
        retention.delete_loss(session, "mine")
