"""kill -9 of a real controller process in the middle of a generation, and a restart."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from search_service.comparisons.request import ComparisonRequest
from search_service.jobs import ledger
from search_service.jobs import lifecycle as jobs
from search_service.presets import QUICK_NETWORK
from search_service.retrainings.request import RetrainingRequest
from search_service.samplers.registry import SAMPLERS
from search_service.searches.admission import trials as trials_of
from search_service.searches.request import SearchRequest
from search_service.settings import Settings
from tests.conftest import CHECKOUT, DEADLINE
from tests.search_service.bowl import curves_of, expected
from tests.search_service.service import Desk, create, result_of, small
from workers.tasks.retraining import CHECKPOINT, METRICS, WEIGHTS

pytestmark = pytest.mark.slow

BOWL = ["tests.search_service.process", "0.15"]


class Process:
    """A controller process; kill it with the signal of your choice."""

    def __init__(
        self, settings: Settings, module: list[str], log: Path, **environment: str
    ) -> None:
        variables = {
            "LOSSFIT_HOME": str(settings.home),
            "LOSSFIT_DATABASE_URL": settings.database_url,
        }
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *module],
                cwd=CHECKOUT,
                env=os.environ | variables | environment,
                stdout=output,
                stderr=output,
            )

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end and return the exit status."""
        return self._process.wait(DEADLINE)

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit status."""
        self.send(number)
        return self.wait()

    def kill(self) -> None:
        if self._process.poll() is None:
            self.end(signal.SIGKILL)


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine)


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Start a controller process; all are killed when the test ends, their log is shown if it failed."""
    log = tmp_path / "controller.log"
    with ExitStack() as exits:

        def run(module: list[str], **environment: str) -> Process:
            process = Process(settings, module, log, **environment)
            exits.callback(process.kill)
            return process

        yield run
    print(log.read_text())  # noqa: T201


def test_killed_twice_a_search_ends_as_an_uninterrupted_one(
    desk: Desk, start: Callable[..., Process]
) -> None:
    request = small(seed=11, sampler={"name": "ppo2", "steps": 4, "samples": 6})
    job_id = desk.submit(request)
    trials, points = expected(request)
    for number in (3, 15):  # in the middle of the first and of the third generation
        controller = start(BOWL)
        desk.wait_for_trials(job_id, number)
        assert controller.end(signal.SIGKILL) == -signal.SIGKILL
        assert desk.job(job_id).state == "running"
        assert len(desk.trials(job_id)) % 6 > 0
        before = _moments(desk, job_id)
    start(BOWL)
    job = desk.wait_for(job_id)
    assert (job.state, job.error) == ("succeeded", None)
    assert desk.trials(job_id) == trials
    assert desk.published(job_id)["control_points"] == points
    assert before.items() <= _moments(desk, job_id).items()  # what was recorded was not done again
    assert desk.states(job_id) == ["queued", "running", "succeeded"]


SAMPLED = [
    {"name": "random", "trials": 20, "batch": 4},
    {"name": "tpe", "trials": 20, "batch": 4, "startup": 4},
    {"name": "cma-es", "trials": 20, "batch": 4},
    {"name": "gp", "trials": 12, "batch": 4, "startup": 4},  # a second and more a generation
    {"name": "ppo2", "steps": 5, "samples": 4},
    {"name": "nsga-ii", "trials": 20, "population": 4},
]
TARGETS = {"nsga-ii": "macc+gacc"}


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_killed_with_every_sampler_at_work_all_end_as_uninterrupted_ones(
    desk: Desk, start: Callable[..., Process]
) -> None:
    assert {sampler["name"] for sampler in SAMPLED} == set(SAMPLERS)
    requests = [
        small(seed=3, sampler=sampler, metric=TARGETS.get(str(sampler["name"]), "macc"))
        for sampler in SAMPLED
    ]
    ids = [desk.submit(request) for request in requests]
    # So slow that none is over before the last one has loaded its libraries.
    slow = ["tests.search_service.process", "2"]
    controller = start(slow, LOSSFIT_CONCURRENT_JOBS=str(len(SAMPLED)))
    for job_id in ids:
        desk.wait_for_trials(job_id, 5)  # in the middle of the second generation, or later
    controller.end(signal.SIGKILL)
    before = [_moments(desk, job_id) for job_id in ids]
    assert [desk.job(job_id).state for job_id in ids] == ["running"] * len(ids)
    start(BOWL, LOSSFIT_CONCURRENT_JOBS=str(len(SAMPLED)))
    for job_id, request, recorded in zip(ids, requests, before, strict=True):
        job = desk.wait_for(job_id)
        assert (job.state, job.error) == ("succeeded", None)
        trials, points = expected(request)
        assert desk.trials(job_id) == trials
        assert curves_of(desk.published(job_id)) == points
        assert recorded.items() <= _moments(desk, job_id).items()


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_what_was_asked_while_no_controller_ran_is_done(
    desk: Desk, start: Callable[..., Process]
) -> None:
    cancelled, paused = desk.submit(small(seed=1)), desk.submit(small(seed=2))
    controller = start(BOWL)
    for job_id in (cancelled, paused):
        desk.wait_for_trials(job_id, 1)
    controller.end(signal.SIGKILL)
    desk.act(jobs.cancel, cancelled)
    desk.act(jobs.pause, paused)
    third = desk.submit(small(seed=3))
    controller = start(BOWL)
    assert desk.wait_for(cancelled).state == "cancelled"
    assert desk.wait_for(paused, "paused").state == "paused"
    assert desk.wait_for(third).state == "succeeded"
    assert controller.end(signal.SIGTERM) == 0


