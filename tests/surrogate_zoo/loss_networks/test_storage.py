"""Files of loss networks: what comes back is what was saved, and nothing else is let in."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from surrogate_zoo.errors import InputError, StorageError
from surrogate_zoo.loss_networks.edge import EdgeNetwork
from surrogate_zoo.loss_networks.inverse import InverseNetwork
from surrogate_zoo.loss_networks.storage import load, network_of, save
from surrogate_zoo.needs import EDGE_NETWORK, INVERSE_NETWORK
from tests.surrogate_zoo.loss_networks.headers import header_of

FACTS = {"kind": EDGE_NETWORK, "parameters": {"num_classes": 4}, "provenance": {}}


def _save(folder: Path, *, seed: int = 0, name: str = "edge.safetensors") -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = EdgeNetwork(4)
    path = folder / name
    save(
        network,
        path,
        kind=EDGE_NETWORK,
        parameters={"num_classes": 4, "kernel": 3},
        provenance={"measures": {"f1": 0.99}},
    )
    return path


def test_a_loaded_network_is_the_saved_one_and_frozen(tmp_path: Path) -> None:
    path = _save(tmp_path)
    before = torch.get_rng_state()
    network = load(EDGE_NETWORK, path, num_classes=4)
    assert torch.equal(torch.get_rng_state(), before)
    assert isinstance(network, EdgeNetwork)
    assert not network.training
    assert not any(one.requires_grad for one in network.parameters())
    stored = load_file(path)
    assert stored.keys() == network.state_dict().keys()
    assert all(torch.equal(stored[name], one) for name, one in network.state_dict().items())
    assert header_of(path)["provenance"] == {"measures": {"f1": 0.99}}


def test_an_inverse_network_comes_back_too(tmp_path: Path) -> None:
    path = tmp_path / "inverse.safetensors"
    network = InverseNetwork(side=16)
    save(network, path, kind=INVERSE_NETWORK, parameters={"side": 16}, provenance={})
    maps = torch.rand(2, 1, 16, 16)
    assert torch.equal(load(INVERSE_NETWORK, path)(maps, maps), network.eval()(maps, maps))


def test_equal_networks_are_equal_bytes(tmp_path: Path) -> None:
    first, second = _save(tmp_path, name="a"), _save(tmp_path, name="b")
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() != _save(tmp_path, seed=1, name="c").read_bytes()


def test_a_failed_save_leaves_the_file_before(tmp_path: Path) -> None:
    path = _save(tmp_path)
    before = path.read_bytes()
    with pytest.raises(TypeError, match="not JSON serializable"):
        save(EdgeNetwork(4), path, kind=EDGE_NETWORK, parameters={}, provenance={"a": object()})
    assert path.read_bytes() == before
    with pytest.raises(StorageError, match="could not be written"):
        save(EdgeNetwork(4), tmp_path / "no" / "x", kind=EDGE_NETWORK, parameters={}, provenance={})


def test_another_kind_or_number_of_classes_is_refused(tmp_path: Path) -> None:
    path = _save(tmp_path)
    with pytest.raises(InputError, match="holds weights of kind 'edge_network', not 'inverse_netw"):
        load(INVERSE_NETWORK, path)
    with pytest.raises(InputError, match="made for num_classes = 4, not 7: train another"):
        load(EDGE_NETWORK, path, num_classes=7)


def test_a_missing_or_broken_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        load(EDGE_NETWORK, tmp_path / "none.safetensors")
    path = _save(tmp_path)
    whole = path.read_bytes()
    for broken in (b"", b"text", whole[: len(whole) // 2], whole[:-1]):
        path.write_bytes(broken)
        with pytest.raises(InputError, match="no whole safetensors file") as caught:
            load(EDGE_NETWORK, path)
        assert "\n" not in str(caught.value)


def _without_bias(tensors: dict[str, Tensor]) -> None:
    del tensors["layers.1.bias"]


def _with_another(tensors: dict[str, Tensor]) -> None:
    tensors["layers.3.bias"] = torch.zeros(2)


def _of_another_shape(tensors: dict[str, Tensor]) -> None:
    tensors["layers.0.weight"] = torch.zeros(16, 5, 3, 3)


def _of_another_dtype(tensors: dict[str, Tensor]) -> None:
    tensors["layers.2.bias"] = torch.zeros(2, dtype=torch.float64)


def _not_finite(tensors: dict[str, Tensor]) -> None:
    tensors["layers.2.bias"][0] = torch.nan


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without_bias, r"'layers.1.bias' is missing, expected torch.float32 \(32,\)"),
        (_with_another, r"'layers.3.bias' is torch.float32 \(2,\), expected none"),
        (_of_another_shape, r"is torch.float32 \(16, 5, 3, 3\), expected torch.float32 \(16, 4"),
        (_of_another_dtype, r"'layers.2.bias' is torch.float64"),
        (_not_finite, "NaN or infinite values in tensor 'layers.2.bias'"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(
    tmp_path: Path, change: Callable[[dict[str, Tensor]], None], message: str
) -> None:
    path = _save(tmp_path)
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"lossfit": json.dumps(FACTS)})
    with pytest.raises(InputError, match=message):
        load(EDGE_NETWORK, path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "no valid 'lossfit' entry"),
        ("{", "no valid 'lossfit' entry"),
        ("[1]", "no valid 'lossfit' entry"),
        (json.dumps({**FACTS, "more": 1}), "no valid 'lossfit' entry"),
        (json.dumps({**FACTS, "kind": "mine"}), "an unknown kind, 'mine'"),
        (json.dumps({**FACTS, "kind": ["edge_network"]}), "an unknown kind"),
        (json.dumps({**FACTS, "parameters": {"num_classes": 1}}), "num_classes must be at least 2"),
        (json.dumps({**FACTS, "parameters": {"width": 3}}), "build no network"),
        (json.dumps({**FACTS, "parameters": {"num_classes": "x"}}), "build no network"),
        # Refused by the shapes, before a terabyte is asked for.
        (json.dumps({**FACTS, "parameters": {"num_classes": 10**10}}), "does not fit its own para"),
    ],
)
def test_headers_that_do_not_fit_are_refused(
    tmp_path: Path, header: str | None, message: str
) -> None:
    path = _save(tmp_path)
    save_file(load_file(path), path, metadata=None if header is None else {"lossfit": header})
    with pytest.raises(InputError, match=message):
        load(EDGE_NETWORK, path)


def test_a_loss_takes_a_copy_of_a_module() -> None:
    network = EdgeNetwork(4)
    frozen = network_of(EDGE_NETWORK, network, "train one", num_classes=4)
    assert frozen is not network
    assert network.training
    assert all(one.requires_grad for one in network.parameters())
    assert not any(one.requires_grad for one in frozen.parameters())


def test_a_network_that_does_not_fit_the_loss_is_refused() -> None:
    with pytest.raises(InputError, match="needs edge_network, a trained and frozen network: train"):
        network_of(EDGE_NETWORK, None, "train one", num_classes=4)
    with pytest.raises(InputError, match="must be a path or of class EdgeNetwork"):
        network_of(EDGE_NETWORK, torch.nn.Conv2d(1, 1, 1), "train one", num_classes=4)
    with pytest.raises(InputError, match="made for num_classes = 4, not 5"):
        network_of(EDGE_NETWORK, EdgeNetwork(4), "train one", num_classes=5)
