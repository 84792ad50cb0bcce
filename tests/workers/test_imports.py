"""What a GPU node and the API need to have installed, tried in fresh interpreters."""

import subprocess
import sys

import pytest

from tests.conftest import CHECKOUT

# Neither the losses nor the networks bring these along.
BEYOND_A_GPU_NODE = (
    "ray", "dbos", "stable_baselines3", "gymnasium", "optuna", "fastapi", "uvicorn",
    "sqlalchemy", "alembic", "matplotlib", "pydantic_settings",
)  # fmt: skip

TRAIN = """
from tests.workers import tiny
from workers.proxy.proxy import evaluate_pack
from workers.retraining.retraining import retrain
[outcome] = evaluate_pack(tiny.proxy_task(), [tiny.candidate(0, "asl-bf1-voc")], device="cpu")
assert outcome.error is None, outcome
"""


def run(code: str, without: tuple[str, ...]) -> None:
    blocked = f"import sys; sys.modules.update(dict.fromkeys({without!r}))\n"
    command = [sys.executable, "-c", blocked + code]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_trainings_run_on_a_bare_gpu_node() -> None:
    run(TRAIN, BEYOND_A_GPU_NODE)


@pytest.mark.parametrize(
    "module", ["workers.tasks.training", "workers.tasks.proxy", "workers.datasets"]
)
def test_what_the_api_imports_needs_no_torch(module: str) -> None:
    run(f"import {module}", ("torch", "torchvision", "ray", "timm"))
