"""A package imports only from those below it, no imports go in a circle, light modules stay light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import CHECKOUT

LAYERS: dict[str, tuple[str, ...]] = {
    "surrogate_zoo": (
        *(
            "errors",
            "registry",
            "entry_points",
            "files",
            "needs",
            "sums",
            "modes",
            "batch",
            "labelling",
        ),
        *("processes", "curves", "metrics", "loss_networks", "losses", "loops", "store"),
    ),
    "workers": (
        *("tasks", "datasets", "networks", "learning", "loss_networks", "instances", "scoring"),
        *("proxy", "retraining", "cluster"),
    ),
    "search_service": (
        *(
            "significance",
            "presets",
            "pages",
            "store",
            "settings",
            "logs",
            "liveness",
            "access",
            "jobs",
        ),
        *(
            "catalogue",
            "spaces",
            "samplers",
            "loss_networks",
            "searches",
            "retrainings",
            "comparisons",
            "registrations",
        ),
        *(
            "kinds",
            "overview",
            "deletion",
            "retention",
            "metering",
            "reporting",
            "readiness",
            "controller",
            "process",
            "local",
            "backup",
        ),
    ),
    "api": (
        *(
            "schemas",
            "event_schemas",
            "job_schemas",
            "catalogue_schemas",
            "trial_schemas",
            "comparison_schemas",
            "loss_schemas",
            "overview_schemas",
            "client",
            "problems",
            "auth",
            "audit",
            "browsers",
            "proxies",
            "body",
        ),
        *("plain_errors", "monitoring", "openapi", "served", "dependencies", "deletions"),
        *("files", "streams", "routes", "app", "interface", "cli"),
    ),
    "lossfit": (),
    "benchmarks": (),
}
"""Folders from the lowest to the highest, and in each its packages and modules, in the same order."""

ORDER = {
    name: rank
    for rank, name in enumerate(
        f"{folder}.{room}" if room else folder
        for folder, rooms in LAYERS.items()
        for room in (*rooms, "")
    )
}

HEAVY = ("torch", "ray", "stable_baselines3", "dbos", "segmentation_models_pytorch", "matplotlib")
LIGHT = {
    "api.app": HEAVY,
    "api.client.client": (*HEAVY, "sqlalchemy", "fastapi", "starlette", "numpy", "scipy", "fsspec"),
    "api.cli.app": (*HEAVY, "sqlalchemy", "numpy", "pydantic", "httpx"),  # help comes at once
    "search_service.jobs.lifecycle": HEAVY,
    "search_service.process": ("torch", "dbos", "sqlalchemy", "matplotlib"),  # Ray starts at once
    # The first training of a job waits for nothing of it.
    "search_service.searches.search": HEAVY,
    "search_service.comparisons.comparison": HEAVY,
    "search_service.retrainings.retraining": HEAVY,
    "search_service.loss_networks.training": HEAVY,
    "search_service.registrations.registration": HEAVY,
    "search_service.searches.report": ("sklearn", "pandas"),  # every search ends with it
    "workers.tasks.proxy": (*HEAVY, "sqlalchemy", "numpy"),
    "workers.tasks.retraining": (*HEAVY, "sqlalchemy", "numpy"),
    "workers.datasets.layouts.registry": (*HEAVY, "sqlalchemy"),
    "workers.networks.architectures": (*HEAVY, "sqlalchemy", "numpy"),
    "lossfit": (*HEAVY, "sqlalchemy", "numpy", "httpx"),
    "surrogate_zoo": (*HEAVY, "sqlalchemy", "numpy"),
    "workers.cluster.pool": ("torch", "segmentation_models_pytorch", "matplotlib"),
    "surrogate_zoo.losses.surrogate": ("sqlalchemy", "ray", "stable_baselines3", "fastapi"),
}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")


def sources() -> dict[str, str]:
    """Module -> its source, of every folder; migrations are Alembic's to import."""
    paths = sorted(path for folder in LAYERS for path in (CHECKOUT / folder).rglob("*.py"))
    return {module_of(path): path.read_text() for path in paths if "migrations" not in path.parts}


SOURCES = sources()


def imports_of(source: str) -> Iterator[str]:
    """The modules that a source imports, wherever in it: deferred ones and those for types too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in SOURCES else str(node.module)


def room_of(module: str) -> str:
    """The entry of :data:`ORDER` that a module belongs to."""
    parts = module.split(".")
    room = ".".join(parts[:2])
    return room if room in ORDER else parts[0]


def test_every_folder_and_every_package_has_its_layer() -> None:
    rooms = {room_of(module) for module in SOURCES}
    assert rooms == set(ORDER)
    undeclared = {m for m in SOURCES if m.count(".") >= 1 and room_of(m) in LAYERS}
    assert {m.split(".")[0] for m in undeclared} <= {"benchmarks", "lossfit"}


@pytest.mark.parametrize("module", SOURCES)
def test_a_module_imports_only_from_its_package_and_below(module: str) -> None:
    rank = ORDER[room_of(module)]
    inside = [name for name in imports_of(SOURCES[module]) if name.split(".")[0] in LAYERS]
    above = {
        name
        for name in inside
        if ORDER[room_of(name)] > rank
        or name.split(".")[0] == "lossfit" != module.split(".", maxsplit=1)[0]
    }
    # The lazy faces of the folders name modules of theirs, which they load when they are asked.
    assert not above or module == "surrogate_zoo"


def test_a_package_is_empty_or_lazy() -> None:
    full = {
        path.parent.relative_to(CHECKOUT).as_posix()
        for folder in LAYERS
        for path in (CHECKOUT / folder).rglob("__init__.py")
        if any(not isinstance(node, ast.Expr) for node in ast.parse(path.read_text()).body)
    }
    assert full == {"surrogate_zoo", "lossfit"}  # whose names load on first use, see LIGHT


def test_no_imports_go_in_a_circle() -> None:
    graph = {
        module: {name for name in imports_of(source) if name in SOURCES and name != module}
        for module, source in SOURCES.items()
        if module not in ("surrogate_zoo", "lossfit")
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"imports go in a circle: {' <- '.join(error.args[1])}")


def test_nothing_that_ships_or_measures_imports_the_tests() -> None:
    users = {
        module
        for module, source in SOURCES.items()
        if any(name.split(".")[0] == "tests" for name in imports_of(source))
    }
    assert not users


def test_ray_is_imported_by_the_cluster_and_for_tune_alone() -> None:
    users = {
        m for m, source in SOURCES.items() if "ray" in {n.split(".")[0] for n in imports_of(source)}
    }
    measured = {m for m in users if m.startswith(("benchmarks.ray_tune.", "benchmarks.nodes"))}
    cluster = {f"workers.cluster.{name}" for name in ("actors", "calls", "liveness", "pool")}
    assert users - measured == cluster | {"search_service.local.tune"}


@pytest.mark.parametrize("module", LIGHT)
def test_a_light_module_loads_nothing_heavy(module: str) -> None:
    program = f"import {module}, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=CHECKOUT
    ).stdout.split()
    assert module in loaded
    assert not set(LIGHT[module]) & set(loaded)
