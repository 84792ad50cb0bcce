"""Searches that save trainings: what they record, and that kill -9 changes nothing of it."""

import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from search_service.catalogue import datasets
from search_service.catalogue.request import DatasetRequest
from search_service.jobs import lifecycle as jobs
from search_service.samplers.contract import Proposal, Score
from search_service.samplers.registry import SAMPLERS
from search_service.searches.admission import trials as trials_of
from search_service.searches.request import SearchRequest
from search_service.settings import Settings
from search_service.store.tables import Evaluation, Trial
from surrogate_zoo.losses.parameter_space import ParameterSpace
from tests.search_service.bowl import alone, bowl
from tests.search_service.searches.slopes import SICK, SlopePool, grown
from tests.search_service.service import Desk, result_of, small, working
from tests.search_service.test_killed import Process, start  # noqa: F401 - a fixture
from tests.workers.tiny import NETWORK, SOURCE, training
from workers.tasks.proxy import state_path

pytestmark = [
    pytest.mark.parametrize("settings", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("brief_reports"),
]

Told = dict[int, tuple[str, int, float | None]]
SAVING: dict[str, Any] = {"rejection": {}, "halving": {}, "training": {"iterations": 40}}
RACE = {"heats": 0, "rounds": 2}
SAMPLER = {"name": "ppo2", "steps": 3, "samples": 7, "baseline": "mu"}


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine)


def saving(**fields: Any) -> SearchRequest:
    return small(**({"sampler": SAMPLER, "seed": 2} | SAVING | fields))


