"""Logs of a retraining beside its results: event files of TensorBoard, a run of MLflow.

Both are optional packages, imported where they are asked for.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

from surrogate_zoo.errors import InputError
from workers.tasks.base import Stopped
from workers.tasks.retraining import MlflowSpec, RetrainingTask

logger = logging.getLogger(__name__)

EVENTS = ".tfevents"  # what the names of event files end with

PATIENCE_S = 5
"""How long a server of MLflow may be silent."""
PAUSE_S = 60.0
"""How long it then is left alone."""

_PATIENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": str(PATIENCE_S),
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}

End = Literal["FINISHED", "FAILED", "KILLED"]


class TrainingLog(Protocol):
    """One log of one retraining."""

    def scalars(self, steps: int, values: Mapping[str, float]) -> None:
        """Note finite numbers by name, as they are after ``steps``."""
        ...

    def close(self, end: End) -> None:
        """Write what is left; KILLED is a training that may go on."""
        ...


class TensorBoardLog:
    """Event files in a folder, a new one whenever the training goes on.

    Written here and not by torch's SummaryWriter, whose files are named after host and process.

    Args:
        folder: Where they go: ``events-<steps>.tfevents``.
        steps: Steps taken already. TensorBoard hides what an earlier file tells of later ones.

    Raises:
        InputError: The package tensorboard is not installed.
    """

    def __init__(self, folder: Path, steps: int) -> None:
        try:
            from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # noqa: PLC0415
            from tensorboard.compat.proto.summary_pb2 import Summary  # noqa: PLC0415
            from tensorboard.summary.writer.record_writer import RecordWriter  # noqa: PLC0415
        except ImportError as error:
            raise InputError(
                "The log 'tensorboard' needs a package that is not installed on the workers: "
                "pip install 'lossfit[tensorboard]'"
            ) from error
        self._event, self._summary = Event, Summary
        self._records = RecordWriter((folder / f"events-{steps:08d}{EVENTS}").open("wb"))
        self._write(file_version="brain.Event:2")
        if steps:
            self._write(step=steps + 1, session_log=SessionLog(status=SessionLog.START))

    def scalars(self, steps: int, values: Mapping[str, float]) -> None:
        """Note numbers, and write them at once."""
        listed = [
            self._summary.Value(tag=name, simple_value=value) for name, value in values.items()
        ]
        self._write(step=steps, summary=self._summary(value=listed))

    def close(self, end: End) -> None:  # noqa: ARG002 - a file has no state
        """Close the file."""
        self._records.close()

    def _write(self, **fields: Any) -> None:
        event = self._event(wall_time=time.time(), **fields)
        self._records.write(event.SerializeToString())
        self._records.flush()


class MlflowLog:
    """A run of MLflow, found again by its name when the training goes on.

    A server that does not answer, from the beginning or once the training is under way, does not end it,
    nor make it wait: after :data:`PATIENCE_S` seconds it is left alone for :data:`PAUSE_S`, and then
    tried again. What is missing is told in the worker's log and in ``gaps``.

    Args:
        spec: Where to log.
        parameters: What the run is told to be, by name.

    Attributes:
        gaps: How often it could not be told something.

    Raises:
        InputError: The package mlflow is not installed, or what ``spec`` names cannot be used.
    """

    gaps = 0

    def __init__(self, spec: MlflowSpec, parameters: Mapping[str, str]) -> None:
        try:
            from mlflow import MlflowClient  # noqa: PLC0415 - optional
            from mlflow.entities import Metric, Param  # noqa: PLC0415
        except ImportError as error:
            raise InputError(
                "LOSSFIT_MLFLOW_TRACKING_URI is set, and MLflow is not installed on the workers: "
                "pip install 'lossfit[mlflow]'"
            ) from error
        for name, value in _PATIENT.items():
            os.environ.setdefault(name, value)  # MLflow's own would wait for minutes
        self._metric: Any = Metric
        self._spec, self._run = spec, ""
        self._parameters = [Param(name, value[:500]) for name, value in parameters.items()]
        self._silent_until = 0.0
        try:
            self._client = MlflowClient(tracking_uri=spec.tracking_uri)
            self._begin()
        except Exception as error:  # of MLflow, its database or the network
            if not _is_silence(error):
                raise InputError(
                    f"MLflow cannot log; see to LOSSFIT_MLFLOW_TRACKING_URI: {error}"
                ) from error
            self._pause()

    def _begin(self) -> None:
        """Find the run, or make it."""
        self._run, new = _run_of(self._client, self._spec)
        if new:
            self._client.log_batch(self._run, params=self._parameters)
        self._client.update_run(self._run, status="RUNNING")

    def scalars(self, steps: int, values: Mapping[str, float]) -> None:
        """Note numbers."""
        now = round(time.time() * 1000)
        metrics = [self._metric(name, value, now, steps) for name, value in values.items()]
        self._tell(lambda: self._client.log_batch(self._run, metrics=metrics))

    def close(self, end: End) -> None:
        """Tell how the run ended."""
        self._tell(lambda: self._client.set_terminated(self._run, status=end))

    def _tell(self, what: Callable[[], object]) -> None:
        """Tell the server something, unless it was silent a moment ago."""
        if time.monotonic() < self._silent_until:
            self.gaps += 1
            return
        try:
            if not self._run:
                self._begin()
            what()
        except Exception:  # noqa: BLE001 - of MLflow, its database or the network
            self._pause()

    def _pause(self) -> None:
        """Note that something could not be told, and leave the server alone."""
        logger.exception("MLflow did not take the numbers of a retraining")
        self.gaps += 1
        self._silent_until = time.monotonic() + PAUSE_S


class Logs:
    """All logs of one retraining; none of them is an ordinary case."""

    def __init__(self, logs: Sequence[TrainingLog]) -> None:
        self._logs = logs

    def scalars(self, steps: int, values: Mapping[str, float]) -> None:
        """Note numbers in every log."""
        for log in self._logs:
            log.scalars(steps, values)

    def close(self, end: End) -> None:
        """Close every log."""
        for log in self._logs:
            log.close(end)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is missing in them, in plain sentences."""
        gaps = sum(log.gaps for log in self._logs if isinstance(log, MlflowLog))
        if not gaps:
            return ()
        return (
            f"MLflow did not answer at LOSSFIT_MLFLOW_TRACKING_URI, {gaps} times of what it should have been "
            "told: numbers of this retraining are missing there.",
        )


