"""Searches and retrainings through the controller on real workers."""

import json
from collections.abc import Iterator

import pytest
import torch
from safetensors.torch import load_file
from sqlalchemy import Engine

from search_service.catalogue import datasets
from search_service.catalogue.request import DatasetRequest
from search_service.jobs import lifecycle as jobs
from search_service.retrainings.request import RetrainingRequest
from search_service.searches.admission import trials as trials_of
from search_service.searches.request import SearchRequest
from search_service.settings import Settings
from search_service.store.artifacts import open_artifact
from surrogate_zoo import load_loss
from tests.search_service.service import Desk, create, progress_of, result_of, working
from tests.workers.tiny import NETWORK, SOURCE, training
from workers.cluster.pool import WorkerPool
from workers.networks.build import build_network

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)

TINY = {"dataset": "tiny", "network": NETWORK.model_dump(), "training": training().model_dump()}
WHOLE = TINY | {"proxy_size": None}
"""A search that scores images at their own size."""


@pytest.fixture
def desk(engine: Engine, settings: Settings) -> Desk:
    desk = Desk(engine)
    request = DatasetRequest(name="tiny", source=SOURCE)
    with desk.writing.begin() as session:
        datasets.register(session, settings, request)
    return desk


@pytest.fixture(scope="module")
def pool(local_ray: None) -> Iterator[WorkerPool]:
    with WorkerPool(actors=2) as pool:
        yield pool


@pytest.mark.slow
def test_a_search_finds_a_loss_and_a_retraining_trains_with_it(
    desk: Desk, settings: Settings, pool: WorkerPool
) -> None:
    sampler = {"name": "ppo2", "steps": 2, "samples": 3, "updates": 5}
    request = SearchRequest.model_validate(
        {"metric": "macc", "sampler": sampler, "seed": 1} | WHOLE
    )
    with working(settings, pool):
        search = desk.wait_for(desk.submit(request))
        assert (search.state, search.error) == ("succeeded", None)
        asked = RetrainingRequest.model_validate({"loss": "asl-macc-tiny"} | TINY)
        with desk.writing.begin() as session:
            job_id = create(session, asked).id
        retraining = desk.wait_for(job_id)
    assert (retraining.state, retraining.error) == ("succeeded", None)
    assert len(desk.trials(search.id)) == 6
    logits, target = torch.randn(2, 5, 8, 8), torch.randint(0, 5, (2, 8, 8))
    assert torch.isfinite(load_loss(desk.published(search.id), num_classes=5)(logits, target))
    _check_retraining(desk, settings, job_id)


@pytest.mark.slow  # 15 s
def test_a_search_among_linear_curves_trains_every_candidate(
    desk: Desk, settings: Settings, pool: WorkerPool
) -> None:
    sampler = {"name": "ppo2", "steps": 2, "samples": 2, "updates": 5}
    request = {"metric": "miou", "family": "linear", "segments": 3, "sampler": sampler} | WHOLE
    with working(settings, pool):
        search = desk.wait_for(desk.submit(SearchRequest.model_validate(request)))
    assert (search.state, search.error) == ("succeeded", None)
    assert [len(theta) for _, theta, _ in desk.trials(search.id)] == [6] * 4
    document = desk.published(search.id)
    assert document["family"] == "linear"
    assert [len(heights) for heights in document["control_points"].values()] == [2, 2]


def test_a_search_for_two_metrics_publishes_the_sum_of_their_surrogates(
    desk: Desk, settings: Settings, pool: WorkerPool
) -> None:
    sampler = {"name": "random", "trials": 2, "batch": 2}
    request = SearchRequest.model_validate({"metric": "3*miou+macc", "sampler": sampler} | WHOLE)
    with working(settings, pool):
        search = desk.wait_for(desk.submit(request))
    assert (search.state, search.error) == ("succeeded", None)
    with desk.reading() as session:
        for trial in trials_of(session, search.id):
            mean = (3 * trial.metrics["miou"] + trial.metrics["macc"]) / 4
            assert trial.score == pytest.approx(mean)
    document = desk.published(search.id)
    assert document["name"] == "asl-3-miou-macc-tiny"
    terms = [(term["weight"], term["loss"]["metric"]) for term in document["terms"]]
    assert terms == [(3.0, "miou"), (1.0, "macc")]
    assert document["provenance"]["search"] == search.id
    logits, target = torch.randn(2, 5, 8, 8), torch.randint(0, 5, (2, 8, 8))
    assert torch.isfinite(load_loss(document, num_classes=5)(logits, target))


