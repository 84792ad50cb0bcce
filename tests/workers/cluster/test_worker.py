"""What runs inside an actor: results, stops and refusals."""

import threading
from pathlib import Path
from typing import Any

import pytest

from surrogate_zoo import errors
from tests.conftest import DEADLINE
from tests.workers import tiny
from workers.cluster.refusal import Refusal
from workers.cluster.worker import TrainingWorker
from workers.tasks.base import FolderTask, Stopped
from workers.tasks.loss_networks import EdgeNetworkSpec, LossNetworkResult, LossNetworkTask
from workers.tasks.retraining import RetrainingResult

LONG = {"iterations": 100_000}


def edge_task(iterations: int = 3) -> LossNetworkTask:
    spec = EdgeNetworkSpec(iterations=iterations, crop=(32, 32))
    return LossNetworkTask(dataset=tiny.SOURCE, network=spec)


@pytest.fixture
def worker() -> TrainingWorker:
    return TrainingWorker(threads=1, device="cpu")


def test_results_pass_through(worker: TrainingWorker, tmp_path: Path) -> None:
    outcomes = worker.evaluate("a", tiny.proxy_task(), [tiny.candidate(4)])
    assert not isinstance(outcomes, Refusal)
    assert [outcome.number for outcome in outcomes] == [4]
    result = worker.run("b", tiny.retraining_task(), str(tmp_path))
    assert isinstance(result, RetrainingResult)
    network = worker.run("c", edge_task(), str(tmp_path))
    assert isinstance(network, LossNetworkResult)
    assert (tmp_path / network.file).is_file()
    assert worker.progress("b") is worker.progress("c") is None


def test_a_stop_that_comes_early_counts(worker: TrainingWorker) -> None:
    worker.stop("a")
    refusal = worker.evaluate("a", tiny.proxy_task(training=LONG), [tiny.candidate(0)])
    assert isinstance(refusal, Refusal)
    with pytest.raises(Stopped):
        refusal.throw()


@pytest.mark.parametrize("task", [tiny.retraining_task(training=LONG), edge_task(100_000)])
def test_a_running_training_stops_and_tells_its_progress(
    worker: TrainingWorker, tmp_path: Path, task: FolderTask[Any]
) -> None:
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(worker.run("a", task, str(tmp_path))))
    thread.start()
    moved = threading.Event()
    while not moved.wait(0.01):
        if worker.progress("a") is not None:
            moved.set()
    worker.stop("a")
    thread.join(timeout=DEADLINE)
    [refusal] = results
    assert isinstance(refusal, Refusal)
    assert refusal.kind == "Stopped"


def test_errors_keep_their_kind(worker: TrainingWorker) -> None:
    refusal = worker.evaluate("a", tiny.proxy_task(metric="none"), [tiny.candidate(0)])
    assert isinstance(refusal, Refusal)
    with pytest.raises(errors.InputError, match="no metric named 'none'"):
        refusal.throw()


@pytest.mark.parametrize("kind", ["DatasetError", "ConflictError", "StorageError", "LossFileError"])
def test_every_error_can_be_thrown(kind: str) -> None:
    with pytest.raises(getattr(errors, kind), match="text"):
        Refusal(kind, "text").throw()


def test_an_error_nobody_raised_on_purpose_has_no_kind(
    worker: TrainingWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object, **__: object) -> None:
        raise MemoryError("out of memory")

    monkeypatch.setattr("workers.cluster.worker.evaluate_pack", explode)
    refusal = worker.evaluate("a", tiny.proxy_task(), [tiny.candidate(0)])
    assert refusal == Refusal("", "MemoryError: out of memory", "memory")
