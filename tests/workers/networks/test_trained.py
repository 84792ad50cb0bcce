"""A trained network loaded from the file of its weights."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from surrogate_zoo.errors import InputError, UnknownNameError
from tests.workers import tiny
from workers.networks.build import build_network
from workers.networks.trained import load_network
from workers.retraining.retraining import retrain


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("retrained")
    retrain(tiny.retraining_task(), folder, device="cpu")
    return folder / "weights.safetensors"


def test_it_is_the_network_that_was_trained(weights: Path) -> None:
    network, classes = load_network(weights)
    same = build_network(tiny.NETWORK, len(classes))
    same.load_state_dict(load_file(weights))
    images = torch.rand(1, 3, 32, 32)
    assert not network.training
    assert torch.equal(network(images), same.eval()(images))


def rewritten(path: Path, folder: Path, *, told: Any = None, **changes: Any) -> Path:
    """The weights, said to be of another network."""
    spec = tiny.NETWORK.model_dump(mode="json") | changes
    facts = {"network": spec, "loss": "dice"} | (told or {"classes": list("abcdef")})
    save_file(load_file(path), folder / "w", {"lossfit": json.dumps(facts)})
    return folder / "w"


def test_no_weights_are_fetched_to_start_with(weights: Path, tmp_path: Path) -> None:
    for started in ({"weights": "imagenet"}, {"weights_file": "/nowhere"}):
        load_network(rewritten(weights, tmp_path, **started))


def test_a_file_that_is_no_retrainings_is_refused(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    save_file({"a": torch.zeros(1)}, tmp_path / "plain")
    for name, wrong in [("missing", "read"), ("text", "read"), ("plain", "no retraining's")]:
        with pytest.raises(InputError, match=f"{name}.* {wrong}"):
            load_network(tmp_path / name)
    for told in ({"unknown": 1}, {"classes": 3}, {"classes": None}):
        with pytest.raises(InputError, match="no retraining's"):
            load_network(rewritten(weights, tmp_path, told=told))
    with pytest.raises(InputError, match="does not fit"):
        load_network(rewritten(weights, tmp_path, architecture="FPN", options={}))
    with pytest.raises(UnknownNameError, match="Mine"):
        load_network(rewritten(weights, tmp_path, architecture="Mine"))
