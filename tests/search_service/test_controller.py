"""The controller: searches to their end, stopped and gone on with, in order, and failing."""

import csv
import json
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from search_service.controller import Controller
from search_service.jobs import lifecycle as jobs
from search_service.jobs import run as runs
from search_service.searches.admission import trials as trials_of
from search_service.settings import Settings
from search_service.store.artifacts import open_artifact
from search_service.store.tables import Event
from surrogate_zoo.errors import ConflictError, InputError
from surrogate_zoo.losses.document import check_document
from surrogate_zoo.store.tables import now
from tests.conftest import DEADLINE
from tests.search_service.bowl import BowlPool, expected
from tests.search_service.service import Desk, small, working
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

BRIEF = pytest.mark.usefixtures("brief_reports")

# What does not depend on the database is tested on one.
on_sqlite = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine)


def test_a_search_runs_to_its_end_and_publishes_what_it_found(
    desk: Desk, settings: Settings
) -> None:
    request = small(seed=3)
    with working(settings, BowlPool()):
        job_id = desk.submit(request)
        job = desk.wait_for(job_id)
    trials, points = expected(request)
    assert (job.state, job.error) == ("succeeded", None)
    assert desk.trials(job_id) == trials
    assert desk.states(job_id) == ["queued", "running", "succeeded"]
    document = check_document(desk.published(job_id))
    assert document["control_points"] == points
    assert document["name"] == "asl-macc-shapes"
    assert job.result is not None
    assert job.result["best"]["theta"] == job.result["winners"][0]["theta"]
    assert (job.result["trials"], job.result["failed"]) == (12, 0)
    _check_provenance(document["provenance"], trials)
    _check_files(desk, settings, job_id, document)


def _check_provenance(provenance: dict[str, Any], trials: list[Any]) -> None:
    assert [(t["number"], t["theta"], t["score"]) for t in provenance["trials"]] == trials
    assert provenance["seed"] == 3
    assert len(provenance["dataset"]["fingerprint"]) == 64
    assert {"torch", "lossfit", "stable-baselines3", "optuna", "cmaes"} <= set(
        provenance["versions"]
    )
    assert provenance["licence"]
    assert provenance["network"]["encoder"] == "tu-resnet18"


def _check_files(desk: Desk, settings: Settings, job_id: str, document: dict[str, Any]) -> None:
    with desk.reading() as session:
        files = {
            a.name: open_artifact(settings.artifacts_root, a.sha256)
            for a in jobs.artifacts(session, job_id)
        }
    pictures = {"scores.png", "curves.png", "path.png", "surface.png"}
    drawn = {name.replace(".png", ".svg") for name in pictures}
    assert set(files) == {"loss.json", "study.db", "trials.csv", "report.html"} | pictures | drawn
    assert json.loads(files["loss.json"].read_text()) == document
    assert all(files[name].read_bytes().startswith(b"\x89PNG") for name in pictures)
    with files["trials.csv"].open() as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["number"]), float(row["score"])) for row in rows] == [
        (number, score) for number, _, score in desk.trials(job_id)
    ]


@BRIEF
def test_searches_at_once_end_as_each_alone(desk: Desk, settings: Settings) -> None:
    requests = [
        *(small(seed=seed, metric=metric) for seed, metric in [(1, "macc"), (2, "bf1")]),
        small(name="free", family="bezier-unconstrained"),
    ]
    with working(settings.model_copy(update={"concurrent_jobs": 2}), BowlPool(0.01)):
        ids = [desk.submit(request) for request in requests]
        for job_id, request in zip(ids, requests, strict=True):
            assert desk.wait_for(job_id).state == "succeeded"
            trials, points = expected(request)
            assert desk.trials(job_id) == trials
            assert desk.published(job_id)["control_points"] == points