BRIEF = {"iterations": 10, "batch_size": 4, "crop": [32, 32]}
TINY = {
    "metric": "macc",
    "dataset": "shapes",
    "preset": "quick",
    "sampler": {"name": "ppo2", "steps": 2, "samples": 4, "updates": 10},
    "training": {"iterations": 15},
    "seed": 5,
}


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_killed_search_on_real_workers_ends_as_an_uninterrupted_one(
    desk: Desk, start: Callable[..., Process]
) -> None:
    request = SearchRequest.model_validate(TINY)
    killed = desk.submit(request)
    controller = start(["search_service.process"], LOSSFIT_ACTORS="2", LOSSFIT_CONCURRENT_JOBS="1")
    desk.wait_for_trials(killed, 2)
    controller.end(signal.SIGKILL)
    assert 2 <= len(desk.trials(killed)) < 8
    before = _moments(desk, killed)
    start(["search_service.process"], LOSSFIT_ACTORS="2", LOSSFIT_CONCURRENT_JOBS="1")
    straight = desk.submit(request)
    assert [desk.wait_for(job_id).state for job_id in (killed, straight)] == ["succeeded"] * 2
    assert desk.trials(killed) == desk.trials(straight)
    assert len({score for _, _, score in desk.trials(killed)}) > 4  # trainings that differ
    assert desk.published(killed)["control_points"] == desk.published(straight)["control_points"]
    assert before.items() <= _moments(desk, killed).items()


MARGINS = {
    "metric": "sbd",
    "dataset": "shapes",
    "preset": "quick",
    "space": {"name": "margins", "widths": [4]},
    "sampler": {"name": "random", "trials": 3, "batch": 1},
    "training": {"iterations": 10},
    "seed": 5,
}


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_killed_search_of_margins_on_real_workers_ends_as_an_uninterrupted_one(
    desk: Desk, start: Callable[..., Process]
) -> None:
    request = SearchRequest.model_validate(MARGINS)
    killed = desk.submit(request)
    controller = start(["search_service.process"], LOSSFIT_ACTORS="1")
    desk.wait_for_trials(killed, 1)
    controller.end(signal.SIGKILL)
    assert 1 <= len(desk.trials(killed)) < 3
    before = _moments(desk, killed)
    start(["search_service.process"], LOSSFIT_ACTORS="1")
    straight = desk.submit(request)
    assert [desk.wait_for(job_id).state for job_id in (killed, straight)] == ["succeeded"] * 2
    assert desk.trials(killed) == desk.trials(straight)
    assert len({score for _, _, score in desk.trials(killed)}) > 1  # trainings that differ
    documents = [desk.published(job_id) for job_id in (killed, straight)]
    assert documents[0]["terms"] == documents[1]["terms"]
    chosen = [document["provenance"]["chosen"] for document in documents]
    assert chosen[0] == chosen[1]
    assert {"embedding", "clustering"} <= chosen[0].keys()
    assert before.items() <= _moments(desk, killed).items()


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_killed_while_it_trains_an_edge_network_a_retraining_ends_as_an_uninterrupted_one(
    desk: Desk, start: Callable[..., Process]
) -> None:
    edges = {"kind": "edge_network", "iterations": 200}
    body = {"loss": "semeda", "dataset": "shapes", "network": QUICK_NETWORK, "training": BRIEF}
    request = RetrainingRequest.model_validate(body | {"loss_network_specs": [edges]})
    with desk.writing.begin() as session:
        killed = create(session, request).id
    controller = start(["search_service.process"], LOSSFIT_ACTORS="1")
    desk.wait(lambda: _told(desk, killed, "progress") != [], "progress")
    controller.end(signal.SIGKILL)
    (last,) = _told(desk, killed, "loss-network")
    assert last["status"] == "training"
    start(["search_service.process"], LOSSFIT_ACTORS="1")
    with desk.writing.begin() as session:
        straight = create(session, request).id
    ends = [desk.wait_for(job_id) for job_id in (killed, straight)]
    assert [(job.state, job.error) for job in ends] == [("succeeded", None)] * 2
    first, second = (result_of(job) for job in ends)
    assert first["loss_networks"] == second["loss_networks"] != []
    assert first["metrics"] == second["metrics"]
    statuses = [body["status"] for body in _told(desk, killed, "loss-network")]
    assert statuses == ["training", "training", "trained"]


