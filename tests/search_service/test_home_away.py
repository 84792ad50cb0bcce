"""A home that is taken away under a controller at work on SQLite, and put back: about 10 s."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from search_service.settings import Settings
from search_service.store.lease import LASTS_SECONDS, controller_runs
from surrogate_zoo.errors import StorageAwayError
from tests.conftest import CHECKOUT
from tests.search_service.bowl import expected
from tests.search_service.service import Desk, small

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "tests.search_service.process", "0.3"]


@pytest.fixture
def log(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """Log of a controller at work."""
    path, environment = tmp_path / "log", {"LOSSFIT_HOME": str(settings.home)}
    with (
        path.open("w") as output,
        subprocess.Popen(COMMAND, cwd=CHECKOUT, env=environment, stderr=output) as process,
    ):
        yield path
        process.kill()
    print(path.read_text())  # noqa: T201


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_what_was_recorded_is_there_and_the_search_goes_on_once_the_home_is_back(
    engine: Engine, settings: Settings, log: Path
) -> None:
    desk, request = Desk(engine), small(seed=5)
    job_id = desk.submit(request)
    desk.wait_for_trials(job_id, 3)
    away = settings.home.with_name("away")
    settings.home.rename(away)
    desk.wait(lambda: "does not answer" in log.read_text(), "a warning")
    with pytest.raises(StorageAwayError, match="put it back"):
        desk.submit(request)  # rather than into a file that nobody finds
    began, pause = time.monotonic(), LASTS_SECONDS / 4
    desk.wait(lambda: time.monotonic() - began > pause, "heart beats that are lost")
    assert not settings.home.exists()
    away.rename(settings.home)
    job = desk.wait_for(job_id)
    assert (job.state, job.error) == ("succeeded", None)
    trials, points = expected(request)
    assert desk.trials(job_id) == trials
    assert desk.published(job_id)["control_points"] == points
    assert controller_runs(engine)  # its heart beats again
