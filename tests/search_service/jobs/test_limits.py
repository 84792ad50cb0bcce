"""What a job may cost: refused with all figures when it is submitted."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from search_service.comparisons.request import ComparisonRequest
from search_service.jobs import ledger, lifecycle, limits
from search_service.jobs.estimate import Estimate
from search_service.jobs.limits import CostError
from search_service.kinds import KINDS
from search_service.retrainings.request import RetrainingRequest
from search_service.settings import OwnerLimits, Settings
from search_service.store.database import sessions
from search_service.store.states import CELL
from search_service.store.tables import Artifact, Evaluation
from surrogate_zoo.store.tables import now
from tests.search_service.service import create, small

on_sqlite = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with sessions(engine)() as session:
        yield session


def huge() -> ComparisonRequest:
    """As many trainings as a request may have, of ten million steps."""
    body = {
        "losses": [f"{weight}*dice" for weight in range(1, 101)],
        "networks": [{"encoder": "resnet18", "embedding": width} for width in range(1, 17)],
        "seeds": 100,
        "learning_rates": [0.01 * rate for rate in range(1, 17)],
        "dataset": "shapes",
        "training": {"iterations": 10_000_000},
    }
    return ComparisonRequest.model_validate(body)


@on_sqlite
def test_a_job_that_nobody_could_ever_run_is_refused_with_its_figures(session: Session) -> None:
    with pytest.raises(CostError, match=r"185,600 trainings \(20,000 are allowed\)") as told:
        create(session, huge())
    assert told.value.figures["trainings"] == 185_600
    assert told.value.figures["steps"] == 1.856e12
    assert told.value.figures["hours"] is None
    assert told.value.limits["steps"] == 1e9
    raised = Settings(most_trainings=None, most_steps=None)
    limits.check(raised, "operator", Estimate(trainings=185_600, parts={}, steps=1.856e12))


@on_sqlite
def test_an_owner_is_refused_what_their_limits_never_allow(session: Session) -> None:
    own = Settings(owner_limits={"ada": OwnerLimits(trainings=11)})
    with pytest.raises(CostError, match="12 trainings"):
        lifecycle.create(session, own, KINDS["search"], small(race=None), owner="ada")
    job = lifecycle.create(session, own, KINDS["search"], small(race=None), owner="bob")
    assert (job.trainings, job.hours) == (12, None)


@pytest.mark.parametrize(
    ("setting", "estimate"),
    [
        ("most_hours", Estimate(trainings=1, parts={}, minutes=61)),
        ("most_disk_gb", Estimate(trainings=1, parts={}, disk_bytes=1_100_000_000)),
        ("most_memory_gb", Estimate(trainings=1, parts={}, memory_bytes=1_100_000_000)),
    ],
)
def test_what_is_not_known_is_not_refused(setting: str, estimate: Estimate) -> None:
    settings = Settings.model_validate({setting: 1})
    with pytest.raises(CostError, match="1 are allowed"):
        limits.check(settings, "ada", estimate)
    limits.check(settings, "ada", Estimate(trainings=1, parts={}))
    assert limits.needs_speed(settings, "ada")
    assert not limits.needs_speed(Settings(), "ada")


@on_sqlite
def test_time_memory_and_files_are_those_of_earlier_trainings(session: Session) -> None:
    body = {"loss": "dice", "dataset": "shapes", "training": {"iterations": 10}}
    request = RetrainingRequest.model_validate(body)
    job = create(session, request)
    job.state, job.result = "succeeded", {"seconds": 20.0, "peak_memory_bytes": 3_000}
    row = Artifact(job_id=job.id, name="weights.safetensors", sha256="a" * 64, bytes=500)
    row.media_type = "application/octet-stream"
    ledger.record_artifact(session, row)
    longer = RetrainingRequest.model_validate(body | {"training": {"iterations": 600}})
    other = RetrainingRequest.model_validate(body | {"training": {"crop": [64, 64]}})
    kind, settings = KINDS["retraining"], Settings()
    found = lifecycle.estimate(session, settings, kind, longer)
    assert (found.minutes, found.memory_bytes, found.disk_bytes) == (20.0, 3_000, 500)
    assert lifecycle.estimate(session, settings, kind, other).minutes is None
    shared = RetrainingRequest.model_validate(body | {"devices": 2})
    assert lifecycle.estimate(session, settings, kind, shared).minutes is None
    together = create(session, shared)
    together.state, together.result = "succeeded", {"seconds": 15.0, "peak_memory_bytes": 2_000}
    found = lifecycle.estimate(session, settings, kind, shared)
    assert (found.minutes, found.memory_bytes) == (0.5, 2_000)  # 15 s of each of two workers
    twice = {"losses": ["dice", "focal"], "seeds": 3, **body, "images": 0}
    del twice["loss"]
    compared = ComparisonRequest.model_validate(twice)
    estimate = lifecycle.estimate(session, settings, KINDS["comparison"], compared)
    assert (estimate.trainings, estimate.minutes) == (6, 2.0)


@on_sqlite
def test_what_several_workers_did_together_counts_for_each_of_them(session: Session) -> None:
    body = {"losses": ["dice", "focal"], "dataset": "shapes", "devices": 2}
    job = create(session, ComparisonRequest.model_validate(body))
    row = Evaluation(job_id=job.id, stage=CELL, number=0, finished_at=now())
    row.outcome = {"score": 0.5, "error": None, "seconds": 3.0}
    assert ledger.record_evaluation(session, row, workers=2)
    assert (job.spent_seconds, job.spent_trainings) == (6.0, 1)
