"""A folder imports only from the folders below it, and light modules stay light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("surrogate_zoo", "workers", "search_service", "api")
HEAVY = ("torch", "ray", "stable_baselines3", "dbos", "segmentation_models_pytorch", "matplotlib")
LIGHT = {
    "api.app": HEAVY,
    "search_service.cli": (*HEAVY, "api"),
    "search_service.jobs": HEAVY,
    "workers.specs": (*HEAVY, "sqlalchemy", "numpy"),
    "workers.datasets": (*HEAVY, "sqlalchemy"),
    "workers.architectures": (*HEAVY, "sqlalchemy", "numpy"),
    "surrogate_zoo": (*HEAVY, "sqlalchemy", "numpy"),
    "surrogate_zoo.surrogate": ("sqlalchemy", "ray", "stable_baselines3", "fastapi"),
}


def imported(source: str) -> Iterator[str]:
    """The top-level names that a module's source imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield str(node.module).partition(".")[0]


def modules() -> list[Path]:
    return sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))


def test_the_layers_are_found() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in modules()} == set(LAYERS)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_its_layer_and_below(path: Path) -> None:
    layer = LAYERS.index(path.relative_to(ROOT).parts[0])
    above = set(LAYERS[layer + 1 :]) & set(imported(path.read_text()))
    assert not above


def test_ray_is_imported_in_one_file_alone() -> None:
    users = [path for path in modules() if "ray" in imported(path.read_text())]
    found = sorted(path.relative_to(ROOT).as_posix() for path in users)
    assert found == ["workers/ray_calls.py", "workers/ray_pool.py"]


@pytest.mark.parametrize("module", LIGHT)
def test_a_light_module_loads_nothing_heavy(module: str) -> None:
    program = f"import {module}, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert module in loaded
    assert not set(LIGHT[module]) & set(loaded)
