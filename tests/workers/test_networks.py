import warnings

import pytest
import torch

from surrogate_zoo.errors import InputError, UnknownNameError
from surrogate_zoo.needs import BOUNDARY_LOGITS
from tests.workers import tiny
from workers.networks import ARCHITECTURES, WithHeads, build_network, options_of, parameter_groups
from workers.specs import NetworkSpec


@pytest.mark.parametrize("architecture", sorted(set(ARCHITECTURES) - {"DPT"}))
def test_every_architecture_maps_images_to_logits_of_the_same_size(architecture: str) -> None:
    network = build_network(NetworkSpec(architecture=architecture, encoder="resnet18"), 5).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 128, 160)).shape == (1, 5, 128, 160)


@pytest.mark.parametrize("architecture", sorted(set(ARCHITECTURES) - {"DPT"}))
def test_every_architecture_carries_a_boundary_head(architecture: str) -> None:
    network = build_network(NetworkSpec(architecture=architecture, encoder="resnet18"), 5).eval()
    carrying = WithHeads(network, [BOUNDARY_LOGITS]).eval()
    images = torch.rand(1, 3, 128, 160)
    logits, heads = carrying(images)
    assert heads[BOUNDARY_LOGITS].shape == (1, 1, 128, 160)
    with torch.inference_mode():  # and is not changed by it
        torch.testing.assert_close(network(images), logits)
    heads[BOUNDARY_LOGITS].sum().backward()
    first = next(network.encoder.parameters())
    assert first.grad is not None  # the head trains the encoder along
    assert first.grad.abs().sum() > 0


def test_timm_encoders() -> None:
    assert build_network(tiny.NETWORK, 3)(torch.zeros(2, 3, 32, 32)).shape == (2, 3, 32, 32)


UNKNOWN = {
    "architecture": ({"architecture": "FCN"}, "no network architecture named 'FCN'.*DeepLabV3Plus"),
    "encoder": ({"encoder": "resnet19"}, "no encoder named 'resnet19'.*resnet18"),
    "timm encoder": ({"encoder": "tu-resnet19"}, "no encoder named 'tu-resnet19'"),
    "address": ({"encoder": "tu-hf-hub:someone/model"}, "no encoder named"),
    "local file": ({"encoder": "tu-local-dir:/etc"}, "no encoder named"),
    "path": ({"encoder": "tu-/etc/passwd"}, "no encoder named"),
    "option": ({"options": {"checkpoint_path": "/etc/passwd"}}, "'checkpoint_path'.*Known: "),
    "reserved option": ({"options": {"aux_params": {"classes": 2}}}, "'aux_params'"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_unknown_names(case: str) -> None:
    values, message = UNKNOWN[case]
    with pytest.raises(UnknownNameError, match=message):
        build_network(NetworkSpec(**values), 3)


def test_options_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="DeepLabV3Plus with encoder resnet18 cannot be built"):
        build_network(NetworkSpec(options={"encoder_output_stride": 7}), 3)


def test_weights_that_cannot_be_fetched_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr("segmentation_models_pytorch.encoders.hf_hub_download", unreachable)
    with pytest.raises(
        InputError, match=r"imagenet weights .*no route to host.*set weights to None"
    ):
        build_network(NetworkSpec(weights="imagenet"), 3)


def test_options_are_the_named_arguments() -> None:
    assert {"decoder_channels", "encoder_depth", "upsampling"} <= options_of("DeepLabV3Plus")
    assert not {"kwargs", "classes", "encoder_weights", "self"} & options_of("DeepLabV3Plus")


def test_head_learns_faster_and_no_parameter_is_left_out() -> None:
    network = build_network(tiny.NETWORK, 3)
    carrying = WithHeads(network, [BOUNDARY_LOGITS])
    encoder, head = parameter_groups(carrying, tiny.training(head_factor=7))
    assert (encoder["factor"], head["factor"]) == (1, 7)
    assert [*map(id, encoder["params"])] == [*map(id, network.encoder.parameters())]
    assert len(encoder["params"]) + len(head["params"]) == len(list(carrying.parameters()))


def test_building_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_network(NetworkSpec(encoder="timm-efficientnet-b0"), 3)
