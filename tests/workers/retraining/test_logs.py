"""Logs of a retraining for TensorBoard and MLflow."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from surrogate_zoo.errors import InputError, WorkerError
from tests.workers import tiny
from workers.learning.rates import learning_rate
from workers.retraining import logs
from workers.retraining.logs import MlflowLog
from workers.retraining.retraining import retrain
from workers.tasks.base import Stopped
from workers.tasks.retraining import MlflowSpec, RetrainingResult, RetrainingTask


def stopped_then_finished(task: RetrainingTask, folder: Path, at: int) -> RetrainingResult:
    looks = iter(range(1, 1000))
    with pytest.raises(Stopped):
        retrain(task, folder, device="cpu", should_stop=lambda: next(looks) == at)
    return retrain(task, folder, device="cpu")


def test_tensorboard_shows_loss_rate_and_scores(tmp_path: Path) -> None:
    task = tiny.retraining_task(
        training={"iterations": 45},
        checkpoint_every=10,
        log=["tensorboard"],
        early_stop={"every": 45, "hold_out": 0.25},
    )
    result = stopped_then_finished(task, tmp_path, at=25)
    events = [name for name in result.files if name.endswith(".tfevents")]
    assert events == ["events-00000000.tfevents", "events-00000025.tfevents"]
    assert all((tmp_path / name).stat().st_size for name in events)
    shown = EventAccumulator(str(tmp_path)).Reload()
    losses = shown.Scalars("train/loss")
    assert [point.step for point in losses] == [20, 40, 45]
    assert losses[-1].value < losses[0].value
    rates = [point.value for point in shown.Scalars("train/learning_rate")]
    assert rates == pytest.approx([learning_rate(task.training, step) for step in (19, 39, 44)])
    assert shown.Scalars("val/miou")[0].value == pytest.approx(result.metrics["miou"])
    best = json.loads((tmp_path / "metrics.json").read_text())["early_stop"]["scores"][-1]
    assert [best] == [
        [point.step, pytest.approx(point.value)] for point in shown.Scalars("hold-out/miou")
    ]


def test_what_a_crash_undid_is_hidden(tmp_path: Path) -> None:
    task = tiny.retraining_task(
        training={"iterations": 40}, checkpoint_every=10, log=["tensorboard"]
    )
    looks = iter(range(1, 1000))

    def crash() -> bool:
        if next(looks) == 25:
            raise RuntimeError("power cut")
        return False

    with pytest.raises(RuntimeError):
        retrain(task, tmp_path, device="cpu", should_stop=crash)
    retrain(task, tmp_path, device="cpu")
    shown = EventAccumulator(str(tmp_path)).Reload()
    assert [point.step for point in shown.Scalars("train/loss")] == [20, 40]


def test_a_log_changes_nothing(tmp_path: Path) -> None:
    for name, log in (("plain", []), ("logged", ["tensorboard"])):
        retrain(tiny.retraining_task(log=log), tmp_path / name, device="cpu")
    files = [(tmp_path / name / "weights.safetensors") for name in ("plain", "logged")]
    assert files[0].read_bytes() == files[1].read_bytes()
    again = tiny.retraining_task(log=["tensorboard"])
    retrain(again, tmp_path / "plain", device="cpu")  # its checkpoint is of the same task


# MLflow's own tables use what SQLAlchemy 2.1 calls deprecated.
mlflow = pytest.mark.filterwarnings("ignore:.*noload.*:DeprecationWarning")


def run_named(store: str, name: str) -> Run:
    client = MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("lossfit")
    assert experiment is not None
    [run] = client.search_runs([experiment.experiment_id], f"attributes.run_name = '{name}'")
    return run


@mlflow
def test_mlflow_has_one_run_of_a_retraining_that_was_stopped(
    mlflow_store: str, tmp_path: Path
) -> None:
    spec = MlflowSpec(tracking_uri=mlflow_store, run="one")
    task = tiny.retraining_task(training={"iterations": 30}, mlflow=spec)
    result = stopped_then_finished(task, tmp_path, at=22)
    run = run_named(mlflow_store, "one")
    assert run.info.status == "FINISHED"
    assert run.data.params["loss"] == "cross-entropy"
    assert run.data.params["iterations"] == "30"
    assert run.data.metrics["val/miou"] == pytest.approx(result.metrics["miou"])
    history = MlflowClient(tracking_uri=mlflow_store).get_metric_history(
        run.info.run_id, "train/loss"
    )
    assert [point.step for point in history] == [20, 30]


@mlflow
def test_mlflow_tells_what_failed_and_what_was_stopped(mlflow_store: str, tmp_path: Path) -> None:
    looks = iter(range(1, 1000))
    task = tiny.retraining_task(mlflow=MlflowSpec(tracking_uri=mlflow_store, run="stopped"))
    with pytest.raises(Stopped):
        retrain(task, tmp_path / "one", device="cpu", should_stop=lambda: next(looks) == 2)
    assert run_named(mlflow_store, "stopped").info.status == "KILLED"
    spec = MlflowSpec(tracking_uri=mlflow_store, run="failed")
    diverging = tiny.retraining_task(training=tiny.OVERFLOWING, mlflow=spec)
    with pytest.raises(WorkerError):
        retrain(diverging, tmp_path / "two", device="cpu")
    assert run_named(mlflow_store, "failed").info.status == "FAILED"


def test_a_store_that_cannot_be_used_is_told_before_the_training(tmp_path: Path) -> None:
    spec = MlflowSpec(tracking_uri="strange://nowhere", run="one")
    with pytest.raises(InputError, match=r"MLflow cannot log; see to LOSSFIT_.*strange"):
        retrain(tiny.retraining_task(mlflow=spec), tmp_path, device="cpu")


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9", "http://[::1]:2", "http://no.such.host.invalid"]
)
def test_a_server_that_does_not_answer_stops_no_training(address: str, tmp_path: Path) -> None:
    """As a refused port does, a host that nobody knows, and one that takes no connection."""
    spec = MlflowSpec(tracking_uri=address, run="one")
    result = retrain(tiny.retraining_task(mlflow=spec), tmp_path, device="cpu")
    assert "weights.safetensors" in result.files
    [remark] = result.remarks
    assert "MLflow did not answer at LOSSFIT_MLFLOW_TRACKING_URI" in remark
    assert address not in remark


def test_a_server_that_falls_silent_is_left_alone_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def silent(*_: object, **__: object) -> None:
        asked.append(1)
        raise TimeoutError

    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", silent)
    spec = MlflowSpec(tracking_uri="http://127.0.0.1:9", run="one")
    log = MlflowLog(spec, {})
    for steps in range(50):
        log.scalars(steps, {"loss": 1.0})
    assert (len(asked), log.gaps) == (1, 51)
    monkeypatch.setattr(logs, "PAUSE_S", 0.0)
    MlflowLog(spec, {}).scalars(51, {"loss": 1.0})
    assert len(asked) == 3


@pytest.mark.parametrize("package", ["tensorboard", "mlflow"])
def test_a_missing_package_is_named(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (package, "tensorboard.compat.proto.event_pb2"):
        monkeypatch.setitem(sys.modules, module, None)
    spec = MlflowSpec(tracking_uri="sqlite://", run="one")
    logs: dict[str, dict[str, Any]] = {
        "mlflow": {"mlflow": spec},
        "tensorboard": {"log": ["tensorboard"]},
    }
    with pytest.raises(InputError, match=rf"pip install 'lossfit\[{package}\]'"):
        retrain(tiny.retraining_task(**logs[package]), tmp_path, device="cpu")
