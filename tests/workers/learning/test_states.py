"""States of a training on disk, and what continues from them."""

from pathlib import Path

import pytest
import torch

from surrogate_zoo.errors import StorageError
from tests.workers import tiny
from workers.learning.learner import initial_network
from workers.learning.states import load_network
from workers.proxy.proxy import evaluate_pack
from workers.tasks.proxy import Outcome, state_path

PACK = [tiny.candidate(3, "dice"), tiny.candidate(5, "asl-macc-voc")]
SIX = {"training": {"iterations": 6}}


def outcomes(**changes: object) -> list[Outcome]:
    return evaluate_pack(tiny.proxy_task(**SIX, **changes), PACK, device="cpu")


def test_a_training_in_stages_ends_as_one_in_a_piece(tmp_path: Path) -> None:
    whole, states = outcomes(), str(tmp_path)
    first = outcomes(stop_after=2, states=states)
    assert [outcome.iterations for outcome in first] == [2, 2]
    assert all(
        outcome.metrics != other.metrics for outcome, other in zip(first, whole, strict=True)
    )
    assert {path.name for path in tmp_path.iterdir()} == {"3.pt", "5.pt"}
    again = outcomes(stop_after=2, states=states)
    assert [outcome.metrics for outcome in again] == [outcome.metrics for outcome in first]
    state_path(states, 5).unlink()  # a lost one is trained anew, beside one that goes on
    last = outcomes(states=states)
    assert [(outcome.metrics, outcome.curve) for outcome in last] == [
        (outcome.metrics, outcome.curve) for outcome in whole
    ]
    assert [outcome.iterations for outcome in last] == [6, 6]


def test_a_state_that_is_further_on_is_left_alone(tmp_path: Path) -> None:
    outcomes(stop_after=4, states=str(tmp_path))
    early = outcomes(stop_after=2, states=str(tmp_path))
    assert [outcome.metrics for outcome in early] == [
        outcome.metrics for outcome in outcomes(stop_after=2)
    ]


def test_candidates_start_from_the_network_of_a_kept_state(tmp_path: Path) -> None:
    task = tiny.proxy_task(stop_after=4, states=str(tmp_path))
    evaluate_pack(task, [tiny.candidate(0)], device="cpu")
    path = state_path(tmp_path, 0)
    network = initial_network(tiny.NETWORK, 6, seed=0)
    cold = network.state_dict()["encoder.model.conv1.weight"].clone()
    load_network(network, path)
    warm = torch.load(path, weights_only=True)["network"]
    assert all(value.equal(warm[f"network.{name}"]) for name, value in network.state_dict().items())
    assert not cold.equal(network.state_dict()["encoder.model.conv1.weight"])
    started = outcomes(warm_start=str(path))
    assert all(
        outcome.curve != other.curve for outcome, other in zip(started, outcomes(), strict=True)
    )
    [alone] = evaluate_pack(tiny.proxy_task(**SIX, warm_start=str(path)), PACK[:1], device="cpu")
    assert alone.metrics == started[0].metrics


def test_a_state_that_is_damaged_or_of_another_network_is_named(tmp_path: Path) -> None:
    state_path(tmp_path, 3).write_bytes(b"half a file")
    with pytest.raises(StorageError, match=r"3\.pt cannot be read; delete it"):
        outcomes(states=str(tmp_path))
    torch.save({"network": {"network.x": torch.zeros(1)}}, tmp_path / "other.pt")
    with pytest.raises(StorageError, match=r"other\.pt holds the weights of another network"):
        outcomes(warm_start=str(tmp_path / "other.pt"))
