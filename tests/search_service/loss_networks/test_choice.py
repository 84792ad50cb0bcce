"""Which loss networks a request may name, and what is said of those that it may not."""

from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from search_service.catalogue import datasets
from search_service.comparisons.request import ComparisonRequest
from search_service.retrainings.request import RetrainingRequest
from search_service.store.database import sessions
from surrogate_zoo.errors import InputError
from surrogate_zoo.store import zoo
from surrogate_zoo.store.tables import LossNetwork
from tests.search_service.service import create
from workers.tasks.loss_networks import EdgeNetworkSpec

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)

EDGE, INVERSE, FOREIGN = "e" * 64, "1" * 64, "f" * 64


def network(session: Session, kind: str, sha256: str, fingerprint: str | None = None) -> None:
    own = datasets.get(session, "shapes").report["fingerprint"]
    row = LossNetwork(kind=kind, fingerprint=fingerprint or own, num_classes=None, spec={}, seed=0)
    row.measures, row.provenance, row.sha256, row.bytes = {}, {}, sha256, 1
    zoo.publish_loss_network(session, row)


@pytest.fixture
def session(engine: Engine) -> Session:
    session = sessions(engine)()
    network(session, "edge_network", EDGE)
    network(session, "inverse_network", INVERSE)
    network(session, "edge_network", FOREIGN, "another")
    return session


def retraining(loss: str, **networks: str | dict[str, Any]) -> RetrainingRequest:
    body = {"loss": loss, "dataset": "shapes", "loss_networks": networks}
    return RetrainingRequest.model_validate(body)


def test_networks_of_the_dataset_are_taken_as_they_are_named(session: Session) -> None:
    job = create(session, retraining("0.5*semeda+inverse-form", edge_network=EDGE))
    assert job.request["loss_networks"] == {"edge_network": EDGE}
    body: dict[str, Any] = {"losses": ["semeda", "inverse-form"], "dataset": "shapes"}
    body |= {"loss_networks": {"inverse-form": {"inverse_network": INVERSE}}}
    job = create(session, ComparisonRequest.model_validate(body))
    assert job.request["loss_networks"] == body["loss_networks"]


def test_a_network_may_be_named_by_its_training(session: Session) -> None:
    spec = {"kind": "edge_network", "iterations": 3}
    job = create(session, retraining("semeda", edge_network=spec))
    stored = job.request["loss_networks"]["edge_network"]
    assert (stored["iterations"], stored["kernel"]) == (3, 3)
    asked = RetrainingRequest.model_validate(job.request)
    assert asked.loss_networks == {"edge_network": EdgeNetworkSpec(iterations=3)}
    body = {"loss": "dice", "dataset": "shapes", "loss_network_specs": [spec]}
    create(session, RetrainingRequest.model_validate(body))  # for whichever the loss carries: none
    with pytest.raises(InputError, match="names an edge network for dice, which carries no loss"):
        create(session, retraining("dice", edge_network=spec))
    with pytest.raises(ValueError, match="gives the inverse_network as kind edge_network"):
        retraining("inverse-form", inverse_network=spec)
    with pytest.raises(ValueError, match="loss_network_specs gives a kind twice"):
        RetrainingRequest.model_validate(body | {"loss_network_specs": [spec, spec]})


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (
            retraining("semeda", edge_network="a" * 64),
            "aaa is not here: 'lossfit loss-networks list",
        ),
        (retraining("semeda", edge_network=FOREIGN), "was trained on other masks than those of"),
        (retraining("semeda", edge_network=INVERSE), "is an inverse network, and no edge network"),
        (retraining("semeda", inverse_network=INVERSE), "for semeda, which carries edge network"),
        (retraining("dice", edge_network=EDGE), "an edge network for dice, which carries no loss"),
    ],
)
def test_others_are_refused_with_a_sentence(
    session: Session, request_: RetrainingRequest, sentence: str
) -> None:
    with pytest.raises(InputError) as told:
        create(session, request_)
    assert sentence in str(told.value)
    fields: dict[str, Any] = {"losses": ["cross-entropy", request_.loss], "dataset": "shapes"}
    fields |= {"loss_networks": {request_.loss: request_.loss_networks}}
    with pytest.raises(InputError) as again:
        create(session, ComparisonRequest.model_validate(fields))
    assert str(again.value) == str(told.value)
