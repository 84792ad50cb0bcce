"""Losses of a retraining and companions of a search, pinned when they are asked for."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from search_service.catalogue import losses
from search_service.retrainings.admission import admitted
from search_service.retrainings.request import RetrainingRequest
from search_service.searches.admission import companion
from search_service.searches.request import SearchRequest
from search_service.store.database import sessions
from surrogate_zoo import load_loss
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.document import sum_document, surrogate_document
from surrogate_zoo.losses.scales import SCALES
from surrogate_zoo.store import zoo
from tests.search_service.service import create

POINTS = {"and": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}
OTHER_POINTS = {"and": [0.2, 0.1, 0.4, 0.3, 0.6, 0.5]}


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with sessions(engine)() as session:
        zoo.publish(session, surrogate_document("mine", "macc", POINTS))
        yield session


def retraining(loss: str, **fields: Any) -> RetrainingRequest:
    return RetrainingRequest.model_validate({"loss": loss, "dataset": "shapes"} | fields)


def document(session: Session, request: RetrainingRequest) -> dict[str, Any]:
    return losses.document(session, request.loss, request.loss_versions)


def test_the_versions_that_tags_point_at_are_found_once(session: Session) -> None:
    first = zoo.get(session, "mine")
    losses.give_tags(session, first, ["best", "old"])
    assert zoo.tagged(session, "mine", ["best", "old"]) == [first]
    with pytest.raises(InputError):
        losses.give_tags(session, first, [zoo.BUILT_IN])


def test_a_sum_trains_with_its_terms_as_they_were_when_it_was_asked_for(session: Session) -> None:
    pinned = admitted(session, retraining("2*mine + 0.25*cross-entropy"))
    zoo.publish(session, surrogate_document("mine", "macc", OTHER_POINTS))
    assert pinned.versions == {"mine": 1, "cross-entropy": 1}
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((2, 3, 8, 8), generator=generator)
    target = torch.randint(0, 3, (2, 8, 8), generator=generator)

    def value(source: Any) -> float:
        return float(load_loss(source, num_classes=3)(logits, target))

    mine, entropy = surrogate_document("mine", "macc", POINTS), "cross-entropy"
    assert value(document(session, pinned)) == pytest.approx(
        2 * value(mine) + 0.25 * value(entropy), rel=1e-6
    )
    newest = admitted(session, retraining("2*mine+0.25*cross-entropy"))
    assert newest.versions["mine"] == 2
    assert value(document(session, newest)) != value(document(session, pinned))


def test_single_terms_can_be_pinned_by_hand(session: Session) -> None:
    zoo.publish(session, surrogate_document("mine", "macc", OTHER_POINTS))
    request = retraining("mine+dice", versions={"mine": 1})
    assert admitted(session, request).versions == {"mine": 1, "dice": 1}


def test_a_term_that_is_a_sum_itself_is_taken_apart(session: Session) -> None:
    request = admitted(session, retraining("2*cross-entropy-dice+lovasz"))
    terms = document(session, request)["terms"]
    assert [(term["weight"], term["loss"]["loss"]) for term in terms] == [
        (2 * SCALES["cross-entropy-dice"], "cross-entropy"),
        (2 * SCALES["cross-entropy-dice"], "dice"),
        (1.0, "lovasz"),
    ]


@pytest.mark.parametrize("loss", ["nonsense+dice", "dice+0.1*nonsense", "nonsense"])
def test_an_unknown_loss_is_named(session: Session, loss: str) -> None:
    with pytest.raises(InputError, match="'nonsense'"):
        admitted(session, retraining(loss))


def test_weights_that_multiply_to_no_number_are_refused(session: Session) -> None:
    dice = zoo.get(session, "dice").document
    zoo.publish(session, sum_document("heavy", [(1e200, dice)]))
    with pytest.raises(InputError):
        admitted(session, retraining("1e200*heavy"))


def test_the_same_key_gives_the_same_job_also_for_a_sum(session: Session) -> None:
    first = create(session, retraining("mine+dice"), idempotency_key="k")
    zoo.publish(session, surrogate_document("mine", "macc", OTHER_POINTS))
    again = create(session, retraining("mine + dice"), idempotency_key="k")
    assert again.id == first.id
    assert again.request["versions"] == {"mine": 1, "dice": 1}
    other = retraining("mine+dice", versions={"mine": 2})
    with pytest.raises(InputError):
        create(session, other, idempotency_key="k")


def search(companion: str, **fields: Any) -> SearchRequest:
    asked = {"metric": "macc", "dataset": "shapes", "preset": "quick", "companion": companion}
    return SearchRequest.model_validate(asked | {"sampler": {"name": "ppo2"}} | fields)


def test_a_companion_is_as_it_was_when_the_search_was_asked_for(session: Session) -> None:
    asked = search("mine + 0.5*dice")
    job = create(session, asked, idempotency_key="k")
    zoo.publish(session, surrogate_document("mine", "macc", OTHER_POINTS))
    assert job.request["companion"] == "mine+0.5*dice"
    assert job.request["companion_versions"] == {"mine": 1, "dice": 1}
    kept = companion(session, SearchRequest.model_validate(job.request))
    assert kept is not None
    assert [(term["weight"], term["loss"]["name"]) for term in kept["terms"]] == [
        (1.0, "mine"),
        (0.5, "dice"),
    ]
    assert kept["terms"][0]["loss"]["control_points"] == POINTS
    assert create(session, asked, idempotency_key="k").id == job.id
    with pytest.raises(InputError):
        create(session, search("mine+0.6*dice"), idempotency_key="k")
    newest = create(session, asked)
    assert newest.request["companion_versions"] == {"mine": 2, "dice": 1}
    by_hand = create(session, search("mine", companion_versions={"mine": 1}))
    assert by_hand.request["companion_versions"] == {"mine": 1}


@pytest.mark.parametrize(
    ("companion", "fields", "why"),
    [
        ("0.5*nonsense", {}, "'nonsense'"),
        ("dice", {"companion_versions": {"dice": 9}}, "version 9"),
        ("0.1*inverse-form", {"rejection": {}}, r"needs boundary_logits.*leave rejection out"),
    ],
)
def test_a_companion_that_cannot_be_is_refused(
    session: Session, companion: str, fields: dict[str, Any], why: str
) -> None:
    with pytest.raises(InputError, match=why):
        create(session, search(companion, **fields))


def test_versions_of_a_companion_that_name_something_else_are_refused() -> None:
    with pytest.raises(ValueError, match=r"companion_versions names.*lovasz"):
        search("dice", companion_versions={"lovasz": 1})
