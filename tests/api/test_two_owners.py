"""Schemathesis, step by step: two owners ask for whatever follows from earlier answers, and never meet."""

import re
from collections.abc import Callable
from itertools import count
from typing import Any

import hypothesis
from hypothesis import HealthCheck
from hypothesis.stateful import run_state_machine_as_test
from pydantic import SecretStr
from schemathesis import Case
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    ensure_resource_availability,
    ignored_auth,
    positive_data_acceptance,
    use_after_free,
)

from search_service.access import tokens
from tests.api.conftest import Live
from tests.api.test_openapi import document
from tests.conftest import DEADLINE

RUNS, STEPS = 6, 8
OWNERS = ("ada", "bob")
NOT_OF_TWO_OWNERS = [
    positive_data_acceptance,  # some rules span fields
    ensure_resource_availability,  # what one has made is not there for the other
    use_after_free,
    ignored_auth,
]


def test_two_owners_never_meet(serve: Callable[..., Live]) -> None:
    live = serve(token=SecretStr("the operator's"))
    with live.sessions.begin() as session:
        secrets = {
            owner: tokens.add(session, owner, owner=owner, scope="submit")[1] for owner in OWNERS
        }
    asked, statuses, turn = list[str](), set[int](), count()

    class Owners(document().as_state_machine()):  # type: ignore[misc]
        def before_call(self, case: Case[Any]) -> None:
            # Two questions of one, then two of the other: each follows up on both.
            owner = OWNERS[next(turn) // 2 % 2]
            case.headers.update({"Authorization": f"Bearer {secrets[owner]}"})
            asked.append(owner)

        def get_call_kwargs(self, _case: Case[Any]) -> dict[str, Any]:
            return {"base_url": str(live.http.base_url), "timeout": DEADLINE}

        def validate_response(self, response: Response, case: Case[Any], **_more: Any) -> None:
            assert response.status_code < 500
            statuses.add(response.status_code)
            assert set(re.findall(r'"owner": ?"([^"]*)"', response.text)) <= {asked[-1]}
            case.validate_response(response, excluded_checks=NOT_OF_TWO_OWNERS)

    run_state_machine_as_test(
        Owners,
        settings=hypothesis.settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert {200, 201, 404} <= statuses
    assert live.is_healthy()
