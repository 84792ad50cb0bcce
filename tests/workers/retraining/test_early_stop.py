"""Training ends when the score on the hold-out set stops rising, and keeps the best network."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from torch import nn

from surrogate_zoo.errors import DatasetError, UnknownNameError
from tests.workers import tiny
from workers.datasets.layouts.registry import open_dataset
from workers.learning.hold_out import cut_hold_out
from workers.learning.image_stack import stack_by_size
from workers.networks.build import build_network
from workers.retraining.early_stop import EarlyStop
from workers.retraining.retraining import retrain
from workers.scoring.inference import evaluate
from workers.tasks.base import Stopped
from workers.tasks.hold_out import HoldOut
from workers.tasks.retraining import EarlyStopSpec, RetrainingTask

# Every learning rate here but the first steps' is far too high: the score falls again.
RISES_AND_FALLS = {"iterations": 40, "learning_rate": 1.0, "batch_size": 4}


def scripted(scores: list[float], patience: int = 2) -> tuple[EarlyStop, nn.Linear]:
    """Looks with the given scores; the network's weight is the number of its look."""
    network = nn.Linear(1, 1)
    left = iter(scores)
    stop = EarlyStop(EarlyStopSpec(patience=patience), lambda _: {"miou": next(left)}, "cut")
    for number, _ in enumerate(scores, start=1):
        nn.init.constant_(network.weight, number)
        stop.look(network, 10 * number)
    return stop, network


@pytest.mark.parametrize(
    ("scores", "over", "best"),
    [
        ([0.1], False, 1),
        ([0.1, 0.2, 0.1], False, 2),
        ([0.1, 0.2, 0.1, 0.2], True, 2),  # as good is not better
        ([0.3, 0.2, 0.31, 0.1], False, 3),
        ([0.3, 0.2, 0.1], True, 1),
    ],
)
def test_patience_counts_looks_without_a_better_score(
    scores: list[float], over: bool, best: int
) -> None:
    stop, network = scripted(scores)
    assert stop.over is over
    assert stop.report()["best"] == 10 * best
    stop.restore(network)
    assert float(network.weight.detach()) == best


def test_where_lower_is_better_the_lowest_look_is_kept() -> None:
    network = nn.Linear(1, 1)
    left = iter([4.0, 2.0, 2.5, 3.0])
    spec = EarlyStopSpec(metric="dic", patience=2)
    stop = EarlyStop(spec, lambda _: {"dic": next(left)}, "cut")
    scores = [stop.look(network, steps) for steps in (10, 20, 30, 40)]
    assert (scores, stop.over, stop.report()["best"]) == ([4.0, 2.0, 2.5, 3.0], True, 20)


def test_its_state_holds_all_of_it() -> None:
    stop, network = scripted([0.1, 0.3, 0.2])
    other = EarlyStop(EarlyStopSpec(patience=2), lambda _: {"miou": 0.0}, "cut")
    over_before = other.over
    other.load(stop.state())
    assert other.report() == stop.report()
    other.look(network, 40)
    assert (over_before, other.over) == (False, True)
    other.restore(network)
    assert float(network.weight.detach()) == 2


def test_a_hold_out_set_with_nothing_to_measure_is_refused() -> None:
    stop = EarlyStop(EarlyStopSpec(metric="bf1"), lambda _: {"miou": 0.5}, "cut")
    with pytest.raises(DatasetError, match="nothing to measure bf1 on; choose a larger"):
        stop.look(nn.Linear(1, 1), 1)


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(UnknownNameError):
        EarlyStop(EarlyStopSpec(metric="mice"), lambda _: {}, "cut")
    with pytest.raises(ValidationError, match="metric"):
        EarlyStopSpec(metric="miou+*")


def stopping_task(**early_stop: object) -> RetrainingTask:
    spec = {"metric": "macc", "hold_out": 0.25, "every": 4, "patience": 2} | early_stop
    return tiny.retraining_task(
        training=RISES_AND_FALLS | {"ema_decay": 0.5}, checkpoint_every=3, early_stop=spec
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A retraining that ended early."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("whole")
    retrain(stopping_task(), folder, device="cpu")
    yield folder
    torch.set_num_threads(threads)


def test_it_ends_early_with_the_weights_of_the_best_look(whole: Path) -> None:
    report = json.loads((whole / "metrics.json").read_text())
    looks = [tuple(look) for look in report["early_stop"]["scores"]]
    assert [steps for steps, _ in looks] == list(range(4, looks[-1][0] + 1, 4))
    assert looks[-1][0] < 40
    assert report["curve"][-1][0] == looks[-1][0]
    best = max(score for _, score in looks)
    assert dict(looks)[report["early_stop"]["best"]] == best
    network = build_network(tiny.NETWORK, 6)
    network.load_state_dict(load_file(whole / "weights.safetensors"))
    samples = open_dataset(tiny.SOURCE).read("train")
    cut = cut_hold_out(tiny.SOURCE, samples, HoldOut(share=0.25), seed=0)
    assert report["early_stop"]["hold_out"] == cut.told
    stacks = stack_by_size(samples, torch.device("cpu"), cut.held)
    assert evaluate(network, stacks, 6, tiny.SCORING)["macc"] == best


@pytest.mark.parametrize("stop_at", [3, 5, 8])
def test_it_resumes_to_the_same_end(whole: Path, tmp_path: Path, stop_at: int) -> None:
    looks = itertools.count(1)
    with pytest.raises(Stopped):
        retrain(stopping_task(), tmp_path, device="cpu", should_stop=lambda: next(looks) == stop_at)
    retrain(stopping_task(), tmp_path, device="cpu")
    for name in ("metrics.json", "weights.safetensors"):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


def test_one_that_ended_early_is_only_scored_again(whole: Path) -> None:
    before = (whole / "metrics.json").read_bytes()
    told: list[int] = []
    retrain(stopping_task(), whole, device="cpu", on_progress=lambda steps, _: told.append(steps))
    assert told == []
    assert (whole / "metrics.json").read_bytes() == before


def test_the_end_of_the_schedule_is_looked_at(tmp_path: Path) -> None:
    task = tiny.retraining_task(
        training={"iterations": 5}, early_stop={"hold_out": 0.25, "every": 3}
    )
    retrain(task, tmp_path, device="cpu")
    report = json.loads((tmp_path / "metrics.json").read_text())
    assert [steps for steps, _ in report["early_stop"]["scores"]] == [3, 5]
