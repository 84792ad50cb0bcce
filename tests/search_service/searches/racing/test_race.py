"""A search of the zoo and the race at its end, on a pool whose winners can be foretold; killed too."""

import signal
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, select

from search_service.searches.admission import trials as trials_of
from search_service.searches.racing import verdicts
from search_service.searches.request import SearchRequest
from search_service.settings import Settings
from search_service.store.tables import Evaluation, Job, Trial
from surrogate_zoo.store import zoo
from tests.search_service.bowl import BowlPool
from tests.search_service.searches.kinds import BEST_RATE, HOLD_OUT, KindPool
from tests.search_service.service import Desk, result_of, small, working
from tests.search_service.test_killed import Process, start  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("brief_reports")

ON_SQLITE = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)

ZOO: dict[str, Any] = {
    "metric": None,
    "metrics": ["miou", "macc"],
    "sampler": {"name": "portfolio", "trials": 8, "batch": 8, "startup": 2},
    "space": {"name": "zoo", "losses": ["dice", "lovasz"]},
    "training": {"iterations": 40},
    "halving": {},
    "race": {"starters": 3, "heats": 1, "rounds": 3},
    "seed": 2,
}


def asked(**fields: Any) -> SearchRequest:
    body = {name: value for name, value in (ZOO | fields).items() if value is not None}
    plain = {
        name: value for name, value in small().model_dump().items() if name in ("dataset", "preset")
    }
    return SearchRequest.model_validate(plain | body)


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine)


def finished(desk: Desk, settings: Settings, request: SearchRequest, pool: BowlPool) -> Job:
    with working(settings, pool):
        job = desk.wait_for(desk.submit(request))
    assert (job.state, job.error) == ("succeeded", None)
    return job


@ON_SQLITE
def test_each_metric_gets_the_loss_that_is_best_for_it(desk: Desk, settings: Settings) -> None:
    job = finished(desk, settings, asked(), KindPool())
    regions, recall = result_of(job)["winners"]
    assert (regions["metric"], recall["metric"]) == ("miou", "macc")
    assert regions["parameters"]["loss"] == "surrogate-miou"
    assert regions["race"]["verdict"] == "better"
    assert recall["parameters"]["loss"] == "lovasz"
    assert regions["rate"] == recall["rate"] == BEST_RATE
    with desk.reading() as session:
        losses = [zoo.get(session, w["loss"], w["version"]) for w in (regions, recall)]
    assert [loss.name for loss in losses] == ["asl-shapes-miou", "asl-shapes-macc"]
    for loss, winner in zip(losses, (regions, recall), strict=True):
        chosen = loss.document["provenance"]["chosen"]
        assert chosen["race"] == winner["race"]
        assert chosen["race"]["sentence"] == verdicts.sentence(winner["metric"], chosen["race"])
        assert chosen["race"]["hold_out"] == HOLD_OUT
    assert losses[0].document["scale"] == 2.0  # as it was measured


@ON_SQLITE
def test_a_race_counts_fresh_seeds_alone(desk: Desk, settings: Settings) -> None:
    request = asked()
    job = finished(desk, settings, request, KindPool())
    stages = {stage for stage, _ in evaluated(desk, job.id) if not stage.startswith("rung")}
    assert (
        {"heat 1", "round 1", "round 2"} <= stages <= {"heat 1", *(f"round {n}" for n in (1, 2, 3))}
    )
    race = result_of(job)["winners"][0]["race"]
    scores = {trial.number: trial.score for trial in trials(desk, job.id)}
    for entrant in race["entrants"]:
        assert len(entrant["scores"]) >= 2
        assert scores[entrant["number"]] not in entrant["scores"]
    assert sum(entrant["winner"] for entrant in race["entrants"]) == 1
    assert race["cost"]["heats"]["trainings"] > 0


@ON_SQLITE
def test_a_handmade_loss_that_wins_is_told_to_have_won(desk: Desk, settings: Settings) -> None:
    job = finished(desk, settings, asked(metrics=["macc"]), KindPool())
    (winner,) = result_of(job)["winners"]
    told = {entrant["number"]: entrant for entrant in winner["race"]["entrants"]}
    assert winner["parameters"]["loss"] == "lovasz"
    if "handmade" in told[winner["trial"]]["roles"]:
        assert winner["race"]["verdict"] == "handmade"
        assert winner["race"]["sentence"].startswith("No loss was found that is better")


@ON_SQLITE
def test_a_search_of_curves_races_against_cross_entropy(desk: Desk, settings: Settings) -> None:
    job = finished(desk, settings, small(race={"heats": 0, "rounds": 2}), BowlPool())
    result = result_of(job)
    (winner,) = result["winners"]
    assert winner["race"]["verdict"] == "better"
    assert winner["parameters"] == dict(
        zip(result["best"]["parameters"], winner["theta"], strict=True)
    )
    roles = {role for entrant in winner["race"]["entrants"] for role in entrant["roles"]}
    assert {"candidate", "cross-entropy"} <= roles


@pytest.mark.slow
def test_killed_at_every_stage_it_ends_as_an_uninterrupted_one(
    desk: Desk,
    settings: Settings,
    start: Callable[..., Process],  # noqa: F811
) -> None:
    request = asked()
    job_id = desk.submit(request)
    before: dict[tuple[str, int], Any] = {}

    def begun(stage: str, count: int) -> bool:
        if stage == "portfolio":
            return len(desk.trials(job_id)) >= count
        return sum(recorded == stage for recorded, _ in evaluated(desk, job_id)) >= count

    stops = (("rung 10", 3), ("rung 20", 2), ("portfolio", 2), ("heat 1", 2), ("round 2", 1))
    for stage, count in stops:
        controller = start(["tests.search_service.searches.kinds", "0.1"])
        desk.wait(lambda: begun(stage, count), stage)  # noqa: B023 - waits within the loop
        assert controller.end(signal.SIGKILL) == -signal.SIGKILL
        assert desk.job(job_id).state == "running"
        assert before.items() <= evaluated(desk, job_id).items()
        before = evaluated(desk, job_id)
    start(["tests.search_service.searches.kinds", "0.1"])
    killed = desk.wait_for(job_id)
    assert (killed.state, killed.error) == ("succeeded", None)
    assert before.items() <= evaluated(desk, job_id).items()  # nothing was done again
    straight = desk.wait_for(desk.submit(request))
    first, second = (comparable(result_of(job)) for job in (killed, straight))
    assert first == second
    ends = [[told(trial) for trial in trials(desk, job.id)] for job in (killed, straight)]
    assert ends[0] == ends[1]


def comparable(result: dict[str, Any]) -> dict[str, Any]:
    """A result without the versions of its losses, which count up."""
    winners = [
        {name: value for name, value in winner.items() if name != "version"}
        for winner in result["winners"]
    ]
    return result | {"version": None, "winners": winners}


def told(trial: Trial) -> tuple[Any, ...]:
    return (trial.number, trial.theta, trial.ending, trial.iterations, trial.metrics, trial.scales)


def trials(desk: Desk, job_id: str) -> list[Trial]:
    with desk.reading() as session:
        return trials_of(session, job_id, limit=10_000)


def evaluated(desk: Desk, job_id: str) -> dict[tuple[str, int], Any]:
    with desk.reading() as session:
        rows = session.scalars(select(Evaluation).where(Evaluation.job_id == job_id))
        return {(row.stage, row.number): row.finished_at for row in rows}
