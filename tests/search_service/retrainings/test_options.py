"""What a retraining is asked for reaches its training, and comes back as files of the job."""

import json

import pytest
from mlflow import MlflowClient
from sqlalchemy import Engine

from search_service.catalogue import datasets
from search_service.catalogue.request import DatasetRequest
from search_service.jobs import lifecycle as jobs
from search_service.retrainings.request import RetrainingRequest
from search_service.settings import Settings
from search_service.store.artifacts import open_artifact
from tests.search_service.here_pool import HerePool
from tests.search_service.service import Desk, create, working
from tests.workers.tiny import NETWORK, SOURCE, training

pytestmark = [
    pytest.mark.parametrize("settings", ["sqlite"], indirect=True),
    # MLflow's own tables use what SQLAlchemy 2.1 calls deprecated.
    pytest.mark.filterwarnings("ignore:.*noload.*:DeprecationWarning"),
]


def test_logs_and_early_stop_are_files_of_the_job_and_mlflow_has_its_run(
    engine: Engine, settings: Settings, mlflow_store: str
) -> None:
    desk = Desk(engine)
    logged = settings.model_validate(settings.model_dump() | {"mlflow_tracking_uri": mlflow_store})
    schedule = training(ema_decay=0.9, accumulate=2, precision="bfloat16")
    asked = {
        "loss": "dice",
        "dataset": "tiny",
        "network": NETWORK,
        "training": schedule,
        "early_stop": {"hold_out": 0.25, "every": 2},
        "log": ["tensorboard"],
    }
    with desk.writing.begin() as session:
        datasets.register(session, logged, DatasetRequest(name="tiny", source=SOURCE))
        job_id = create(session, RetrainingRequest.model_validate(asked)).id
    with working(logged, HerePool()):
        job = desk.wait_for(job_id)
    assert (job.state, job.error) == ("succeeded", None)
    with desk.reading() as session:
        kept = {file.name: file.sha256 for file in jobs.artifacts(session, job_id)}
    assert "events-00000000.tfevents" in kept
    report = json.loads(open_artifact(logged.artifacts_root, kept["metrics.json"]).read_text())
    assert [steps for steps, _ in report["early_stop"]["scores"]] == [2, 4]
    client = MlflowClient(tracking_uri=mlflow_store)
    experiment = client.get_experiment_by_name("lossfit")
    assert experiment is not None
    named = f"attributes.run_name = '{job_id}'"
    [run] = client.search_runs([experiment.experiment_id], named)
    assert run.data.params["precision"] == "bfloat16"
    assert run.data.metrics["val/miou"] == pytest.approx(report["metrics"]["miou"])
