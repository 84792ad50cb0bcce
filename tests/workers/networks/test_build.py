"""Networks are built from their spec; what a spec asks for in vain is refused by name."""

import warnings
from typing import Any

import pytest
import torch

from surrogate_zoo.errors import InputError, UnknownNameError
from tests.workers import tiny
from workers.networks.build import build_network, options_of
from workers.tasks.networks import NetworkSpec


def test_timm_encoders() -> None:
    assert build_network(tiny.NETWORK, 3)(torch.zeros(2, 3, 32, 32)).shape == (2, 3, 32, 32)


UNKNOWN: dict[str, tuple[dict[str, Any], str]] = {
    "architecture": ({"architecture": "FCN"}, "no network architecture named 'FCN'.*DeepLabV3Plus"),
    "encoder": ({"encoder": "resnet19"}, "no encoder named 'resnet19'.*resnet18"),
    "timm encoder": ({"encoder": "tu-resnet19"}, "no encoder named 'tu-resnet19'"),
    "address": ({"encoder": "tu-hf-hub:someone/model"}, "no encoder named"),
    "local file": ({"encoder": "tu-local-dir:/etc"}, "no encoder named"),
    "no encoder": ({"encoder": "tu-"}, "no encoder named 'tu-'"),
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


def test_a_network_with_an_encoder_wants_one() -> None:
    with pytest.raises(InputError, match="DeepLabV3Plus needs an encoder"):
        build_network(NetworkSpec(encoder=None), 3)


@pytest.mark.parametrize("name", ["ENet", "SegNet", "WideResNet38", "Dilation10"])
@pytest.mark.parametrize(
    "asked",
    [{}, {"encoder": None, "weights": "imagenet"}, {"encoder": None, "weights": "packaged"}],
)
def test_a_network_without_an_encoder_to_choose_takes_none(
    name: str, asked: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match=f"{name} has no encoder .* encoder and weights to null"):
        build_network(NetworkSpec(architecture=name, **asked), 3)


def test_scales_of_hierarchical_attention_are_checked() -> None:
    options = {"inference_scales": [0.5, 2.0]}
    spec = NetworkSpec(architecture="HierarchicalOCRNet", options=options)
    with pytest.raises(InputError, match="1 must be among them"):
        build_network(spec, 3)


def test_weights_that_cannot_be_fetched_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr("segmentation_models_pytorch.encoders.hf_hub_download", unreachable)
    with pytest.raises(
        InputError,
        match=r"imagenet weights .*no route to host.*weights_file; or set weights to None",
    ):
        build_network(NetworkSpec(weights="imagenet"), 3)


def test_options_are_the_named_arguments() -> None:
    assert {"decoder_channels", "encoder_depth", "upsampling"} <= options_of("DeepLabV3Plus")
    assert not {"kwargs", "classes", "encoder_weights", "self"} & options_of("DeepLabV3Plus")


def test_building_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_network(NetworkSpec(encoder="timm-efficientnet-b0"), 3)
