"""The pool against a real Ray, with workers that are really killed."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from surrogate_zoo.errors import DatasetError, InputError, WorkerError
from tests.conftest import DEADLINE
from tests.workers import tiny
from workers.cluster import actors
from workers.cluster.actors import STOP_GRACE
from workers.cluster.calls import connect
from workers.cluster.pool import WorkerPool
from workers.loss_networks.training import train_loss_network
from workers.proxy.proxy import evaluate_pack
from workers.retraining.retraining import retrain
from workers.tasks.base import Stopped
from workers.tasks.datasets import SegNetSource
from workers.tasks.loss_networks import EdgeNetworkSpec, LossNetworkTask
from workers.tasks.proxy import Candidate, Outcome
from workers.tasks.retraining import CHECKPOINT

pytestmark = pytest.mark.usefixtures("local_ray")

NAMES = ("cross-entropy", "dice", "naive-macc", "asl-macc-voc", "naive-miou", "asl-miou-voc")
SIX = [tiny.candidate(number, name) for number, name in enumerate(NAMES)]


@pytest.fixture(scope="module")
def pool(local_ray: None) -> Iterator[WorkerPool]:
    with WorkerPool(actors=2, pack_size=2) as two:
        yield two


def scores(outcomes: list[Outcome]) -> dict[int, tuple[float | None, object]]:
    return {outcome.number: (outcome.score, outcome.metrics) for outcome in outcomes}


def evaluate(pool: WorkerPool, candidates: list[Candidate], **task: object) -> list[Outcome]:
    outcomes: list[Outcome] = []
    pool.evaluate(tiny.proxy_task(**task), candidates, on_outcome=outcomes.append)
    return outcomes


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    waiting = threading.Event()
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        waiting.wait(0.02)


def pids(pool: WorkerPool) -> set[int]:
    """Those of workers that have started."""
    return {int(worker["pid"]) for worker in pool.workers() if "pid" in worker}


def both(pool: WorkerPool) -> set[int]:
    """The two of them, once both have started."""
    wait_for(lambda: len(pids(pool)) == 2)
    return pids(pool)


def test_workers_are_listed_once_they_have_started_though_nobody_claims_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str | None, int]] = []

    def told(address: str | None, cpus: int) -> bool:
        asked.append((address, cpus))
        return connect(address, cpus)

    monkeypatch.setattr(actors, "connect", told)
    with WorkerPool(actors=1, cpus_per_actor=1.5) as idle:
        wait_for(lambda: [worker["state"] for worker in idle.workers()] == ["idle"])
    assert asked == [(None, 2)]  # each CPU that Ray has starts a process of its own


def test_outcomes_are_those_of_this_process(pool: WorkerPool) -> None:
    outcomes = evaluate(pool, SIX)
    assert sorted(outcome.number for outcome in outcomes) == list(range(6))
    assert scores(outcomes) == scores(evaluate_pack(tiny.proxy_task(), SIX, device="cpu"))
    assert {outcome.worker["pid"] for outcome in outcomes} <= pids(pool)
    assert all(outcome.worker["threads"] == 1 for outcome in outcomes)


def test_outcomes_come_in_the_callers_thread(pool: WorkerPool) -> None:
    threads: set[int] = set()
    pool.evaluate(tiny.proxy_task(), SIX, on_outcome=lambda _: threads.add(threading.get_ident()))
    assert threads == {threading.get_ident()}


def test_nothing_to_evaluate(pool: WorkerPool) -> None:
    assert evaluate(pool, []) == []


def test_actors_stay_alive_across_calls(pool: WorkerPool) -> None:
    before = both(pool)
    evaluate(pool, SIX)
    evaluate(pool, SIX)
    assert pids(pool) == before


@pytest.mark.slow
def test_a_killed_worker_changes_no_score(
    pool: WorkerPool, caplog: pytest.LogCaptureFixture
) -> None:
    longer = tiny.proxy_task(training={"iterations": 80})  # well above a second a pack
    undisturbed: list[Outcome] = []
    pool.evaluate(longer, SIX, on_outcome=undisturbed.append)
    [victim, _] = both(pool)
    outcomes: list[Outcome] = []
    looks = iter(range(1000))

    def kill_at_second_look() -> bool:  # 0.2 s into the first packs
        if next(looks) == 1:
            assert not outcomes
            os.kill(victim, signal.SIGKILL)
        return False

    with caplog.at_level(logging.WARNING):
        pool.evaluate(longer, SIX, on_outcome=outcomes.append, should_stop=kill_at_second_look)
    assert "Lost a worker (lost): " in caplog.text
    assert sorted(outcome.number for outcome in outcomes) == list(range(6))
    assert scores(outcomes) == scores(undisturbed)
    assert victim not in both(pool)


@pytest.mark.slow
def test_workers_killed_while_idle_cost_no_attempt(pool: WorkerPool) -> None:
    evaluate(pool, SIX)
    for pid in pids(pool):
        os.kill(pid, signal.SIGKILL)
    assert all(outcome.error is None for outcome in evaluate(pool, SIX))


@pytest.mark.slow
def test_a_candidate_that_kills_its_workers_fails_alone(
    pool: WorkerPool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    endless = {"iterations": 100_000}
    killed: set[int] = set()
    stop = threading.Event()
    outcomes: list[Outcome] = []

    def kill_all() -> None:
        while not stop.wait(0.05):
            for pid in pids(pool) - killed:
                killed.add(pid)
                os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_all)
    with caplog.at_level(logging.WARNING):
        killer.start()
        pool.evaluate(
            tiny.proxy_task(training=endless),
            SIX[:1],
            on_outcome=outcomes.append,
            should_stop=lambda: not killer.is_alive(),
        )
        stop.set()
        killer.join()
    [outcome] = outcomes
    assert outcome.score is None
    assert outcome.error is not None
    assert outcome.error.startswith("worker lost 5 times: ")
    assert all(outcome.error is None for outcome in evaluate(pool, SIX))


def test_a_sick_candidate_fails_and_the_rest_go_on(pool: WorkerPool) -> None:
    sick = Candidate(9, {"schema": "lossfit/loss/v1", "kind": "surrogate", "name": "sick"})
    outcomes = evaluate(pool, [sick, *SIX[:3]])
    assert scores(outcomes)[9] == (None, {})
    assert [outcome.number for outcome in outcomes if outcome.error is not None] == [9]


def test_trainings_that_overflow_fail_with_their_reason(pool: WorkerPool) -> None:
    outcomes = evaluate(pool, SIX[:2], training=tiny.OVERFLOWING)
    assert all("The loss became" in str(outcome.error) for outcome in outcomes)


def test_stopping_frees_the_actors_quickly(pool: WorkerPool) -> None:
    before = both(pool)
    looks: list[float] = []

    def should_stop() -> bool:
        looks.append(time.monotonic())
        return len(looks) > 5

    endless = tiny.proxy_task(training={"iterations": 100_000})
    with pytest.raises(Stopped):
        pool.evaluate(endless, SIX, on_outcome=lambda _: None, should_stop=should_stop)
    assert time.monotonic() - looks[-1] < STOP_GRACE
    assert pids(pool) == before  # they gave up the training; none had to be killed
    assert len(evaluate(pool, SIX)) == 6


def test_an_error_of_the_caller_frees_the_actors(pool: WorkerPool) -> None:
    def fail(_: Outcome) -> None:
        raise KeyError("the caller's own")

    with pytest.raises(KeyError, match="the caller's own"):
        pool.evaluate(tiny.proxy_task(), SIX, on_outcome=fail)
    assert len(evaluate(pool, SIX)) == 6


def test_two_searches_share_the_actors(pool: WorkerPool) -> None:
    order: list[str] = []
    tasks = {name: tiny.proxy_task(seed=seed) for name, seed in (("one", 1), ("two", 2))}
    together: dict[str, list[Outcome]] = {name: [] for name in tasks}

    def search(name: str) -> None:
        def on_outcome(outcome: Outcome) -> None:
            order.append(name)
            together[name].append(outcome)

        pool.evaluate(tasks[name], SIX * 2, on_outcome=on_outcome)

    threads = [threading.Thread(target=search, args=(name,)) for name in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=DEADLINE)
    first, last = order[: len(order) // 2], order[len(order) // 2 :]
    assert set(first) == set(last) == {"one", "two"}
    for name, task in tasks.items():
        assert scores(together[name]) == scores(evaluate_pack(task, SIX, device="cpu"))


def test_a_wrong_task_is_the_callers_error(pool: WorkerPool) -> None:
    nowhere = SegNetSource(root="/nowhere", classes=("a", "b"))
    with pytest.raises(DatasetError, match="/nowhere does not exist"):
        evaluate(pool, SIX, dataset=nowhere)
    with pytest.raises(InputError, match="no metric named 'none'"):
        evaluate(pool, SIX, metric="none")


def test_a_retraining_tells_progress_and_leaves_its_files(pool: WorkerPool, tmp_path: Path) -> None:
    told: list[int] = []
    task = tiny.retraining_task(training={"iterations": 200}, checkpoint_every=50)
    result = pool.run(task, tmp_path / "out", on_progress=lambda step, _: told.append(step))
    assert told == sorted(set(told))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*result.files, CHECKPOINT}
    assert result.metrics == retrain(task, tmp_path / "here", device="cpu").metrics


@pytest.mark.slow
def test_a_retraining_survives_its_worker(pool: WorkerPool, tmp_path: Path) -> None:
    task = tiny.retraining_task(training={"iterations": 300}, checkpoint_every=20)
    out, whole = tmp_path / "out", tmp_path / "whole"
    killed: list[int] = []

    def kill(steps: int, _: float) -> None:
        if not killed and (out / CHECKPOINT).exists():
            killed.append(steps)
            for pid in pids(pool):
                os.kill(pid, signal.SIGKILL)

    pool.run(task, out, on_progress=kill)
    retrain(task, whole, device="cpu")
    assert killed
    assert killed[0] < 300
    gone_on, straight = (load_file(folder / "weights.safetensors") for folder in (out, whole))
    assert all(gone_on[name].equal(straight[name]) for name in straight)


def test_a_stopped_retraining_leaves_its_checkpoint(pool: WorkerPool, tmp_path: Path) -> None:
    started = threading.Event()
    task = tiny.retraining_task(training={"iterations": 100_000}, checkpoint_every=100_000)
    with pytest.raises(Stopped):
        pool.run(task, tmp_path, on_progress=lambda *_: started.set(), should_stop=started.is_set)
    assert (tmp_path / CHECKPOINT).exists()


def test_a_retraining_that_diverges(pool: WorkerPool, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"The retraining failed\. The loss became"):
        pool.run(tiny.retraining_task(training=tiny.OVERFLOWING), tmp_path)


def edge_task(iterations: int) -> LossNetworkTask:
    spec = EdgeNetworkSpec(iterations=iterations, crop=(32, 32))
    return LossNetworkTask(dataset=tiny.SOURCE, network=spec)


@pytest.mark.slow
def test_a_loss_network_survives_its_worker(pool: WorkerPool, tmp_path: Path) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    told: list[int] = []

    def kill(steps: int, _: float) -> None:
        if not told:
            for pid in pids(pool):
                os.kill(pid, signal.SIGKILL)
        told.append(steps)

    result = pool.run(edge_task(300), out, on_progress=kill)
    expected = train_loss_network(edge_task(300), whole, device="cpu")
    assert told == sorted(set(told))
    assert 0 < told[0] < 300
    assert result.measures == expected.measures
    assert (out / result.file).read_bytes() == (whole / expected.file).read_bytes()


def test_a_stopped_loss_network_leaves_no_weights(pool: WorkerPool, tmp_path: Path) -> None:
    started = threading.Event()
    with pytest.raises(Stopped):
        pool.run(
            edge_task(100_000),
            tmp_path,
            on_progress=lambda *_: started.set(),
            should_stop=started.is_set,
        )
    assert list(tmp_path.iterdir()) == []


def test_the_pool_takes_what_the_cluster_has(local_ray: None) -> None:
    with WorkerPool(cpus_per_actor=2) as pool:
        assert pool.actors == 2
        [outcome] = evaluate(pool, SIX[:1])
        assert outcome.worker["threads"] == 2


@pytest.mark.parametrize("wrong", [{"actors": 0}, {"pack_size": 0}, {"cpus_per_actor": 0}])
def test_wrong_sizes(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="must be"):
        WorkerPool(**wrong)
