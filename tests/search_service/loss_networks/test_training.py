"""Loss networks through the controller on real workers: as jobs, and on the way to other jobs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from sqlalchemy import Engine

from search_service.catalogue import datasets
from search_service.catalogue.request import DatasetRequest
from search_service.jobs import lifecycle as jobs
from search_service.loss_networks.request import LossNetworkRequest
from search_service.loss_networks.supply import DEFAULTS
from search_service.retrainings.request import RetrainingRequest
from search_service.searches import publication
from search_service.searches.request import PublicationRequest, SearchRequest
from search_service.settings import Settings
from search_service.store.artifacts import open_artifact
from search_service.store.tables import Artifact, Job
from surrogate_zoo.errors import NotFoundError
from surrogate_zoo.store.tables import LossNetwork
from tests.search_service.service import Desk, create, progress_of, result_of, working
from tests.workers.tiny import NETWORK, SOURCE, training
from workers.cluster.pool import WorkerPool
from workers.tasks.loss_networks import EdgeNetworkSpec

on_sqlite = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)

EDGE = "edge_network"
FILE = f"{EDGE}.safetensors"
LONG = 20_000  # minutes; a progress event comes every 100 steps


@pytest.fixture
def desk(engine: Engine, settings: Settings) -> Desk:
    desk = Desk(engine)
    with desk.writing.begin() as session:
        datasets.register(session, settings, DatasetRequest(name="tiny", source=SOURCE))
    return desk


@pytest.fixture(scope="module")
def pool(local_ray: None) -> Iterator[WorkerPool]:
    with WorkerPool(actors=2) as pool:
        yield pool


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs train a short edge network where none is there."""
    train_by_default(monkeypatch, 20)


def train_by_default(monkeypatch: pytest.MonkeyPatch, iterations: int) -> None:
    spec = EdgeNetworkSpec(iterations=iterations, crop=(32, 32))
    monkeypatch.setitem(DEFAULTS, EDGE, spec)


def edge(iterations: int = 5, **fields: Any) -> LossNetworkRequest:
    network = {"kind": EDGE, "iterations": iterations, "crop": (32, 32)}
    return LossNetworkRequest.model_validate({"dataset": "tiny", "network": network} | fields)


def retraining(loss: str = "semeda", **fields: Any) -> RetrainingRequest:
    schedule = {"network": NETWORK.model_dump(), "training": training().model_dump()}
    return RetrainingRequest.model_validate({"loss": loss, "dataset": "tiny"} | schedule | fields)


def search(**fields: Any) -> SearchRequest:
    schedule = {"network": NETWORK.model_dump(), "training": training().model_dump()}
    sampler = {"name": "random", "trials": 3, "batch": 3}
    asked: dict[str, Any] = {
        "metric": "macc",
        "dataset": "tiny",
        "sampler": sampler,
        "name": "found",
    }
    asked["proxy_size"] = None
    return SearchRequest.model_validate(asked | schedule | fields)


def submit(desk: Desk, request: LossNetworkRequest | RetrainingRequest | SearchRequest) -> str:
    if isinstance(request, SearchRequest):
        return desk.submit(request)
    with desk.writing.begin() as session:
        if isinstance(request, LossNetworkRequest):
            return create(session, request).id
        return create(session, request).id


def finished(desk: Desk, request: LossNetworkRequest | RetrainingRequest | SearchRequest) -> Job:
    job = desk.wait_for(submit(desk, request))
    assert (job.state, job.error) == ("succeeded", None)
    return job


def published(desk: Desk) -> list[LossNetwork]:
    with desk.reading() as session:
        return datasets.loss_networks(session, "tiny")[0]


def events(desk: Desk, job_id: str, kind: str) -> list[dict[str, Any]]:
    with desk.reading() as session:
        return [event.body for event in jobs.events_after(session, job_id) if event.kind == kind]


def artifact(desk: Desk, job_id: str) -> Artifact:
    with desk.reading() as session:
        (found,) = [file for file in jobs.artifacts(session, job_id) if file.name == FILE]
        return found


