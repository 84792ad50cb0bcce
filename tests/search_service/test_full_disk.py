"""A controller whose process can write nothing for a while, in the middle of a search, and then again."""

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from search_service.settings import Settings
from tests.conftest import CHECKOUT
from tests.search_service.bowl import expected
from tests.search_service.service import Desk, small

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "tests.search_service.process", "0.15"]


@pytest.fixture
def controller(settings: Settings, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {"LOSSFIT_HOME": str(settings.home), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        COMMAND, cwd=CHECKOUT, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_disk_that_takes_nothing_for_a_while_costs_no_result(
    engine: Engine, controller: subprocess.Popen[str]
) -> None:
    desk, request = Desk(engine), small(seed=5)
    job_id = desk.submit(request)
    desk.wait_for_trials(job_id, 3)
    _, most = resource.prlimit(controller.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(controller.pid, resource.RLIMIT_FSIZE, (0, most))
    assert controller.stderr is not None
    told = next(line for line in controller.stderr if "The database does not answer" in line)
    assert told
    before = desk.trials(job_id)
    resource.prlimit(controller.pid, resource.RLIMIT_FSIZE, (most, most))
    job = desk.wait_for(job_id)
    assert (job.state, job.error) == ("succeeded", None)
    trials, points = expected(request)
    assert desk.trials(job_id) == trials
    assert trials[: len(before)] != []
    assert desk.published(job_id)["control_points"] == points
    assert desk.states(job_id)[-1] == "succeeded"
