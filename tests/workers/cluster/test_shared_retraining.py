"""A retraining in two processes, each on its own node, is that of one process; whatever happens to one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import CHECKOUT, DEADLINE
from tests.workers.cluster.two_nodes import short_task
from workers.retraining.retraining import retrain
from workers.tasks.retraining import CHECKPOINT, WEIGHTS

pytestmark = pytest.mark.slow  # two nodes of Ray, and nine trainings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def seen(folder: Path) -> dict[str, Any]:
    """What the two nodes have seen; it holds ``log`` too."""
    command = [sys.executable, "-m", "tests.workers.cluster.two_nodes", str(folder)]
    others = set(psutil.Process().children(recursive=True))
    done = subprocess.run(
        command, cwd=CHECKOUT, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == 0, done.stderr
    assert set(psutil.Process().children(recursive=True)) <= others
    return {**json.loads((folder / "seen.json").read_text()), "log": done.stderr}


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / WEIGHTS)


def test_it_is_the_training_of_one_process(
    seen: dict[str, Any], folder: Path, tmp_path: Path
) -> None:
    assert seen["nodes"] == 2
    alone = retrain(short_task(), tmp_path, device="cpu")
    shared = json.loads((folder / "short" / "metrics.json").read_text())
    assert shared["metrics"]["gacc"] == pytest.approx(alone.metrics["gacc"], abs=2e-3)
    mine, theirs = weights(tmp_path), weights(folder / "short")
    assert all(torch.allclose(theirs[name], mine[name], 1e-4, 1e-5) for name in mine)


def test_the_first_alone_writes_and_tells(seen: dict[str, Any]) -> None:
    assert seen["files"] == [CHECKPOINT, "metrics.json", "predictions.png", WEIGHTS]
    assert seen["progress"] == sorted(set(seen["progress"]))
    assert seen["progress"]


def test_a_worker_killed_in_the_middle_changes_nothing(seen: dict[str, Any], folder: Path) -> None:
    assert "Lost a worker (lost): " in seen["log"]
    assert seen["replaced"]
    whole, gone_on = weights(folder / "whole"), weights(folder / "killed")
    assert all(torch.equal(gone_on[name], whole[name]) for name in whole)


def test_a_node_lost_in_the_middle_changes_nothing(seen: dict[str, Any], folder: Path) -> None:
    assert seen["moved"]
    whole, gone_on = weights(folder / "whole"), weights(folder / "away")
    assert all(torch.equal(gone_on[name], whole[name]) for name in whole)


def test_a_stop_ends_both_and_loses_neither(seen: dict[str, Any], folder: Path) -> None:
    assert seen["stopped"]
    assert seen["kept"]
    state = torch.load(folder / "stopped" / CHECKPOINT, weights_only=True)
    assert 0 < state["learner"]["steps"] < 100_000


def test_it_takes_turns_with_what_else_wants_workers(seen: dict[str, Any], folder: Path) -> None:
    assert seen["beside"] == [None] * 6
    first, second = weights(folder / "first"), weights(folder / "second")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_more_workers_than_there_are_is_refused(seen: dict[str, Any]) -> None:
    assert "asks for 4 devices, and the service has 2 workers" in seen["refused"]
