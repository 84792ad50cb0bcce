"""What a search will cost at most, with a budget."""

from typing import Any

import pytest
from sqlalchemy import Engine

from search_service.searches import admission
from search_service.searches.request import SearchRequest
from tests.search_service.service import Desk

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


def trainings(engine: Engine, **fields: Any) -> float:
    body = {"metric": "miou", "dataset": "shapes", "preset": "quick", "race": None}
    request = SearchRequest.model_validate(body | fields)
    with Desk(engine).reading() as session:
        return admission.estimated(session, admission.admitted(session, request)).trainings


@pytest.mark.parametrize(
    ("budget", "most"),
    [
        (None, 40),
        ({"minutes": 1}, 40),
        ({"trainings": 5}, 9),  # the generation that uses it up is finished
        ({"trainings": 100}, 40),
    ],
)
def test_a_budget_bounds_the_trainings(engine: Engine, budget: object, most: float) -> None:
    sampler = {"name": "random", "trials": 40, "batch": 4}
    assert trainings(engine, sampler=sampler, budget=budget) == most


def test_the_portfolio_is_trained_in_any_case(engine: Engine) -> None:
    space = {"name": "zoo", "losses": ["dice"]}
    sampler = {"name": "portfolio", "trials": 64, "batch": 4, "rates": [1.0]}
    fields: dict[str, Any] = {"space": space, "sampler": sampler, "halving": None}
    whole = trainings(engine, **fields)
    portfolio = whole - 64
    assert portfolio > 2
    assert trainings(engine, budget={"trainings": 1}, **fields) <= 1 + portfolio
