"""What the files around the code promise: images, compose services, make targets."""

import re
import shutil
import subprocess
import tomllib
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from api.cli.app import app
from search_service.settings import Settings

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]


def lossfit(arguments: list[str]) -> None:
    """Parse a command line as ``lossfit`` would, without running it."""
    commands: Any = typer.main.get_group(app).commands
    name, *rest = arguments
    assert name in commands
    commands[name].make_context(name, rest)


def test_the_compose_file_has_the_promised_services() -> None:
    assert set(SERVICES) == {"postgres", "api", "controller", "ray-head", "gpu-worker"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_health_check_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", [n for n, service in SERVICES.items() if "build" in service])
def test_a_service_is_built_from_files_that_exist_and_runs_what_exists(name: str) -> None:
    service = SERVICES[name]
    dockerfile = ROOT / service["build"]["dockerfile"]
    (entry,) = re.findall(r'^ENTRYPOINT \["(\w+)"\]$', dockerfile.read_text(), re.MULTILINE)
    (entry,) = service.get("entrypoint", [entry])
    scripts = {script.name for script in entry_points(group="console_scripts")}
    assert entry in scripts
    if entry == "lossfit":
        lossfit(service["command"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_health_check_calls_a_module_that_exists(name: str) -> None:
    check = SERVICES[name]["healthcheck"]["test"]
    if "-m" in check:
        assert find_spec(check[check.index("-m") + 1])


def test_the_gpu_worker_reserves_a_gpu() -> None:
    (device,) = SERVICES["gpu-worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


@pytest.mark.parametrize("name", ["api", "controller"])
def test_a_service_sets_what_there_is_to_set(name: str) -> None:
    given = SERVICES[name]["environment"]
    known = {f"LOSSFIT_{field}".upper() for field in Settings.model_fields}
    assert {name for name in given if name.startswith("LOSSFIT_")} <= known


def test_all_nodes_of_the_cluster_share_its_secret() -> None:
    for name in ("controller", "ray-head", "gpu-worker"):
        assert SERVICES[name]["environment"]["RAY_AUTH_TOKEN"].startswith("${RAY_AUTH_TOKEN")


def test_what_depends_waits_for_health() -> None:
    for service in SERVICES.values():
        for other, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert other in SERVICES


@pytest.mark.parametrize("name", ["Dockerfile.service", "Dockerfile.worker"])
def test_an_image_copies_what_the_build_context_lets_through(name: str) -> None:
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "docker" / name).read_text(), re.MULTILINE)
    assert {source for line in copied for source in line.split()} == allowed
    assert all((ROOT / source).exists() for source in allowed)


@pytest.mark.parametrize("name", ["Dockerfile.service", "Dockerfile.worker"])
def test_an_image_installs_extras_that_there_are_in_the_versions_that_were_tested(
    name: str,
) -> None:
    (install,) = re.findall(r"^RUN pip install (.+)$", (ROOT / "docker" / name).read_text(), re.M)
    assert "--constraint constraints.txt" in install
    (extras,) = re.findall(r"'\.\[([a-z0-9,]+)\]'", install)
    assert {"service"} <= set(extras.split(",")) <= set(PROJECT["optional-dependencies"])


def test_the_constraints_leave_the_build_of_torch_to_the_platform() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    versions = [Requirement(line) for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"==[^*]+", str(version.specifier)) for version in versions)
    names = {canonicalize_name(version.name) for version in versions}
    platform = {"torch", "torchvision", "triton"}
    assert not {n for n in names if n in platform or n.startswith(("nvidia-", "cuda-"))}
    required = [Requirement(text) for text in PROJECT["dependencies"]]
    for extra in PROJECT["optional-dependencies"].values():
        required += map(Requirement, extra)
    assert {canonicalize_name(r.name) for r in required} - names == {"torch", "lossfit"}


def test_the_wheel_has_the_typed_packages_and_no_tests() -> None:
    packages = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) == {"lossfit", "surrogate_zoo", "workers", "search_service", "api"}
    for package in packages:
        assert (ROOT / package / "py.typed").is_file()
        assert not list((ROOT / package).rglob("test*"))


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]


def test_the_changelog_speaks_of_what_comes_next() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert headings[0] == "Unreleased"


def test_pre_commit_runs_tools_that_the_tests_have() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    entries = [hook["entry"].split()[0] for hook in config["repos"][0]["hooks"]]
    tools = {Requirement(text).name for text in PYPROJECT["dependency-groups"]["test"]}
    assert {entry.removeprefix(".venv/bin/") for entry in entries} <= tools


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(
    "target", ["quickstart", "test", "test-slow", "lint", "bench", "install", "constraints"]
)
def test_make_knows_its_targets(target: str) -> None:
    dry = subprocess.run(
        ["make", "--dry-run", "--always-make", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ".venv/bin/" in dry.stdout
