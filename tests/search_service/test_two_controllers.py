"""A controller that was stopped for longer than its lease lasts, and the one that went on for it."""

import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from search_service.settings import Settings
from tests.conftest import DEADLINE
from tests.search_service.bowl import expected
from tests.search_service.service import Desk, small
from tests.search_service.test_killed import BOWL, Process, desk, start

__all__ = ["desk", "start"]

pytestmark = pytest.mark.slow


def test_who_comes_back_late_writes_nothing_and_ends(
    desk: Desk, start: Callable[..., Process], settings: Settings
) -> None:
    request = small(seed=11, sampler={"name": "ppo2", "steps": 8, "samples": 6})
    job_id = desk.submit(request)
    trials, points = expected(request)
    first = start(BOWL)
    desk.wait_for_trials(job_id, 3)
    stop(first, settings)
    done = len(desk.trials(job_id))
    start(BOWL)  # takes over once the first is thought dead
    desk.wait_for_trials(job_id, done + 2)
    first.send(signal.SIGCONT)
    assert first.wait() == 1
    job = desk.wait_for(job_id)
    assert (job.state, job.error, job.attempt) == ("succeeded", None, 0)
    assert desk.trials(job_id) == trials
    assert desk.published(job_id)["control_points"] == points
    assert desk.states(job_id) == ["queued", "running", "succeeded"]


def stop(process: Process, settings: Settings) -> None:
    """Stop a process, though not while it writes to SQLite: nobody else could then, for good."""
    deadline = time.monotonic() + DEADLINE
    process.send(signal.SIGSTOP)
    while settings.database.startswith("sqlite") and is_locked(settings):
        assert time.monotonic() < deadline
        process.send(signal.SIGCONT)
        process.send(signal.SIGSTOP)


def is_locked(settings: Settings) -> bool:
    path = settings.database.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=0.1, isolation_level=None)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        database.execute("ROLLBACK")
        return False