def foretold(request: SearchRequest) -> Told:
    """Ending, iterations and score of every trial: the rule for halving, written out for two rungs."""
    space = ParameterSpace(request.metric, request.family, request.segments)
    told: Told = {}

    def evaluate(batch: Sequence[Proposal]) -> list[Score | None]:
        theta = {p.number: space.theta(space.control_points(p.theta)).tolist() for p in batch}
        mean = next(p.number for p in batch if p.is_mean)

        def after(iterations: int, numbers: Sequence[int]) -> dict[int, float]:
            return {n: grown(bowl(theta[n]), iterations, 40, request.seed) for n in numbers}

        well = [n for n in theta if n % SICK != SICK - 1]
        first = after(10, well)
        on = sorted(well, key=lambda n: (-first[n], n))[: -(-len(well) // 2)]
        second = after(20, [*on, *({mean} & set(well) - set(on))])
        up = sorted(second, key=lambda n: (-second[n], n))[: -(-len(second) // 2)]
        last = after(40, [*up, *({mean} & set(well) - set(up))])
        shift = min(last[n] for n in up) - min(second[n] for n in up)
        middle = {n: score + shift for n, score in second.items() if n not in last}
        whole = last | middle
        lower = min(whole[n] for n in on) - min(first[n] for n in on)
        rest = {n: score + lower for n, score in first.items() if n not in second}
        for n in theta:
            told[n] = ("rejected", 0, None)
        told.update({n: ("trained", 40, score) for n, score in last.items()})
        told.update({n: ("stopped", 20, score) for n, score in middle.items()})
        told.update({n: ("stopped", 10, score) for n, score in rest.items()})
        return alone(told[p.number][2] for p in batch)

    SAMPLERS["ppo2"](space, request.sampler, evaluate, request.seed)
    return told


def recorded(desk: Desk, job_id: str) -> Told:
    with desk.reading() as session:
        trials = trials_of(session, job_id, limit=10_000)
        return {trial.number: (trial.ending, trial.iterations, trial.score) for trial in trials}


def close(told: Told) -> dict[int, Any]:
    return {n: (how, steps, pytest.approx(score)) for n, (how, steps, score) in told.items()}


def evaluated(desk: Desk, job_id: str) -> dict[tuple[str, int], Any]:
    with desk.reading() as session:
        rows = session.scalars(select(Evaluation).where(Evaluation.job_id == job_id))
        return {(row.stage, row.number): row.finished_at for row in rows}


def test_the_worst_are_stopped_and_the_hopeless_rejected(desk: Desk, settings: Settings) -> None:
    request = saving(race=RACE)
    pool = SlopePool()
    with working(settings, pool):
        job = desk.wait_for(desk.submit(request))
    assert (job.state, job.error) == ("succeeded", None)
    told = foretold(request)
    assert recorded(desk, job.id) == close(told)
    result = result_of(job)
    endings = [how for how, *_ in told.values()]
    assert (result["failed"], result["rejected"]) == (0, 4)
    assert result["stopped"] == endings.count("stopped") > endings.count("trained")
    with desk.reading() as session:
        for trial in trials_of(session, job.id):
            _check_trial(trial)
        events = [e for e in jobs.events_after(session, job.id) if e.kind == "evaluation"]
    assert len(events) == len(evaluated(desk, job.id))
    _check_race(desk, job.id)


def _check_trial(trial: Trial) -> None:
    if trial.ending == "rejected":
        assert (trial.score, trial.error, trial.metrics) == (None, "hopeless", {})
    else:
        assert trial.error is None
        assert trial.score == trial.metrics["macc"]  # of a stopped one what its sampler is told


def _check_race(desk: Desk, job_id: str) -> None:
    (winner,) = result_of(desk.job(job_id))["winners"]
    race = winner["race"]
    assert race == desk.published(job_id)["provenance"]["chosen"]["race"]
    assert (race["verdict"], race["rounds"]) == ("better", 2)
    best = max(
        score for how, _, score in recorded(desk, job_id).values() if how == "trained" and score
    )
    for entrant in race["entrants"]:
        first, second = entrant["scores"]  # a seed adds 0.001: the search's own is 2
        assert second - first == pytest.approx(0.001)
        assert first <= best + 0.001 + 1e-9
        assert entrant["winner"] == (first == pytest.approx(best + 0.001))


@pytest.mark.slow
def test_killed_on_a_rung_and_in_the_race_it_ends_the_same(
    desk: Desk,
    start: Callable[..., Process],  # noqa: F811
) -> None:
    request = saving(race=RACE)
    job_id = desk.submit(request)
    before: dict[tuple[str, int], Any] = {}

    def begun(stage: str, count: int) -> bool:
        return sum(recorded == stage for recorded, _ in evaluated(desk, job_id)) >= count

    for stage, count in (("rung 10", 2), ("rung 20", 2), ("round 1", 1)):
        controller = start(["tests.search_service.searches.slopes", "0.1"])
        desk.wait(lambda: begun(stage, count), stage)  # noqa: B023 - waits within the loop
        assert controller.end(signal.SIGKILL) == -signal.SIGKILL
        assert desk.job(job_id).state == "running"
        assert before.items() <= evaluated(desk, job_id).items()
        before = evaluated(desk, job_id)
    start(["tests.search_service.searches.slopes", "0.1"])
    job = desk.wait_for(job_id)
    assert (job.state, job.error) == ("succeeded", None)
    assert recorded(desk, job_id) == close(foretold(request))
    assert before.items() <= evaluated(desk, job_id).items()  # nothing was done again
    _check_race(desk, job_id)


REAL: dict[str, Any] = {
    "metric": "macc",
    "dataset": "tiny",
    "proxy_size": None,
    "network": NETWORK.model_dump(),
    "training": training(iterations=8).model_dump(),
    "sampler": {"name": "ppo2", "steps": 2, "samples": 4, "updates": 5},
    "rejection": {"share": 0.9},
    "halving": {"rungs": [0.25]},
    "warm_up": 3,
    "race": {"heats": 0, "rounds": 2, "finalists": 1},
    "seed": 4,
}


@pytest.fixture
def killed_and_straight(
    desk: Desk,
    settings: Settings,
    start: Callable[..., Process],  # noqa: F811
) -> tuple[str, str]:
    with desk.writing.begin() as session:
        datasets.register(session, settings, DatasetRequest(name="tiny", source=SOURCE))
    request = SearchRequest.model_validate(REAL)
    killed = desk.submit(request)
    controller = start(["search_service.process"], LOSSFIT_ACTORS="1")
    desk.wait(lambda: evaluated(desk, killed) != {}, "an evaluation")
    controller.end(signal.SIGKILL)
    start(["search_service.process"], LOSSFIT_ACTORS="2", LOSSFIT_CONCURRENT_JOBS="1")
    return killed, desk.submit(request)


@pytest.mark.slow
def test_on_real_workers_a_killed_one_ends_as_an_uninterrupted_one(
    desk: Desk, settings: Settings, killed_and_straight: tuple[str, str]
) -> None:
    ends = [desk.wait_for(job_id) for job_id in killed_and_straight]
    assert [(job.state, job.error) for job in ends] == [("succeeded", None)] * 2
    killed, straight = killed_and_straight
    assert recorded(desk, killed) == recorded(desk, straight)
    assert {how for how, *_ in recorded(desk, killed).values()} >= {"trained", "stopped"}
    first, second = (result_of(job) for job in ends)
    assert first["winners"][0]["race"]["entrants"] == second["winners"][0]["race"]["entrants"]
    assert first["best"] == second["best"]
    folder = settings.home / "jobs" / straight
    assert not list(folder.glob("generation-*"))
    assert not folder.exists() or state_path(Path(folder) / "warm-up-4", 0).exists()
