"""Comparisons through the controller on real workers: to the end, cancelled, failing, in threads."""

import csv
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from search_service.catalogue import datasets
from search_service.catalogue.request import DatasetRequest
from search_service.comparisons.admission import cells as cells_of_job
from search_service.comparisons.admission import progress
from search_service.comparisons.comparison import for_each
from search_service.comparisons.request import ComparisonRequest
from search_service.jobs import lifecycle as jobs
from search_service.jobs.run import Interrupted
from search_service.settings import Settings
from search_service.store.artifacts import open_artifact
from surrogate_zoo.errors import InputError
from tests.conftest import DEADLINE
from tests.search_service.service import Desk, create, result_of, working
from tests.workers import tiny
from workers.cluster.pool import WorkerPool
from workers.retraining.retraining import retrain
from workers.tasks.gallery import GalleryResult

TINY: dict[str, Any] = {
    "losses": ["cross-entropy", "0.5*cross-entropy+0.5*asl-miou-voc"],
    "dataset": "tiny",
    "networks": [tiny.NETWORK.model_dump()],
    "training": tiny.training().model_dump(),
    "scoring": tiny.SCORING.model_dump(),
    "learning_rates": [0.01, 0.05],
    "rate_extensions": 1,
    "seeds": 2,
    "seed": 3,
    "images": 2,
    "rankseg": True,
}


@pytest.fixture
def desk(engine: Engine, settings: Settings) -> Desk:
    desk = Desk(engine)
    with desk.writing.begin() as session:
        datasets.register(session, settings, DatasetRequest(name="tiny", source=tiny.SOURCE))
    return desk


@pytest.fixture(scope="module")
def pool(local_ray: None) -> Iterator[WorkerPool]:
    with WorkerPool(actors=2) as pool:
        yield pool


def submit(desk: Desk, **changes: Any) -> str:
    request = ComparisonRequest.model_validate(TINY | changes)
    with desk.writing.begin() as session:
        return create(session, request).id


def files(desk: Desk, settings: Settings, job_id: str) -> dict[str, Path]:
    with desk.reading() as session:
        found = {one.name: one.sha256 for one in jobs.artifacts(session, job_id)}
    return {name: open_artifact(settings.artifacts_root, sha) for name, sha in found.items()}


def cells(desk: Desk, job_id: str) -> dict[int, dict[str, Any]]:
    with desk.reading() as session:
        return {row.number: row.outcome for row in cells_of_job(session, job_id)}


@pytest.mark.slow
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_losses_are_tuned_trained_alike_and_reported(
    desk: Desk, settings: Settings, pool: WorkerPool, tmp_path: Path
) -> None:
    with working(settings, pool):
        job = desk.wait_for(submit(desk))
    assert (job.state, job.error) == ("succeeded", None)
    [network] = result_of(job)["networks"]
    assert {row["loss"] for row in network["losses"]} == set(TINY["losses"])
    rates = {row["loss"]: row["learning_rate"] for row in network["losses"]}
    # Of two rates the best lies at an edge, so every loss tries one beyond it.
    with desk.reading() as session:
        assert progress(session, job) == {"done": 2 * 3 + 4, "total": 2 * 3 + 4}
    outcomes = cells(desk, job.id)
    assert sorted(outcomes) == [0, 1, 2, 3]
    # Each cell is the retraining that anyone would get with the same settings.
    schedule = {"learning_rate": rates["cross-entropy"]}
    task = tiny.retraining_task(training=schedule, seed=4, checkpoint_every=200, rankseg=True)
    alone = retrain(task, tmp_path, device="cpu")
    assert outcomes[2]["metrics"] == pytest.approx(dict(alone.metrics))
    written = files(desk, settings, job.id)
    assert set(written) == {*result_of(job)["files"]}
    table = list(csv.DictReader(io.StringIO(written["comparison.csv"].read_text())))
    assert len(table) == 4
    assert float(table[0]["miou"]) in {outcome["metrics"]["miou"] for outcome in outcomes.values()}
    content = json.loads(written["comparison.json"].read_text())
    [told] = content["networks"]
    assert {len(each["tuning"]) for each in told["losses"]} == {3}
    assert told["standings"]["rankseg.miou"].keys() == set(TINY["losses"])
    assert "**Unet with tu-resnet18**" in written["comparison.md"].read_text()
    page = written["report.html"].read_text()
    assert page.count("errors of ") == 2 * 2
    assert 'src="http' not in page
    gallery = GalleryResult.model_validate_json(written["gallery.json"].read_text())
    assert len(gallery.files) == 2 * (2 + 2 * 2)  # image and truth; labels and errors of each loss
    assert {f"gallery-{name}" for name in gallery.files} <= set(written)
    assert not (settings.home / "jobs" / job.id / "cells" / "2" / "checkpoint.pt").exists()


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
@pytest.mark.slow  # 16 s
def test_a_cancelled_one_reports_what_it_has_finished(
    desk: Desk, settings: Settings, pool: WorkerPool
) -> None:
    # The second seed's trainings take far longer than the test: a schedule is the same for all, so
    # only the number of cells can be large.
    job_id = submit(desk, seeds=100, learning_rates=[])
    with working(settings, pool):
        desk.wait(lambda: len(cells(desk, job_id)) >= 2, "a cell of each loss")
        with desk.writing.begin() as session:
            jobs.cancel(session, "comparison", job_id)
        job = desk.wait_for(job_id)
    assert job.state == "cancelled"
    done = len(cells(desk, job_id))
    assert 2 <= done < 200
    table = files(desk, settings, job_id)["comparison.csv"].read_text().splitlines()
    assert 1 + 2 <= len(table) <= 1 + done


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_trainings_that_diverge_are_told_and_the_others_go_on(
    desk: Desk, settings: Settings, pool: WorkerPool
) -> None:
    schedule = tiny.training(**tiny.OVERFLOWING).model_dump()
    with working(settings, pool):
        job = desk.wait_for(submit(desk, training=schedule, learning_rates=[], seeds=1))
    assert (job.state, result_of(job)["failed"]) == ("succeeded", 2)
    [network] = result_of(job)["networks"]
    assert "learning rate" in network["losses"][0]["failures"]["3"]
    assert network["losses"][0]["mean"] is None
    page = files(desk, settings, job.id)["report.html"].read_text()
    assert "failed: The retraining failed." in page


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_what_cannot_be_built_fails_the_whole_with_its_reason(
    desk: Desk, settings: Settings, pool: WorkerPool
) -> None:
    network = {"architecture": "Unet", "encoder": "resnet18", "options": {"decoder_channels": [1]}}
    with working(settings, pool):
        job = desk.wait_for(submit(desk, networks=[network], learning_rates=[]))
    assert job.state == "failed"
    assert "decoder_channels" in str(job.error)


def test_a_failure_stops_the_others_and_is_what_is_raised() -> None:
    stopped = threading.Event()
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 1:
            raise InputError("This cannot be.")
        assert stopped.wait(DEADLINE)
        raise Interrupted

    with pytest.raises(InputError, match="cannot be"):
        for_each(work, range(9), threads=2, on_failure=stopped.set)
    assert begun == [0, 1]


def test_an_interruption_is_raised_where_nothing_failed() -> None:
    def work(number: int) -> None:
        if number == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        for_each(work, range(3), threads=1, on_failure=lambda: None)