def test_a_job_trains_a_network_and_publishes_it(
    desk: Desk, settings: Settings, pool: WorkerPool
) -> None:
    with working(settings, pool):
        job, again = finished(desk, edge(seed=3)), finished(desk, edge(seed=3))
    (row,) = published(desk)  # the same task makes the same weights, and they are there once
    assert job.result is not None
    assert again.result is not None
    assert job.result["sha256"] == again.result["sha256"] == row.sha256
    assert (row.kind, row.num_classes, row.seed) == (EDGE, 6, 3)
    assert row.spec == edge().network.model_dump(mode="json")
    assert row.measures == job.result["measures"] != {}
    assert row.provenance["job"] == job.id
    assert row.provenance["dataset"]["fingerprint"] == row.fingerprint
    assert {"torch", "lossfit"} <= set(row.provenance["versions"])
    kept = artifact(desk, job.id)
    assert (kept.sha256, kept.bytes) == (row.sha256, row.bytes)
    with safe_open(open_artifact(settings.artifacts_root, row.sha256), "pt") as weights:
        assert weights.keys()
    assert events(desk, job.id, "progress")[-1]["done"] == 5
    with desk.reading() as session:
        assert progress_of(session, job)["total"] == 5
    assert desk.states(job.id) == ["queued", "running", "succeeded"]


@pytest.mark.usefixtures("short")
def test_a_retraining_trains_the_network_that_its_loss_needs_and_the_next_one_finds_it(
    desk: Desk, settings: Settings, pool: WorkerPool
) -> None:
    with working(settings, pool):
        first = finished(desk, retraining())
        second = finished(desk, retraining("0.5*cross-entropy+0.5*semeda", seed=1))
    (row,) = published(desk)
    assert row.provenance["job"] == first.id
    network = {"kind": EDGE, "sha256": row.sha256, "measures": row.measures}
    assert events(desk, first.id, "loss-network") == [
        {"kind": EDGE, "status": "training"},
        {"status": "trained"} | network,
    ]
    assert events(desk, second.id, "loss-network") == [{"status": "found"} | network]
    stages = [event.get("stage") for event in events(desk, first.id, "progress")]
    assert stages == sorted(stages, key=lambda stage: stage is None)
    assert {EDGE, None} == set(stages)
    assert {event.get("stage") for event in events(desk, second.id, "progress")} == {None}
    for job in (first, second):
        assert job.result is not None
        assert job.result["loss_networks"] == [network]
        assert artifact(desk, job.id).sha256 == row.sha256
    assert second.result is not None
    assert second.result["versions"] == {"cross-entropy": 1, "semeda": 1}


@pytest.mark.slow
@on_sqlite
@pytest.mark.usefixtures("short")
def test_a_network_that_was_trained_as_asked_for_is_found_and_no_other(
    desk: Desk, settings: Settings, pool: WorkerPool
) -> None:
    spec = {"kind": EDGE, "iterations": 3, "crop": (32, 32)}
    asked: dict[str, Any] = {"loss_network_specs": [spec]}
    with working(settings, pool):
        finished(desk, edge())
        first, again = (finished(desk, retraining(seed=seed, **asked)) for seed in (0, 1))
        newest = finished(desk, retraining())
    own, _ = published(desk)
    assert own.spec["iterations"] == 3
    for job in (first, again, newest):
        assert [network["sha256"] for network in result_of(job)["loss_networks"]] == [own.sha256]
    assert [event["status"] for event in events(desk, first.id, "loss-network")] == [
        "training",
        "trained",
    ]
    assert [event["status"] for event in events(desk, again.id, "loss-network")] == ["found"]


@pytest.mark.slow
@on_sqlite
@pytest.mark.usefixtures("short")
def test_a_search_trains_the_network_that_its_companion_needs_and_publishes_both_losses(
    desk: Desk, settings: Settings, pool: WorkerPool
) -> None:
    with working(settings, pool):
        alone = finished(desk, search(name="alone"))
        beside = finished(desk, search(companion="0.5*semeda"))
    (row,) = published(desk)
    assert beside.result is not None
    network = {"kind": EDGE, "sha256": row.sha256, "measures": row.measures}
    assert beside.result["loss_networks"] == [network]
    assert artifact(desk, beside.id).sha256 == row.sha256
    # The same candidates on the same task, trained with another loss.
    pairs = list(zip(desk.trials(alone.id), desk.trials(beside.id), strict=True))
    assert all(first[1] == second[1] for first, second in pairs)
    assert all(first[2] != second[2] for first, second in pairs)
    found, own = desk.published(alone.id), desk.published(beside.id)
    assert found["kind"] == "surrogate"
    assert [(term["weight"], term["loss"]["kind"]) for term in own["terms"]] == [
        (1.0, "surrogate"),
        (0.5, "handmade"),
    ]
    facts = own["provenance"]
    assert (facts["companion"], facts["companion_versions"]) == ("0.5*semeda", {"semeda": 1})
    assert facts["loss_networks"] == [network]
    with desk.writing.begin() as session:
        asked = PublicationRequest(trial=1, name="second")
        second = publication.publish(session, beside.id, asked).document
    assert second["terms"][1] == own["terms"][1]