@contextmanager
def training_logs(task: RetrainingTask, folder: Path, steps: int) -> Iterator[Logs]:
    """The logs that a task asks for, closed at the end with what became of the retraining.

    Args:
        task: The retraining.
        folder: Its folder.
        steps: Steps taken already.

    Raises:
        InputError: A log cannot be written.
    """
    wanted: list[TrainingLog] = []
    if "tensorboard" in task.log:
        wanted.append(TensorBoardLog(folder, steps))
    if task.mlflow is not None:
        wanted.append(MlflowLog(task.mlflow, _parameters(task)))
    logs, end = Logs(wanted), "FINISHED"
    try:
        yield logs
    except Stopped:
        end = "KILLED"
        raise
    except BaseException:
        end = "FAILED"
        raise
    finally:
        logs.close(end)  # type: ignore[arg-type]


def event_files(folder: Path) -> list[str]:
    """Names of the event files in ``folder``."""
    return sorted(path.name for path in folder.glob(f"*{EVENTS}"))


def _parameters(task: RetrainingTask) -> dict[str, str]:
    """What tells one retraining from another."""
    values: dict[str, Any] = {
        "loss": task.loss.get("name", ""),
        "dataset": task.dataset.layout,
        "network": task.network.architecture,
        "encoder": task.network.encoder,
        "split": task.split,
        "seed": task.seed,
        **task.training.model_dump(mode="json"),
    }
    return {name: str(value) for name, value in values.items()}


def _run_of(client: Any, spec: MlflowSpec) -> tuple[str, bool]:
    """The run's id, and whether it is new."""
    experiment = client.get_experiment_by_name(spec.experiment)
    number = experiment.experiment_id if experiment else client.create_experiment(spec.experiment)
    name = spec.run.replace("'", "")
    runs = client.search_runs([number], f"attributes.run_name = '{name}'", max_results=1)
    if runs:
        return str(runs[0].info.run_id), False
    return str(client.create_run(number, run_name=name).info.run_id), True


def _is_silence(error: BaseException | None) -> bool:
    """Whether a server could not be reached, or did not answer, behind an error of MLflow's."""
    while error is not None:
        if isinstance(error, ConnectionError | TimeoutError | socket.gaierror):
            return True
        error = error.__cause__ or error.__context__
    return False
