"""Every kind of job is one row, and what a row names does what the contract says."""

import pytest
from fastapi.routing import APIRoute

from api.routes.jobs import router_of
from search_service.catalogue.request import DatasetRequest
from search_service.kinds import KINDS
from search_service.settings import Settings
from search_service.store.states import STATES
from tests.api.requests import COMPARISON, LOSS_NETWORK, REGISTRATION, RETRAINING, SEARCH
from workers.tasks.base import Spec, fields_of
from workers.tasks.loss_networks import LossNetworkOptions, LossNetworkTask
from workers.tasks.proxy import ProxyOptions, ProxyTask
from workers.tasks.retraining import (
    RetrainingOptions,
    RetrainingTask,
    SingleRetrainingOptions,
)

BODIES = {
    "search": SEARCH,
    "retraining": RETRAINING,
    "comparison": COMPARISON,
    "loss-network": LOSS_NETWORK,
    "registration": REGISTRATION,
}
OPTIONS: dict[str, tuple[type[Spec], type[Spec]]] = {
    "search": (ProxyOptions, ProxyTask),
    "retraining": (SingleRetrainingOptions, RetrainingTask),
    "comparison": (RetrainingOptions, RetrainingTask),
    "loss-network": (LossNetworkOptions, LossNetworkTask),
    "registration": (DatasetRequest, DatasetRequest),  # a controller reads it itself
}
NAMED_ALIKE = {"dataset", "loss", "loss_networks", "network", "seed", "rankseg"}
"""Fields of requests that a task has too and that are no options: names there, contents here; and what
a comparison says of its cells one by one."""


def test_every_kind_has_a_body_here() -> None:
    assert BODIES.keys() == OPTIONS.keys() == KINDS.keys()


@pytest.mark.parametrize("name", KINDS)
def test_a_request_is_taken_as_it_was_kept(name: str) -> None:
    request = KINDS[name].request.model_validate(BODIES[name])
    kept = request.model_dump(mode="json")
    assert KINDS[name].request.model_validate(kept) == request
    assert KINDS[name].admission().resolved(Settings(), request) == request


@pytest.mark.parametrize("name", KINDS)
def test_what_a_request_shares_with_its_task_is_written_once(name: str) -> None:
    """A field of both that stood outside of the shared options could be forgotten when it is copied."""
    options, task = OPTIONS[name]
    request = KINDS[name].request
    assert issubclass(request, options)
    assert issubclass(task, options)
    shared = request.model_fields.keys() & task.model_fields.keys()
    assert shared - NAMED_ALIKE == options.model_fields.keys() - NAMED_ALIKE


@pytest.mark.parametrize("name", KINDS)
def test_copying_takes_every_option_along(name: str) -> None:
    options, _ = OPTIONS[name]
    request = KINDS[name].request.model_validate(BODIES[name])
    copied = fields_of(request, options)
    assert copied.keys() == options.model_fields.keys()
    assert all(getattr(request, field) == value for field, value in copied.items())


@pytest.mark.parametrize("name", KINDS)
def test_the_versions_of_an_earlier_request_are_taken_over(name: str) -> None:
    request_type = KINDS[name].request
    request = request_type.model_validate(BODIES[name])
    assert set(request_type.pinned) <= request_type.model_fields.keys()
    assert request.pinned_as(request) == request


@pytest.mark.parametrize("name", KINDS)
def test_a_kinds_routes_lie_below_its_path(name: str) -> None:
    kind = KINDS[name]
    routes = [route for route in router_of(kind).routes if isinstance(route, APIRoute)]
    assert {route.path.split("/")[1] for route in routes} == {kind.path}
    ids = [route.operation_id for route in routes if route.include_in_schema]
    assert len(set(ids)) == len(ids)
    assert f"create_{name.replace('-', '_')}" in ids


def test_states_are_named_once() -> None:
    assert len(set(STATES)) == len(STATES) == 8