@pytest.mark.slow
@on_sqlite
def test_a_retraining_takes_the_newest_network_of_its_data_set_also_from_a_url(
    desk: Desk, settings: Settings, pool: WorkerPool, tmp_path: Path
) -> None:
    away = settings.model_copy(update={"artifacts": f"dir::file://{tmp_path / 'away'}"})
    with working(away, pool):
        finished(desk, edge(seed=1))
        newest = finished(desk, edge(seed=2))
        job = finished(desk, retraining())
    assert job.result is not None
    assert newest.result is not None
    assert [network["sha256"] for network in result_of(job)["loss_networks"]] == [
        newest.result["sha256"]
    ]
    assert open_artifact(away.artifacts_root, artifact(desk, job.id).sha256).is_file()
    with pytest.raises(NotFoundError):
        open_artifact(settings.artifacts_root, newest.result["sha256"])


@on_sqlite
@pytest.mark.usefixtures("short")
def test_weights_that_are_gone_are_trained_anew(
    desk: Desk, settings: Settings, pool: WorkerPool
) -> None:
    with working(settings, pool):
        job = finished(desk, edge())
        assert job.result is not None
        open_artifact(settings.artifacts_root, job.result["sha256"]).unlink()
        again = finished(desk, retraining())
    assert [event["status"] for event in events(desk, again.id, "loss-network")] == [
        "training",
        "trained",
    ]


@on_sqlite
def test_a_loss_that_needs_no_network_trains_none(
    desk: Desk, settings: Settings, pool: WorkerPool
) -> None:
    with working(settings, pool):
        job = finished(desk, retraining("cross-entropy"))
    assert job.result is not None
    assert job.result["loss_networks"] == []
    assert published(desk) == []


def pause(desk: Desk, job: str, kind: str, *, stage: str | None = None) -> None:
    """Pause a job once it has told progress of a stage since it was looked at."""
    told = len(events(desk, job, "progress"))

    def moves() -> bool:
        return any(event.get("stage") == stage for event in events(desk, job, "progress")[told:])

    desk.wait(moves, "progress")
    with desk.writing.begin() as session:
        jobs.pause(session, kind, job)
    assert desk.wait_for(job, "paused").state == "paused"


def test_a_training_is_paused_resumed_and_cancelled(
    desk: Desk, settings: Settings, pool: WorkerPool
) -> None:
    with working(settings, pool):
        job_id = submit(desk, edge(LONG))
        for _ in range(2):
            pause(desk, job_id, "loss-network")
            with desk.writing.begin() as session:
                jobs.resume(session, "loss-network", job_id)
        desk.wait_for(job_id, "running")
        with desk.writing.begin() as session:
            assert jobs.cancel(session, "loss-network", job_id).state == "cancelling"
        assert desk.wait_for(job_id).state == "cancelled"
    assert published(desk) == []
    assert desk.job(job_id).result is None


@on_sqlite
def test_a_retraining_paused_while_its_network_trains_begins_that_anew(
    desk: Desk, settings: Settings, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_by_default(monkeypatch, LONG)
    with working(settings, pool):
        job_id = submit(desk, retraining())
        pause(desk, job_id, "retraining", stage=EDGE)
        assert published(desk) == []
        train_by_default(monkeypatch, 20)
        with desk.writing.begin() as session:
            jobs.resume(session, "retraining", job_id)
        assert desk.wait_for(job_id).state == "succeeded"
    told = [event["status"] for event in events(desk, job_id, "loss-network")]
    assert told == ["training", "training", "trained"]


@on_sqlite
@pytest.mark.usefixtures("short")
def test_a_paused_retraining_keeps_its_network_whatever_is_published_meanwhile(
    desk: Desk, settings: Settings, pool: WorkerPool
) -> None:
    longer = training(iterations=200).model_dump()
    with working(settings, pool):
        job_id = submit(desk, retraining(training=longer, checkpoint_every=10))
        pause(desk, job_id, "retraining")
        (own,) = published(desk)
        newer = finished(desk, edge(seed=7))
        with desk.writing.begin() as session:
            jobs.resume(session, "retraining", job_id)
        job = desk.wait_for(job_id)
    assert (job.state, job.error) == ("succeeded", None)
    assert newer.result is not None
    assert newer.result["sha256"] != own.sha256
    assert [network["sha256"] for network in result_of(job)["loss_networks"]] == [own.sha256]
    assert events(desk, job_id, "loss-network")[-1]["sha256"] == own.sha256
