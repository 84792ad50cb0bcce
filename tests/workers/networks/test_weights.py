"""Encoder weights from files: as published and as a retraining leaves them; others are refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor

from surrogate_zoo.errors import InputError
from tests.workers import tiny
from workers.networks.build import build_network
from workers.retraining.retraining import retrain
from workers.tasks.networks import NetworkSpec

TINY = NetworkSpec(architecture="DeepLabV2", encoder="tu-test_resnet")
RESNET = NetworkSpec(architecture="FPN", encoder="resnet18", options={"encoder_depth": 3})


def saved(path: Path, tensors: Mapping[str, Tensor]) -> str:
    save_file({name: tensor.clone().contiguous() for name, tensor in tensors.items()}, path)
    return str(path)


def with_file(spec: NetworkSpec, path: str) -> NetworkSpec:
    return spec.model_copy(update={"weights_file": path})


@pytest.mark.parametrize("encoder", ["test_resnet", "test_convnext"])
def test_timms_own_file_is_taken(encoder: str, tmp_path: Path) -> None:
    published: Any = timm.create_model(encoder)  # has a classifier, and other names than an encoder
    path = saved(tmp_path / "model.safetensors", published.state_dict())
    spec = NetworkSpec(architecture="FPN", encoder=f"tu-{encoder}", weights_file=path)
    network = build_network(spec, 3)
    first = next(iter(published.parameters()))
    assert torch.equal(next(network.get_submodule("encoder").parameters()), first)
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        expected = published.eval().forward_intermediates(images, intermediates_only=True)[-1]
        torch.testing.assert_close(network.eval().get_submodule("encoder")(images)[-1], expected)


def test_the_file_of_an_encoder_of_segmentation_models_pytorch_is_taken(tmp_path: Path) -> None:
    whole = build_network(RESNET.model_copy(update={"options": {}}), 3)
    tensors = whole.get_submodule("encoder").state_dict() | {"fc.weight": torch.zeros(1000, 512)}
    network = build_network(with_file(RESNET, saved(tmp_path / "m.safetensors", tensors)), 3)
    for name, tensor in network.get_submodule("encoder").state_dict().items():
        assert torch.equal(tensor, whole.get_submodule("encoder").state_dict()[name])


def test_a_retraining_begins_with_the_encoder_of_another(tmp_path: Path) -> None:
    task = tiny.retraining_task()
    retrain(task, tmp_path / "first", device="cpu")
    path = tmp_path / "first" / "weights.safetensors"
    network = build_network(with_file(tiny.NETWORK, str(path)), 6)
    from safetensors.torch import load_file

    trained = load_file(path)
    for name, tensor in network.get_submodule("encoder").state_dict().items():
        assert torch.equal(tensor, trained[f"encoder.{name}"])
    head = network.get_parameter("segmentation_head.0.weight")
    assert not torch.equal(head, trained["segmentation_head.0.weight"])


def test_files_that_will_not_do_are_refused(tmp_path: Path) -> None:
    tensors = build_network(TINY, 3).get_submodule("encoder.model").state_dict()
    lacking = {name: tensors[name] for name in tensors if not name.startswith("layer4.0.conv1")}
    shape = tensors | {"conv1.0.weight": torch.zeros(1)}
    (tmp_path / "pickled.safetensors").write_bytes(b"\x80\x04N.")
    torch.save(tensors, tmp_path / "weights.pth")
    refused = {
        saved(
            tmp_path / "lacking", lacking
        ): "lacks 1 of .* weights of the encoder: layer4.0.conv1",
        saved(tmp_path / "other", {"a": torch.zeros(1)}): "file of this very encoder",
        saved(tmp_path / "shape", shape): r"conv1.0.weight in shape \(1,\)",
        str(tmp_path / "pickled.safetensors"): "cannot be read as safetensors",
        str(tmp_path / "weights.pth"): "cannot be read as safetensors",
        str(tmp_path / "nowhere"): "no file of weights at",
    }
    for path, message in refused.items():
        with pytest.raises(InputError, match=message):
            build_network(with_file(TINY, path), 3)


def test_weights_have_one_source() -> None:
    with pytest.raises(ValidationError, match="exclude each other"):
        NetworkSpec(weights="imagenet", weights_file="/a")
