"""kill -9 while an extension or a search with a budget runs, and a restart."""

import signal
from collections.abc import Callable
from typing import Any

import pytest

from search_service.searches.extension import ExtensionRequest, extend
from search_service.settings import Settings
from tests.search_service.searches.racing.test_race import asked, evaluated, told, trials
from tests.search_service.service import Desk, result_of, small
from tests.search_service.test_killed import BOWL, Process, desk, start

__all__ = ["desk", "start"]

pytestmark = pytest.mark.slow


def test_a_killed_extension_ends_as_one_search(desk: Desk, start: Callable[..., Process]) -> None:
    asked = small(seed=7, sampler={"name": "ppo2", "steps": 1, "samples": 4})
    job_id = desk.submit(asked)
    at_once = desk.submit(asked.model_copy(update={"sampler": asked.sampler.with_trials(12)}))
    controller = start(BOWL)
    for each in (job_id, at_once):
        assert desk.wait_for(each).state == "succeeded"
    with desk.writing.begin() as session:
        extend(session, Settings(), job_id, ExtensionRequest(trials=8))
    desk.wait_for_trials(job_id, 6)  # in the middle of the first added generation
    assert controller.end(signal.SIGKILL) == -signal.SIGKILL
    assert desk.job(job_id).state == "running"
    start(BOWL)
    job = desk.wait_for(job_id)
    assert (job.state, job.error) == ("succeeded", None)
    assert desk.trials(job_id) == desk.trials(at_once)
    found, other = result_of(job), result_of(desk.job(at_once))
    assert found["best"] == other["best"]
    assert desk.states(job_id) == ["queued", "running", "succeeded"] * 2


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_killed_search_with_a_budget_ends_after_what_it_has_recorded(
    desk: Desk, start: Callable[..., Process]
) -> None:
    sampler = {"name": "random", "trials": 40, "batch": 4}
    asked = small(seed=7, sampler=sampler, budget={"minutes": 0.15 * 6 / 60})
    job_id, straight = desk.submit(asked), desk.submit(asked)
    controller = start(BOWL)
    desk.wait_for_trials(job_id, 5)
    controller.end(signal.SIGKILL)
    start(BOWL)
    for each in (job_id, straight):
        job = desk.wait_for(each)
        assert (job.state, job.error) == ("succeeded", None)
        assert (result_of(job)["stopped_by"], result_of(job)["trials"]) == ("budget", 8)
    assert desk.trials(job_id) == desk.trials(straight)


def test_an_extension_of_the_zoo_killed_in_search_and_race_ends_as_one_search(
    desk: Desk, start: Callable[..., Process]
) -> None:
    kinds = ["tests.search_service.searches.kinds", "0.1"]
    short = asked(space={"name": "zoo", "losses": ["lovasz"], "mixtures": False})
    job_id = desk.submit(short)
    at_once = desk.submit(short.model_copy(update={"sampler": short.sampler.with_trials(16)}))
    controller = start(kinds)
    for each in (job_id, at_once):
        assert desk.wait_for(each).state == "succeeded"
    portfolio, raced = len(desk.trials(job_id)) - 8, heats(desk, job_id)
    with desk.writing.begin() as session:
        extend(session, Settings(), job_id, ExtensionRequest(trials=8))
    desk.wait_for_trials(job_id, portfolio + 10)
    controller.end(signal.SIGKILL)
    controller = start(kinds)
    desk.wait(lambda: heats(desk, job_id) > raced, "an evaluation of the next race")
    controller.end(signal.SIGKILL)
    assert desk.job(job_id).state == "running"
    start(kinds)
    job = desk.wait_for(job_id)
    assert (job.state, job.error) == ("succeeded", None)
    ends = [[told(trial) for trial in trials(desk, each)] for each in (job_id, at_once)]
    assert ends[0] == ends[1]
    assert raced_of(result_of(job)) == raced_of(result_of(desk.job(at_once)))


def heats(desk: Desk, job_id: str) -> int:
    """How many evaluations races have had."""
    return sum(not stage.startswith("rung") for stage, _ in evaluated(desk, job_id))


def raced_of(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The winners without the versions of their losses, which count up."""
    return [
        {name: value for name, value in winner.items() if name != "version"}
        for winner in result["winners"]
    ]
