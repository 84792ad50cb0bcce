"""Registrations: beside what trains, with progress, stopped and begun anew."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from search_service.catalogue import datasets
from search_service.jobs import lifecycle
from search_service.kinds import KINDS
from search_service.registrations.request import RegistrationRequest
from search_service.settings import Settings
from search_service.store.tables import Dataset
from tests.conftest import DEADLINE
from tests.search_service.bowl import BowlPool
from tests.search_service.service import Desk, small, working
from tests.workers.datasets import folders
from workers.datasets.reports import report
from workers.tasks.datasets import DatasetSource

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


def create(session: Session, settings: Settings, source: DatasetSource) -> str:
    request = RegistrationRequest(name="mine", source=source)
    return lifecycle.create(session, settings, KINDS["registration"], request).id


def test_a_registration_waits_for_no_place_and_tells_how_far_it_is(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    allowing = settings.model_copy(update={"dataset_roots": (tmp_path,), "concurrent_jobs": 1})
    desk, pool = Desk(engine), BowlPool(closed=True)
    with desk.writing.begin() as session:
        job_id = create(session, allowing, folders.folder(tmp_path / "data", 12))
    with working(allowing, pool):
        desk.submit(small())
        assert pool.entered.acquire(timeout=DEADLINE)
        job = desk.wait_for(job_id)
        with desk.reading() as session:
            events = lifecycle.events_after(session, job_id)
            assert session.get_one(Dataset, "mine").report["images"] == job.result["images"]  # type: ignore[index]
    assert job.state == "succeeded"
    told = [event.body["done"] for event in events if event.kind == "progress"]
    assert told == list(range(1, 13))
    assert (job.spent_seconds, job.trainings) == (0.0, 0.0)


def test_a_cancelled_registration_stops_reading(
    engine: Engine, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    examine = report.examine

    def slowly(
        source: DatasetSource, _: object, on_progress: report.Progress
    ) -> report.Examination:
        def told(done: int, total: int) -> None:
            begun.set()
            assert go_on.wait(DEADLINE)
            on_progress(done, total)

        return examine(source, told)

    monkeypatch.setattr(datasets, "examine_bounded", slowly)
    allowing = settings.model_copy(update={"dataset_roots": (tmp_path,)})
    desk = Desk(engine)
    with desk.writing.begin() as session:
        job_id = create(session, allowing, folders.folder(tmp_path / "data"))
    with working(allowing, BowlPool()):
        assert begun.wait(DEADLINE)
        with desk.writing.begin() as session:
            lifecycle.cancel(session, "registration", job_id)
        go_on.set()
        assert desk.wait_for(job_id).state == "cancelled"
    with desk.reading() as session:
        assert session.get(Dataset, "mine") is None
