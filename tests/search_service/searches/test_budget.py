"""A budget ends a search between generations, and what it found is what its generations tell."""

import threading
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine

from search_service.searches.budget import BudgetSpec
from search_service.searches.request import SearchRequest
from search_service.settings import Settings
from tests.search_service.service import Desk, progress_of, result_of, small, working
from tests.search_service.zoo_pool import SECONDS, ZooPool

pytestmark = pytest.mark.usefixtures("brief_reports")

SQLITE = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine)


def without(result: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name not in names}


SAMPLERS: list[tuple[dict[str, Any], int]] = [
    ({"name": "ppo2", "steps": 5, "samples": 4}, 8),
    ({"name": "tpe", "trials": 20, "batch": 4}, 8),
    ({"name": "cma-es", "trials": 20, "batch": 4}, 8),
]


@SQLITE
@pytest.mark.parametrize(("sampler", "trials"), SAMPLERS)
@pytest.mark.parametrize(
    "budget",
    [
        {"trainings": 5},
        pytest.param({"minutes": 5 * SECONDS / 60}, marks=pytest.mark.slow),  # 6 s each
    ],
)
def test_no_generation_begins_once_it_is_used_up(
    desk: Desk,
    settings: Settings,
    sampler: dict[str, Any],
    trials: int,
    budget: dict[str, float],
) -> None:
    asked = small(sampler=sampler, budget=budget)
    with working(settings, ZooPool()):
        job_id = desk.submit(asked)
        ended = desk.wait_for(job_id)
        assert (ended.state, ended.error) == ("succeeded", None)
        shorter = asked.sampler.with_trials(trials)
        alone = desk.submit(asked.model_copy(update={"sampler": shorter, "budget": None}))
        desk.wait_for(alone)
    result, other = result_of(desk.job(job_id)), result_of(desk.job(alone))
    assert result["stopped_by"] == "budget"
    assert result["used"] == pytest.approx({"trainings": 8.0, "minutes": 8 * SECONDS / 60})
    assert desk.trials(job_id) == desk.trials(alone)
    told = ("stopped_by", "used", "version", "winners")
    assert without(result, *told) == without(other, *told)
    with desk.reading() as session:
        progress = progress_of(session, desk.job(job_id))
    assert (progress["done"], progress["total"]) == (8, 8)


@SQLITE
def test_one_that_is_not_used_up_changes_nothing(desk: Desk, settings: Settings) -> None:
    with working(settings, ZooPool()):
        job_id = desk.submit(small(budget={"trainings": 12}))
        result = result_of(desk.wait_for(job_id))
    assert (result["stopped_by"], result["trials"]) == ("trials", 12)


@SQLITE
def test_the_portfolio_is_tried_whole_and_what_is_stopped_early_counts_for_its_share(
    desk: Desk, settings: Settings
) -> None:
    body: dict[str, Any] = {"metric": "miou", "dataset": "shapes", "preset": "quick", "race": None}
    body |= {"space": {"name": "zoo", "losses": ["dice"]}, "budget": {"trainings": 1}}
    body |= {"sampler": {"name": "portfolio", "trials": 8, "batch": 4, "rates": [1.0]}}
    with working(settings, ZooPool()):
        job_id = desk.submit(SearchRequest.model_validate(body))
        ended = desk.wait_for(job_id)
        assert (ended.state, ended.error) == ("succeeded", None)
    result = result_of(ended)
    assert result["stopped_by"] == "budget"
    assert result["stopped"] > 0
    trained = result["trials"] - result["stopped"]
    assert result["used"]["trainings"] == pytest.approx(trained + 0.25 * result["stopped"])


@SQLITE
def test_a_search_that_is_paused_decides_the_same(desk: Desk, settings: Settings) -> None:
    asked = small(
        budget={"minutes": 5 * SECONDS / 60}, sampler={"name": "random", "trials": 20, "batch": 4}
    )
    job_id = desk.submit(asked)
    for _ in range(3):  # a controller that stops in between: what is recorded decides
        with working(settings, _Halting(3)):
            desk.wait(lambda: desk.job(job_id).state != "queued", "the run")
            desk.wait(lambda: len(desk.trials(job_id)) >= 3, "trials")
    with working(settings, ZooPool()):
        straight = desk.submit(asked)
        for each in (job_id, straight):
            assert desk.wait_for(each).state == "succeeded"
    assert desk.trials(job_id) == desk.trials(straight)
    assert result_of(desk.job(job_id))["used"] == result_of(desk.job(straight))["used"]


class _Halting(ZooPool):
    """A pool that scores so many candidates, and then waits until it is told to stop."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._left = count

    def evaluate(self, task, candidates, *, on_outcome, should_stop):  # type: ignore[no-untyped-def]
        share = candidates[: self._left]
        self._left -= len(share)
        super().evaluate(task, share, on_outcome=on_outcome, should_stop=should_stop)
        while len(share) < len(candidates) and not should_stop():
            threading.Event().wait(0.02)
        super().evaluate(
            task, candidates[len(share) :], on_outcome=on_outcome, should_stop=should_stop
        )


def test_a_budget_says_something() -> None:
    with pytest.raises(ValidationError, match="trainings, minutes, or both"):
        BudgetSpec()
    spec = BudgetSpec(trainings=2, minutes=3)
    assert not spec.is_used_up(1.9, 2.9)
    assert spec.is_used_up(2, 0)
    assert spec.is_used_up(0, 3)
