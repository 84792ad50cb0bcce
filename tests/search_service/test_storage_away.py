"""A store that takes nothing for a while: the job waits, loses nothing, and goes on by itself."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from search_service import controller
from search_service.jobs import lifecycle
from search_service.settings import Settings
from search_service.store.artifacts import open_artifact
from tests.search_service.bowl import BowlPool, expected
from tests.search_service.service import Desk, result_of, small, working


def reasons(desk: Desk, job_id: str) -> list[str]:
    with desk.reading() as session:
        events = lifecycle.events_after(session, job_id)
        return [event.body["reason"] for event in events if "reason" in event.body]


def test_a_search_whose_trials_are_done_waits_for_the_store(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller, "_FIRST_REST_SECONDS", 0.2)
    desk, request = Desk(engine), small(seed=3)
    trials, points = expected(request)
    store = Path(settings.artifacts_root.location)
    store.parent.mkdir(parents=True, exist_ok=True)
    store.write_text("A file is where the folder should be.")
    with working(settings, BowlPool()):
        job_id = desk.submit(request)
        desk.wait(lambda: len(reasons(desk, job_id)) >= 2, "a second try")
        assert desk.trials(job_id) == trials
        assert desk.job(job_id).state in ("queued", "running")
        assert "Cannot store" in reasons(desk, job_id)[0]
        store.unlink()
        job = desk.wait_for(job_id)
    assert (job.state, job.error) == ("succeeded", None)
    assert desk.trials(job_id) == trials
    assert desk.published(job_id)["control_points"] == points
    assert result_of(job)["version"] == 1
    with desk.reading() as session:
        for artifact in lifecycle.artifacts(session, job_id):
            open_artifact(settings.artifacts_root, artifact.sha256)


def test_a_job_that_waits_for_the_store_can_be_cancelled(
    engine: Engine, settings: Settings
) -> None:
    desk = Desk(engine)
    store = Path(settings.artifacts_root.location)
    store.parent.mkdir(parents=True, exist_ok=True)
    store.write_text("A file is where the folder should be.")
    with working(settings, BowlPool()):
        job_id = desk.submit(small(seed=3))
        desk.wait(lambda: bool(reasons(desk, job_id)), "a reason")
        desk.act(lifecycle.cancel, job_id)
        assert desk.wait_for(job_id).state == "cancelled"
