"""Every way of the benchmark brings the smallest halving and race to an end, with the pool's scores."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from ray.tune.experiment import Trial

from benchmarks.ray_tune import runs
from benchmarks.ray_tune.__main__ import candidates, row, sameness, task_of
from benchmarks.ray_tune.contest import Contest, Halving, Race
from benchmarks.ray_tune.folder import Evaluation, Folder
from benchmarks.ray_tune.runs import Result
from benchmarks.ray_tune.schedulers import InStep
from search_service.searches.halving import HalvingSpec
from search_service.searches.racing.rules import RaceSpec
from tests.workers.tiny import candidate, proxy_task

NAMES = ("cross-entropy", "lovasz", "dice", "focal")
LOSSES = tuple(candidate(number, name) for number, name in enumerate(NAMES))
HALVING = Halving(proxy_task(training={"iterations": 4}), LOSSES, HalvingSpec())
RACE = Race(proxy_task(training={"iterations": 2}), LOSSES[:2], RaceSpec(heats=0, rounds=2))


def given(contest: Contest, path: Path) -> Folder:
    folder = Folder(path)
    folder.give(contest)
    return folder


@pytest.fixture(scope="module")
def _ray() -> Iterator[None]:
    with runs.ray_up():
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("_ray")
def test_ways_without_timing_give_the_pools_scores(tmp_path: Path) -> None:
    for contest in (HALVING, RACE):
        wanted = runs.here(given(contest, tmp_path / contest.__class__.__name__ / "pool"), "pool")
        assert wanted.scores is not None
        assert contest.stand(wanted.scores).left == frozenset()
        for way in ("in-step", "packs"):
            found = runs.here(given(contest, tmp_path / contest.__class__.__name__ / way), way)
            assert found.scores == wanted.scores
            assert found.evaluations == wanted.evaluations
            assert found.cpu > 0


class Table:
    """Trials as Tune's controller lists them, and those that were stopped."""

    def __init__(self, trials: list[SimpleNamespace]) -> None:
        self.trials, self.stopped = trials, list[int]()

    def get_trials(self) -> list[SimpleNamespace]:
        return self.trials

    def stop_trial(self, trial: SimpleNamespace) -> None:
        trial.status = Trial.TERMINATED
        self.stopped.append(trial.config["number"])


def test_who_waited_too_late_to_be_told_is_stopped_and_not_run_again() -> None:
    trials = [
        SimpleNamespace(
            config={"number": number}, status=Trial.PAUSED, last_result={"scores": [score]}
        )
        for number, score in enumerate((0.1, 0.2, 0.3, 0.4))
    ]
    table, scheduler = Table(trials), InStep(HALVING)
    trials[1].status = Trial.RUNNING  # its checkpoint is being written
    trials[3].status = Trial.RUNNING
    result = {"scores": [0.4]}
    assert scheduler.on_trial_result(table, cast("Trial", trials[3]), result) == InStep.CONTINUE
    assert scheduler.choose_trial_to_run(table) is trials[2]
    trials[1].status, trials[2].status = Trial.PAUSED, Trial.RUNNING
    assert scheduler.choose_trial_to_run(table) is None
    assert table.stopped == [0, 1]


@pytest.mark.slow
@pytest.mark.usefixtures("_ray")
@pytest.mark.parametrize("way", ["hyperband", "asha"])
def test_tunes_own_schedulers_end(way: str, tmp_path: Path) -> None:
    found = runs.here(given(HALVING, tmp_path / way), way)
    assert found.scores is not None
    assert set(found.scores) == set(HALVING.numbers)
    assert any(len(own) == HALVING.steps for own in found.scores.values())


@pytest.mark.slow
def test_a_driver_that_was_killed_goes_on_from_its_lines(tmp_path: Path) -> None:
    folder = given(HALVING, tmp_path / "run")
    found = runs.apart(folder, "pool", interrupt=runs.kill_driver(4), environment={})
    assert found.scores is not None
    assert HALVING.stand(found.scores).left == frozenset()
    assert found.evaluations == 4 + 2 + 1


def test_lines_are_read_as_they_were_written(tmp_path: Path) -> None:
    folder = given(HALVING, tmp_path / "run")
    assert folder.evaluations == []
    written = [Evaluation(0, 1, 0.5, 17), Evaluation(1, 1, None, 18)]
    for evaluation in written:
        folder.note(evaluation)
    assert folder.evaluations == written
    assert folder.contest == HALVING


def test_the_benchmark_has_the_zoos_losses_and_the_quick_network() -> None:
    task = task_of({"layout": "shapes"}, 40, frozen=False)
    few = candidates(task, 3)
    assert [each.number for each in few] == [0, 1, 2]
    assert few[0].learning_rate == pytest.approx(task.training.learning_rate)
    assert task_of({"layout": "shapes"}, 40, frozen=True).frozen_encoder


def test_a_row_tells_ratios_and_what_is_the_same() -> None:
    scores = {0: (0.1,), 1: (0.4, 0.5), 2: (0.3, 0.6, 0.7), 3: (0.2,)}
    base = Result(scores, 10.0, 5.0, 7)
    assert sameness(HALVING, base, base) == ("same", "same")
    other = Result(scores | {1: (0.4, 0.5, 0.6)}, 20.0, 20.0, 8)
    assert sameness(HALVING, other, base) == ("1 of 2", "other")
    assert sameness(HALVING, Result(None, 1.0, 1.0, 3), base) == ("no end", "-")
    line = row("Tune", HALVING, other, base)
    assert "x2.00" in line
    assert "x4.00" in line
    assert len(line) <= 80
