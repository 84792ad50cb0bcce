"""What becomes of candidates that fail on real workers, each class by its budget; about 15 s."""

import os
import signal
from pathlib import Path

import pytest

from surrogate_zoo.errors import WorkersAwayError
from tests.workers import tiny
from tests.workers.cluster.test_pool import wait_for
from tests.workers.proxy.test_dry_run import dry
from workers.cluster import actors
from workers.cluster.actor import TrainingActor
from workers.cluster.pool import WorkerPool
from workers.tasks.base import Stopped
from workers.tasks.proxy import Outcome

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("local_ray")]

FOUR = [tiny.candidate(number) for number in range(4)]


def test_each_class_of_failures_has_a_budget_of_its_own(local_ray: None) -> None:
    acts = (
        {"do": "out-of-memory", "fits": 1, "candidates": [0]},  # beside 1 there is no room
        {"do": "raise", "candidates": [2]},
        {"do": "nan", "candidates": [3]},
    )
    outcomes: list[Outcome] = []
    with WorkerPool(actors=2, pack_size=2) as pool:
        pool.evaluate(dry(*acts), FOUR, on_outcome=outcomes.append)
    told = {outcome.number: outcome.failure for outcome in outcomes}
    assert told == {0: None, 1: None, 2: "unexpected", 3: "infeasible"}
    (failed,) = (outcome for outcome in outcomes if outcome.failure == "unexpected")
    assert failed.error == "failed 2 times: RuntimeError: The script raises."


def test_a_worker_that_is_stopped_is_gone_soon_after_a_stop(local_ray: None) -> None:
    asleep = dry({"do": "sleep", "seconds": 600, "at": 0})
    with WorkerPool(actors=1) as pool:
        pool.evaluate(dry(), FOUR[:1], on_outcome=lambda _: None)
        (worker,) = pool.workers()
        victim = int(worker["pid"])
        looks = iter(range(1000))

        def should_stop() -> bool:
            look = next(looks)
            if look == 2:  # it sleeps by now
                os.kill(victim, signal.SIGSTOP)
            return look > 2

        with pytest.raises(Stopped):
            pool.evaluate(asleep, FOUR[:1], on_outcome=lambda _: None, should_stop=should_stop)
        wait_for(lambda: is_gone(victim))


class Broken(TrainingActor):
    """An actor that does not start."""

    def __init__(self, threads: int, device: str) -> None:
        raise RuntimeError(f"{device} has no driver for {threads} threads")


def test_why_no_worker_starts_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actors, "Worker", Broken)
    with (
        WorkerPool(actors=1) as pool,
        pytest.raises(
            WorkersAwayError, match=r"No worker can be started: .* cpu has no driver for"
        ),
    ):
        pool.evaluate(dry(), FOUR[:1], on_outcome=lambda _: None)


def is_gone(pid: int) -> bool:
    """Whether a process is not there, or waits for its parent alone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