@on_sqlite
def test_cancelling_stops_within_seconds_and_publishes_nothing(
    desk: Desk, settings: Settings
) -> None:
    pool = BowlPool(closed=True)
    with working(settings, pool):
        job_id = desk.submit(small())
        assert pool.entered.acquire(timeout=DEADLINE)
        began = time.monotonic()
        assert desk.act(jobs.cancel, job_id).state == "cancelling"
        job = desk.wait_for(job_id)
        assert time.monotonic() - began < 3
    assert (job.state, job.result) == ("cancelled", None)
    assert job.finished_at is not None
    assert desk.states(job_id) == ["queued", "running", "cancelling", "cancelled"]


@BRIEF
def test_a_paused_search_goes_on_to_the_same_end(desk: Desk, settings: Settings) -> None:
    request = small(seed=4)
    pool = BowlPool(0.05)
    with working(settings, pool):
        job_id = desk.submit(request)
        desk.wait_for_trials(job_id, 5)
        desk.act(jobs.pause, job_id)
        desk.wait_for(job_id, "paused")
        kept = desk.trials(job_id)
        assert 5 <= len(kept) < 12
        desk.act(jobs.resume, job_id)
        assert desk.wait_for(job_id).state == "succeeded"
    trials, points = expected(request)
    assert desk.trials(job_id) == trials
    assert desk.published(job_id)["control_points"] == points
    assert sorted(number for _, number in pool.evaluated) == list(range(12))  # none evaluated twice


@BRIEF
@on_sqlite
@pytest.mark.slow  # 15 s
def test_a_higher_priority_starts_first_and_equals_in_their_order(
    desk: Desk, settings: Settings
) -> None:
    pool = BowlPool(closed=True)
    with working(settings.model_copy(update={"concurrent_jobs": 1}), pool):
        first = desk.submit(small(metric="macc"))
        assert pool.entered.acquire(timeout=DEADLINE)
        waiting = [
            desk.submit(small(metric=metric, priority=priority))
            for metric, priority in [("miou", -5), ("fwiou", 0), ("gacc", 0), ("bf1", 7)]
        ]
        pool.gate.set()
        for job_id in [first, *waiting]:
            assert desk.wait_for(job_id).state == "succeeded"
    order = list(dict.fromkeys(metric for metric, _ in pool.evaluated))
    assert order == ["macc", "bf1", "fwiou", "gacc", "miou"]


@BRIEF
@on_sqlite
def test_a_job_cancelled_while_it_waits_never_starts(desk: Desk, settings: Settings) -> None:
    pool = BowlPool(closed=True)
    with working(settings.model_copy(update={"concurrent_jobs": 1}), pool):
        first = desk.submit(small(metric="macc"))
        assert pool.entered.acquire(timeout=DEADLINE)
        second = desk.submit(small(metric="miou"))
        assert desk.act(jobs.cancel, second).state == "cancelled"
        pool.gate.set()
        desk.wait_for(first)
        third = desk.submit(small(metric="gacc"))
        desk.wait_for(third)
    assert desk.trials(second) == []
    assert {metric for metric, _ in pool.evaluated} == {"macc", "gacc"}


class BrokenPool(BowlPool):
    """Refuses tasks of one metric, and fails every candidate of another."""

    def evaluate(
        self,
        task: ProxyTask,
        candidates: Sequence[Candidate],
        *,
        on_outcome: Callable[[Outcome], None],
        should_stop: Callable[[], bool],
    ) -> None:
        if task.metric == "miou":
            raise InputError("There is no such encoder;\n take another.")
        if task.metric == "bf1":
            for candidate in candidates:
                on_outcome(Outcome(candidate.number, None, {}, "loss became NaN", 0.1))
            return
        super().evaluate(task, candidates, on_outcome=on_outcome, should_stop=should_stop)


