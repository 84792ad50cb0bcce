"""A home that can only be read for a while, under a controller at work and under one that starts."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from search_service.searches.request import SearchRequest
from search_service.settings import Settings
from tests.conftest import CHECKOUT, DEADLINE
from tests.search_service.bowl import expected
from tests.search_service.service import Desk, small

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "tests.search_service.process", "0.3"]
Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Iterator[Start]:
    """Starts a controller whose log is ``tmp_path / "log"``."""
    environment = {"LOSSFIT_HOME": str(settings.home), "LOSSFIT_DATABASE_URL": settings.database}
    running: list[subprocess.Popen[bytes]] = []

    def begin() -> subprocess.Popen[bytes]:
        with (tmp_path / "log").open("a") as output:
            running.append(subprocess.Popen(COMMAND, cwd=CHECKOUT, env=environment, stderr=output))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.wait()
    print((tmp_path / "log").read_text())  # noqa: T201


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """What is opened below a folder from now on can only be read; skips where nothing may be mounted."""
    bound = subprocess.run(
        ["mount", "--bind", folder, folder], capture_output=True, text=True, check=False
    )
    if bound.returncode:
        pytest.skip(f"only root may mount a folder here: {bound.stderr.strip()}")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _ends_as_undisturbed(desk: Desk, job_id: str, request: SearchRequest) -> None:
    job = desk.wait_for(job_id)
    assert (job.state, job.error) == ("succeeded", None)
    trials, points = expected(request)
    assert desk.trials(job_id) == trials
    assert desk.published(job_id)["control_points"] == points


def test_a_search_waits_until_its_home_can_be_written_to_again(
    engine: Engine, settings: Settings, start: Start, tmp_path: Path
) -> None:
    desk, request = Desk(engine), small(seed=5)
    start()
    job_id = desk.submit(request)
    desk.wait_for_trials(job_id, 3)
    with read_only(settings.home):
        desk.wait(lambda: "ead-only" in (tmp_path / "log").read_text(), "a warning")
        before = desk.trials(job_id)
    _ends_as_undisturbed(desk, job_id, request)
    assert desk.trials(job_id)[: len(before)] == before


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_controller_that_starts_meanwhile_says_so_and_the_next_one_goes_on(
    engine: Engine, settings: Settings, start: Start, tmp_path: Path
) -> None:
    desk, request = Desk(engine), small(seed=5)
    first = start()
    job_id = desk.submit(request)
    desk.wait_for_trials(job_id, 3)
    first.kill()
    first.wait()
    with read_only(settings.home):
        assert start().wait(timeout=DEADLINE) == 1
    log = (tmp_path / "log").read_text()
    assert "does not take a controller: attempt to write a readonly database" in log
    assert "Traceback" not in log
    start()
    _ends_as_undisturbed(desk, job_id, request)
