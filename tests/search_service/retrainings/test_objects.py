"""Objects of a retraining through the controller: in its result, its files and its card."""

import json
from typing import Any

import pytest
from sqlalchemy import Engine

from search_service.catalogue import datasets
from search_service.catalogue.request import DatasetRequest
from search_service.jobs import lifecycle as jobs
from search_service.retrainings.request import RetrainingRequest
from search_service.settings import Settings
from search_service.store.artifacts import open_artifact
from surrogate_zoo.errors import InputError
from tests.search_service.here_pool import HerePool
from tests.search_service.service import Desk, create, result_of, working
from tests.workers import tiny
from tests.workers.datasets import folders

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)

ASKED: dict[str, Any] = {
    "loss": "cross-entropy-discriminative",
    "dataset": "tiny",
    "network": tiny.NETWORK.model_dump() | {"embedding": 4},
    "training": tiny.training().model_dump(),
    "scoring": {"clustering": {"radius": 0.5}},
    "clusterings": {"cut": {"method": "watershed", "radius": 4}},
    "tune_clustering": {"factors": [1, 2], "min_pixels": [1]},
    "oracles": ["oracle-semantic"],
}


def test_they_are_in_the_result_the_files_and_the_card(engine: Engine, settings: Settings) -> None:
    desk = Desk(engine)
    with desk.writing.begin() as session:
        datasets.register(session, settings, DatasetRequest(name="tiny", source=tiny.SOURCE))
        job_id = create(session, RetrainingRequest.model_validate(ASKED)).id
    with working(settings, HerePool()):
        job = desk.wait_for(job_id)
    assert (job.state, job.error) == ("succeeded", None)
    objects = result_of(job)["objects"]
    assert [*objects["scores"]] == ["mean-shift", "cut"]
    assert objects["scores"]["mean-shift"]["sbd"] == result_of(job)["metrics"]["sbd"]
    with desk.reading() as session:
        kept = {file.name: file.sha256 for file in jobs.artifacts(session, job_id)}
    assert "objects.png" in kept
    report = json.loads(open_artifact(settings.artifacts_root, kept["metrics.json"]).read_text())
    assert report["objects"] == objects
    card = open_artifact(settings.artifacts_root, kept["model-card.md"]).read_text()
    assert "predict_instances(network, pixels, (1, 2, 3, 4, 5), ClusteringSpec(" in card
    assert f"| cut | {objects['scores']['cut']['sbd']:.4f} |" in card


def test_a_dataset_without_objects_is_not_admitted(engine: Engine, settings: Settings) -> None:
    desk = Desk(engine)
    allowed = settings.model_validate(settings.model_dump() | {"dataset_roots": (settings.home,)})
    plain = DatasetRequest(name="plain", source=folders.segnet(settings.home / "plain"))
    with desk.writing.begin() as session:
        datasets.register(session, allowed, plain)
    request = RetrainingRequest.model_validate(ASKED | {"dataset": "plain"})
    with (
        pytest.raises(InputError, match="dataset plain tells none apart"),
        desk.writing.begin() as session,
    ):
        create(session, request)