@BRIEF
@on_sqlite
def test_a_failure_is_told_in_one_line_and_harms_no_other_job(
    desk: Desk, settings: Settings
) -> None:
    with working(settings, BrokenPool()):
        refused, barren, well = (
            desk.submit(small(metric=metric)) for metric in ("miou", "bf1", "macc")
        )
        assert desk.wait_for(refused).error == "There is no such encoder; take another."
        assert "Every proxy training failed" in str(desk.wait_for(barren).error)
        assert desk.wait_for(well).state == "succeeded"
    assert desk.job(refused).state == desk.job(barren).state == "failed"
    with desk.reading() as session:
        assert jobs.events_after(session, refused)[-1].body == {
            "error": desk.job(refused).error,
            "failure": "user",
        }
        assert {trial.error for trial in trials_of(session, barren)} == {"loss became NaN"}


@BRIEF
def test_the_next_controller_goes_on_where_one_was_stopped(desk: Desk, settings: Settings) -> None:
    request = small(seed=8)
    first, second = BowlPool(0.05), BowlPool()
    with working(settings, first):
        job_id = desk.submit(request)
        desk.wait_for_trials(job_id, 6)
    assert desk.job(job_id).state == "running"
    with working(settings, second):
        assert desk.wait_for(job_id).state == "succeeded"
    trials, points = expected(request)
    assert desk.trials(job_id) == trials
    assert desk.published(job_id)["control_points"] == points
    assert len(first.evaluated) + len(second.evaluated) == 12
    assert desk.states(job_id) == ["queued", "running", "succeeded"]


@on_sqlite
@pytest.mark.parametrize(
    ("left", "ends"), [("running", "succeeded"), ("pausing", "paused"), ("cancelling", "cancelled")]
)
@BRIEF
def test_no_job_stays_behind_whose_run_was_lost(
    desk: Desk, settings: Settings, left: str, ends: str
) -> None:
    job_id = desk.submit(small())
    with desk.writing.begin() as session:  # taken up, but dbos knows nothing of it
        job = runs.claim(session, job_id, 0)
        assert job is not None
        job.state, job.running_since = left, now() - timedelta(seconds=1000)
        for event in session.scalars(select(Event).where(Event.job_id == job_id)):
            event.at = now() - timedelta(seconds=900)
    with working(settings, BowlPool()):
        assert desk.wait_for(job_id, ends).state == ends
    assert 100 <= desk.job(job_id).running_seconds < 900  # without the time that nobody ran it


@BRIEF
@on_sqlite
@pytest.mark.parametrize("next_one", [False, True])
def test_a_run_that_ends_before_it_takes_its_job_up_is_made_up_for(
    desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch, *, next_one: bool
) -> None:
    run, lost = Controller._run, threading.Event()

    def loses_the_first(self: Controller, job_id: str, attempt: int) -> None:
        if not lost.is_set():
            lost.set()
            return
        run(self, job_id, attempt)

    monkeypatch.setattr(Controller, "_run", loses_the_first)
    job_id = desk.submit(small())
    if next_one:
        with working(settings, BowlPool()):
            assert lost.wait(DEADLINE)
        assert desk.job(job_id).state == "queued"
    with working(settings, BowlPool()):
        assert desk.wait_for(job_id).state == "succeeded"


@BRIEF
@on_sqlite
def test_a_trial_of_another_search_is_not_taken_for_ones_own(
    desk: Desk, settings: Settings
) -> None:
    job_id = desk.submit(small(seed=1))
    with working(settings, BowlPool(0.05)):
        desk.wait_for_trials(job_id, 2)
    with desk.writing.begin() as session:
        trials_of(session, job_id)[0].theta = [0.5] * 6
    with working(settings, BowlPool()):
        assert "another version" in str(desk.wait_for(job_id).error)


@on_sqlite
def test_a_second_controller_is_refused(
    desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search_service.store.lease._PATIENCE_SECONDS", 0.3)
    with working(settings, BowlPool()), pytest.raises(ConflictError, match="Another controller"):
        Controller(settings, BowlPool()).__enter__()