def _check_retraining(desk: Desk, settings: Settings, job_id: str) -> None:
    result = desk.job(job_id).result
    assert result is not None
    assert (result["loss"], result["version"]) == ("asl-macc-tiny", 1)
    assert 0 <= result["metrics"]["miou"] <= 1
    with desk.reading() as session:
        files = {
            a.name: open_artifact(settings.artifacts_root, a.sha256)
            for a in jobs.artifacts(session, job_id)
        }
        assert progress_of(session, desk.job(job_id))["done"] == 4
        classes = len(datasets.get(session, "tiny").report["classes"])
    assert set(files) == set(result["files"])
    assert set(files) > {"weights.safetensors", "metrics.json", "predictions.png"}
    card = files["model-card.md"].read_text()
    assert f"| miou | mIoU | {result['metrics']['miou']:.4f} |" in card
    build_network(NETWORK, classes).load_state_dict(load_file(files["weights.safetensors"]))
    assert json.loads(files["metrics.json"].read_text())["metrics"] == result["metrics"]


@pytest.mark.slow
def test_a_paused_retraining_ends_with_the_weights_of_an_uninterrupted_one(
    desk: Desk, settings: Settings, pool: WorkerPool
) -> None:
    longer = TINY | {"training": training(iterations=150).model_dump(), "checkpoint_every": 10}
    request = RetrainingRequest.model_validate({"loss": "cross-entropy"} | longer)
    with working(settings.model_copy(update={"concurrent_jobs": 1}), pool):
        with desk.writing.begin() as session:
            paused = create(session, request).id
            straight = create(session, request).id

        def done() -> int:
            with desk.reading() as session:
                return int(progress_of(session, desk.job(paused))["done"])

        desk.wait(lambda: done() > 0, "progress")
        with desk.writing.begin() as session:
            jobs.pause(session, "retraining", paused)
        assert desk.wait_for(paused, "paused").state == "paused"
        assert 0 < done() < 150
        assert (settings.home / "jobs" / paused).is_dir()
        with desk.writing.begin() as session:
            jobs.resume(session, "retraining", paused)
        assert [desk.wait_for(job_id).state for job_id in (paused, straight)] == ["succeeded"] * 2
        desk.wait(lambda: not any((settings.home / "jobs").iterdir()), "removal of the folders")
    with desk.reading() as session:
        weights, others = [
            load_file(open_artifact(settings.artifacts_root, artifact.sha256))
            for job_id in (paused, straight)
            for artifact in jobs.artifacts(session, job_id)
            if artifact.name == "weights.safetensors"
        ]
    assert set(weights) == set(others)
    assert all(torch.equal(tensor, others[name]) for name, tensor in weights.items())


def test_a_search_of_margins_finds_a_loss_that_retrainings_take(
    desk: Desk, settings: Settings, pool: WorkerPool
) -> None:
    sampler = {"name": "portfolio", "trials": 2, "batch": 2, "rates": [1.0]}
    body = {"metric": "sbd", "space": {"name": "margins", "widths": [4, 8]}, "sampler": sampler}
    more = {"race": {"heats": 0, "rounds": 2, "starters": 1}, "halving": None, "seed": 1}
    with working(settings, pool):
        search = desk.wait_for(desk.submit(SearchRequest.model_validate(body | more | WHOLE)))
        assert (search.state, search.error) == ("succeeded", None)
        (winner,) = result_of(search)["winners"]
        network = NETWORK.model_copy(update={"embedding": winner["embedding"]})
        asked = {"loss": "margins-sbd-tiny", "scoring": {"clustering": winner["clustering"]}}
        request = RetrainingRequest.model_validate(TINY | asked | {"network": network})
        with desk.writing.begin() as session:
            job_id = create(session, request).id
        retraining = desk.wait_for(job_id)
    assert (retraining.state, retraining.error) == ("succeeded", None)
    assert 0 <= result_of(retraining)["metrics"]["sbd"] <= 1
    with desk.reading() as session:
        trials = trials_of(session, search.id)
    assert len(trials) == 4
    assert all(trial.score == trial.metrics["sbd"] for trial in trials if trial.score is not None)
    assert len({trial.score for trial in trials}) > 2  # margins and widths make a difference
    race = winner["race"]
    assert {e["loss"] for e in race["entrants"]} == {"paper's margins", "searched margins"}
    chosen = desk.published(search.id)["provenance"]["chosen"]
    assert chosen["clustering"] == winner["clustering"]
