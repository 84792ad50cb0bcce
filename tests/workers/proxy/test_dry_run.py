"""Scripts of dry runs: scores that follow from parameters, and every act."""

import time
from pathlib import Path
from typing import Any

import pytest

from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.registry import LOSSES
from tests.workers import tiny
from workers.cluster.refusal import Refusal
from workers.cluster.worker import TrainingWorker
from workers.proxy.dry_run import PLACE, dry_run_pack, score
from workers.tasks.base import Stopped
from workers.tasks.datasets import DryRunSource
from workers.tasks.proxy import Candidate, ProxyTask, state_path

TWO = [tiny.candidate(0), tiny.candidate(1, "dice")]


def dry(*acts: dict[str, Any], seconds: float = 0.0, **task: Any) -> ProxyTask:
    script = {"seconds": seconds, "acts": acts}
    return tiny.proxy_task(dataset=DryRunSource.model_validate({"script": script}), **task)


def test_scores_follow_from_the_loss_and_the_metric_alone() -> None:
    first = dry_run_pack(dry(), TWO, device="cpu")
    again = [dry_run_pack(dry(seed=7, seconds=0.05), [each], device="cpu")[0] for each in TWO]
    assert [outcome.metrics for outcome in first] == [outcome.metrics for outcome in again]
    scores = [outcome.score for outcome in first]
    assert scores[0] != scores[1]
    assert all(value is not None and 0 < value < 1 for value in scores)
    (both,) = dry_run_pack(dry(metric="macc+bf1"), TWO[:1], device="cpu")
    assert both.metrics["macc"] == scores[0] != both.metrics["bf1"]


def test_a_score_knows_parameters_and_learning_rate() -> None:
    document = LOSSES["focal"].document()
    other = {**document, "parameters": {**document["parameters"], "gamma": 0.5}}
    renamed = {**document, "sha256": "0" * 64, "provenance": {"when": 3}}
    assert score(document, "miou") == score(renamed, "miou") != score(other, "miou")
    slow = Candidate(0, document, learning_rate=0.01)
    rates = [dry_run_pack(dry(), [each], device="cpu")[0].score for each in (slow, TWO[0])]
    assert rates[0] != rates[1]


@pytest.mark.parametrize(
    ("act", "error"),
    [("raise", RuntimeError), ("refuse", InputError), ("out-of-memory", MemoryError)],
)
def test_acts_that_raise(act: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        dry_run_pack(dry({"do": act, "candidates": [1], "fits": 1}), TWO, device="cpu")
    (well,) = dry_run_pack(dry({"do": act, "candidates": [1], "fits": 1}), TWO[:1], device="cpu")
    assert well.error is None


def test_memory_is_enough_for_a_smaller_pack() -> None:
    (outcome,) = dry_run_pack(dry({"do": "out-of-memory", "fits": 1}), TWO[:1], device="cpu")
    assert outcome.error is None


def test_nan_fails_one_candidate_alone() -> None:
    failed, well = dry_run_pack(dry({"do": "nan", "candidates": [0]}), TWO, device="cpu")
    assert (failed.error, failed.failure, failed.score) == (
        "The loss became nan at iteration 2.",
        "infeasible",
        None,
    )
    assert well.error is well.failure is None


def test_an_act_of_another_place_does_not_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    task = dry({"do": "refuse", "place": "here"})
    assert len(dry_run_pack(task, TWO, device="cpu")) == 2
    monkeypatch.setenv(PLACE, "here")
    with pytest.raises(InputError, match="refuses"):
        dry_run_pack(task, TWO, device="cpu")


def test_a_sleep_can_be_stopped() -> None:
    steps: list[int] = []

    def progress(step: int) -> None:
        steps.append(step)
        if len(steps) > 2:
            raise Stopped

    began = time.monotonic()
    with pytest.raises(Stopped):
        dry_run_pack(dry({"do": "sleep", "seconds": 60}), TWO, device="cpu", progress=progress)
    assert time.monotonic() - began < 10


def test_rungs_keep_states_and_go_on_from_them(tmp_path: Path) -> None:
    part = dry(stop_after=2, states=str(tmp_path))
    (outcome,) = dry_run_pack(part, TWO[:1], device="cpu")
    assert outcome.iterations == 2
    assert state_path(tmp_path, 0).read_text() == "2"
    steps: list[int] = []
    rest = part.model_copy(update={"stop_after": None})
    dry_run_pack(rest, TWO[:1], device="cpu", progress=steps.append)
    assert steps[0] > 2
    assert steps[-1] == 4


def test_a_worker_plays_it_in_place_of_a_training() -> None:
    worker = TrainingWorker(threads=1, device="cpu")
    outcomes = worker.evaluate("a", dry(), TWO)
    assert not isinstance(outcomes, Refusal)
    assert [outcome.hold_out for outcome in outcomes] == ["nothing was held out: a dry run"] * 2
    refusal = worker.evaluate("b", dry({"do": "refuse"}), TWO)
    assert isinstance(refusal, Refusal)
    assert refusal.kind == "InputError"
