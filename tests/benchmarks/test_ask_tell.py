"""Trials a second: the arithmetic, and a toy-size run over real HTTP."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.client.client import Client
from benchmarks.ask_tell import Handled, medians, parse, run, trials_a_second, wait_for
from search_service.settings import Settings
from tests.api.client.test_trials import free_port
from tests.conftest import CHECKOUT

HANDLED = [Handled(10.0, 11.0, 0.5, 0.1, 0.4), Handled(10.5, 14.0, 0.7, 0.3, 0.2)]


def test_trials_count_from_the_first_ask_to_the_last_tell() -> None:
    assert trials_a_second(HANDLED) == 0.5
    assert medians(HANDLED) == pytest.approx((0.6, 0.2, 0.3))


@pytest.mark.slow
def test_every_trial_is_trained_once_by_one_of_the_workers(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port=free_port())
    command = [sys.executable, "-m", "tests.api.client.own_service", str(settings.port)]
    environment = os.environ | {"LOSSFIT_HOME": str(tmp_path)}
    with subprocess.Popen(command, cwd=CHECKOUT, env=environment) as process:
        try:
            with Client(f"http://127.0.0.1:{settings.port}") as client:
                wait_for(client)
            handled = run(settings, 2, parse(["--trials", "4", "--processes", "1"]))
        finally:
            process.kill()
    assert len(handled) == 4
    assert min(min(one.ask, one.report, one.tell) for one in handled) > 0
