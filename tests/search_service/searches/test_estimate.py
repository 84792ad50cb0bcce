"""What a search will cost at most, with a budget."""

from typing import Any

import pytest
from sqlalchemy import Engine

from search_service.searches import admission
from search_service.searches.request import SearchRequest
from tests.search_service.service import Desk

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


def trainings(engine: Engine, **fields: Any) -> float:
    body = {"metrics": ["miou"], "dataset": "shapes", "preset": "quick", "race": None}
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


@pytest.mark.parametrize(
    ("metrics", "race", "most"),
    [
        # of a metric: its best candidate, its surrogate, a handmade loss; and cross entropy
        (["miou"], {"heats": 0, "rounds": 4, "finalists": 2}, 4 * 5),
        (["miou", "bf1"], {"heats": 0, "rounds": 4, "finalists": 1}, 4 * 7),
        (["miou"], {"heats": 1, "rounds": 2, "starters": 6, "finalists": 2}, 12 + 2 * 5),
    ],
)
def test_whoever_may_run_in_a_race_is_counted(
    engine: Engine, metrics: list[str], race: dict[str, int], most: int
) -> None:
    fields: dict[str, Any] = {"metrics": metrics, "halving": None}
    assert trainings(engine, race=race, **fields) - trainings(engine, **fields) == most


def test_the_portfolio_is_trained_in_any_case(engine: Engine) -> None:
    space = {"name": "zoo", "losses": ["dice"]}
    sampler = {"name": "portfolio", "trials": 64, "batch": 4, "rates": [1.0]}
    fields: dict[str, Any] = {"space": space, "sampler": sampler, "halving": None}
    whole = trainings(engine, **fields)
    portfolio = whole - 64
    assert portfolio > 2
    assert trainings(engine, budget={"trainings": 1}, **fields) <= 1 + portfolio
