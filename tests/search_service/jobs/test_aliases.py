"""Jobs that are asked for by an alias: they are of the loss that it stood for then."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from search_service.catalogue import losses
from search_service.catalogue.loss_requests import AliasRequest
from search_service.jobs import lifecycle
from search_service.kinds import KINDS
from search_service.settings import Settings
from search_service.store.database import sessions
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.document import surrogate_document
from surrogate_zoo.store import zoo
from tests.search_service.service import create, small

TPE = {"name": "tpe", "trials": 4}
POINTS = {"and": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}


on_one_database = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """With ``stable``, which stands for the first of two versions of ``mine``."""
    with sessions(engine)() as session:
        for score in (0.1, 0.2):
            facts = {"score": score}
            zoo.publish(session, surrogate_document("mine", "macc", POINTS, provenance=facts))
        point(session, "stable", "mine", 1)
        yield session


def point(session: Session, name: str, loss: str, version: int | None = None) -> None:
    losses.point(session, AliasRequest(name=name, loss=loss, version=version))


def asked(kind: str, **body: Any) -> Any:
    return KINDS[kind].request.model_validate({"dataset": "shapes", "preset": "quick"} | body)


CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "a loss": ("retraining", {"loss": "stable"}, {"loss": "mine", "version": 1}),
    "a version of its loss": (
        "retraining",
        {"loss": "stable", "version": 2},
        {"loss": "mine", "version": 2},
    ),
    "a sum": (
        "retraining",
        {"loss": "0.50 * stable + 1e+0*dice"},
        {"loss": "0.50*mine+1e+0*dice", "versions": {"mine": 1, "dice": 1}},
    ),
    "a comparison": (
        "comparison",
        {"losses": ["stable+lovasz", "dice"], "versions": {"stable": 2}},
        {
            "losses": ["mine+lovasz", "dice"],
            "versions": {"mine": 2, "lovasz": 1, "dice": 1},
        },
    ),
    "a loss with a network": (
        "comparison",
        {
            "losses": ["edges"],
            "loss_networks": {"edges": {"edge_network": {"kind": "edge_network"}}},
        },
        {"losses": ["semeda"], "versions": {"semeda": 1}},
    ),
    "a start": (
        "search",
        {"metric": "macc", "start": "stable", "sampler": TPE},
        {"start": "mine", "start_version": 1, "companion_versions": {}},
    ),
    "a companion": (
        "search",
        {"metric": "macc", "companion": "0.5*stable", "sampler": TPE},
        {"start": "line", "companion": "0.5*mine", "companion_versions": {"mine": 1}},
    ),
}


@on_one_database
@pytest.mark.parametrize("case", CASES)
def test_a_job_is_of_the_loss_that_its_alias_stood_for(session: Session, case: str) -> None:
    kind, body, expected = CASES[case]
    point(session, "edges", "semeda")
    point(session, "line", "semeda")  # as the start of a search is called that starts at none
    request = asked(kind, **body)
    job = create(session, request, idempotency_key="k")
    assert {field: job.request[field] for field in expected} == expected
    assert list(job.request.get("loss_networks") or {}) in ([], job.request.get("losses"))
    assert create(session, request, idempotency_key="k").id == job.id
    plan = lifecycle.estimate(session, Settings(), KINDS[kind], request)
    assert plan.trainings == job.trainings
    point(session, "stable", "cross-entropy")
    session.refresh(job)
    assert {field: job.request[field] for field in expected} == expected


@on_one_database
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("retraining", {"loss": "stable+mine"}),
        ("comparison", {"losses": ["stable", "0.5*mine+dice"]}),
        ("search", {"metric": "macc", "start": "mine", "companion": "stable", "sampler": TPE}),
    ],
)
def test_a_request_names_a_loss_once(session: Session, kind: str, body: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="are one loss, mine: a request names a loss once"):
        create(session, asked(kind, **body))


def test_no_search_is_to_publish_what_an_alias_is_called(session: Session) -> None:
    job = create(session, small(name="best-of-may"))
    with pytest.raises(InputError, match=f"search {job.id} is to publish"):
        point(session, "best-of-may", "mine")
    with pytest.raises(InputError, match=f"search {job.id} is to publish"):
        point(session, "best-of-may-bf1", "mine")
    with pytest.raises(InputError, match="'stable' is an alias of a loss: give the result"):
        create(session, small(name="stable"))
    lifecycle.cancel(session, "search", job.id)
    point(session, "best-of-may", "mine")


def test_every_field_that_names_losses_is_one() -> None:
    for kind in KINDS.values():
        assert set(kind.request.named) <= kind.request.model_fields.keys()