OF_OBJECTS: dict[str, Any] = {
    "loss": "cross-entropy-discriminative",
    "dataset": "shapes",
    "network": QUICK_NETWORK.model_dump() | {"embedding": 4},
    "training": {"iterations": 150, "batch_size": 4, "crop": [32, 32]},
    "checkpoint_every": 15,
    "scoring": {"tolerance": 2, "clustering": {"method": "mean-shift"}},
    "clusterings": {"watershed": {"method": "watershed", "radius": 4}},
    "tune_clustering": {"factors": [1, 2], "min_pixels": [1, 20]},
    "oracles": ["oracle-semantic", "oracle-centres"],
}


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_killed_as_it_trains_and_as_it_tunes_a_retraining_of_objects_ends_as_an_uninterrupted_one(
    desk: Desk, start: Callable[..., Process], settings: Settings
) -> None:
    request = RetrainingRequest.model_validate(OF_OBJECTS)
    killed = desk.submit(request)
    checkpoint = settings.home / "jobs" / killed / CHECKPOINT
    last = request.training.iterations

    def is_trained() -> bool:  # what follows the last step: ways are tuned and scored
        return any(body["done"] == last for body in _told(desk, killed, "progress"))

    controller = start(["search_service.process"], LOSSFIT_ACTORS="1")
    desk.wait(checkpoint.exists, "checkpoint")
    controller.end(signal.SIGKILL)
    assert desk.job(killed).state == "running"
    controller = start(["search_service.process"], LOSSFIT_ACTORS="1")
    desk.wait(is_trained, "end")
    controller.end(signal.SIGKILL)
    assert desk.job(killed).state == "running"
    start(["search_service.process"], LOSSFIT_ACTORS="1")
    straight = desk.submit(request)
    ends = [desk.wait_for(job_id) for job_id in (killed, straight)]
    assert [(job.state, job.error) for job in ends] == [("succeeded", None)] * 2
    assert len({body["done"] for body in _told(desk, killed, "progress")}) > 1
    first, second = (result_of(job) for job in ends)
    assert first["objects"] == second["objects"]
    assert first["metrics"] == second["metrics"]
    assert {"sbd", "dic", "miou"} <= first["metrics"].keys()
    assert [*first["objects"]["scores"]] == ["mean-shift", "watershed"]
    with desk.reading() as session:
        kept = [
            {file.name: file.sha256 for file in jobs.artifacts(session, job_id)}
            for job_id in (killed, straight)
        ]
    for name in (WEIGHTS, METRICS, "objects.png"):
        assert kept[0][name] == kept[1][name]


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_killed_twice_a_comparison_ends_as_an_uninterrupted_one(
    desk: Desk, start: Callable[..., Process]
) -> None:
    body = {"losses": ["cross-entropy", "dice"], "networks": [QUICK_NETWORK]}
    more = {"dataset": "shapes", "training": BRIEF, "learning_rates": [0.05, 0.2], "seeds": 2}
    # Of two rates the best lies at an edge: every loss tries one more.
    trainings = 2 * (2 + 1) + 2 * 2
    request = ComparisonRequest.model_validate(body | more | {"rate_extensions": 1})
    before: dict[tuple[str, int], object] = {}
    with desk.writing.begin() as session:
        killed, straight = (create(session, request).id for _ in range(2))
    for count in (5, 8):  # when a grid grows, and among the cells
        controller = start(["search_service.process"], LOSSFIT_CONCURRENT_JOBS="1")
        desk.wait(lambda: len(_evaluated(desk, killed)) >= count, f"training {count}")  # noqa: B023
        controller.end(signal.SIGKILL)
        moments = {key: moment for key, (moment, _) in _evaluated(desk, killed).items()}
        assert before.items() <= moments.items()
        before = moments
    assert len(before) < trainings
    start(["search_service.process"], LOSSFIT_CONCURRENT_JOBS="1")
    assert [desk.wait_for(job_id).state for job_id in (killed, straight)] == ["succeeded"] * 2
    first, second = (_evaluated(desk, job_id) for job_id in (killed, straight))
    assert len(first) == trainings
    assert {key: metrics for key, (_, metrics) in first.items()} == {
        key: metrics for key, (_, metrics) in second.items()
    }
    assert before.items() <= {key: moment for key, (moment, _) in first.items()}.items()


def _evaluated(desk: Desk, job_id: str) -> dict[tuple[str, int], tuple[object, object]]:
    """When each training of a comparison was recorded, and its scores."""
    with desk.reading() as session:
        rows = ledger.all_evaluations(session, job_id)
    return {(row.stage, row.number): (row.finished_at, row.outcome["metrics"]) for row in rows}


def _told(desk: Desk, job_id: str, kind: str) -> list[dict[str, Any]]:
    with desk.reading() as session:
        return [e.body for e in jobs.events_after(session, job_id) if e.kind == kind]


def _moments(desk: Desk, job_id: str) -> dict[int, object]:
    """When each trial was recorded."""
    with desk.reading() as session:
        return {trial.number: trial.finished_at for trial in trials_of(session, job_id)}
