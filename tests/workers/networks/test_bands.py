"""Networks for images of other bands: how pretrained first layers are adapted, and who knows the format."""

import copy
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from surrogate_zoo.errors import InputError
from tests.workers import tiny
from tests.workers.networks.rows import spec_of
from workers.networks.architectures import ARCHITECTURES, Architecture
from workers.networks.build import _call, build_network
from workers.networks.encoders import PACKAGED
from workers.networks.image_format import format_of, network_input
from workers.scoring.inference import predict
from workers.tasks.images import RGB, ImageFormat
from workers.tasks.networks import NetworkSpec

PACKAGED = NetworkSpec(architecture="FPN", encoder=PACKAGED, weights="packaged")


def of(bands: int, depth: str = "uint16") -> ImageFormat:
    values = {"bands": bands, "depth": depth, "mean": [300.0] * bands, "deviation": [90.0] * bands}
    return ImageFormat.model_validate(values)


RGB_ALONE = {"ENet", "SegNet", "WideResNet38", "Dilation10"}
"""Networks of their own encoder, whose first layer is that of their paper."""


@pytest.mark.parametrize("name", sorted(RGB_ALONE))
def test_networks_for_rgb_alone_refuse_other_bands(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} takes images of 3 bands, and the dataset has 5"):
        build_network(spec_of(name), 3, of(5))


@pytest.mark.parametrize("name", sorted(set(ARCHITECTURES) - RGB_ALONE))
def test_networks_take_images_of_other_bands(name: str) -> None:
    network = build_network(spec_of(name), 3, of(5)).eval()
    side = 128 if name in {"PAN", "DPT"} else 64
    assert network(torch.zeros(1, 5, side, side)).shape == (1, 3, side, side)
    assert format_of(copy.deepcopy(network)) == of(5)


@pytest.mark.parametrize("bands", [1, 2, 4, 7])
def test_packaged_weights_are_adapted_as_timm_does(bands: int) -> None:
    plain = build_network(PACKAGED, 3).state_dict()
    adapted = build_network(PACKAGED, 3, of(bands)).state_dict()
    first = "encoder.model.conv_stem.weight"
    assert adapted[first].shape[1] == bands
    expected = timm.models.adapt_input_conv(bands, plain[first])
    torch.testing.assert_close(adapted[first], expected, rtol=0, atol=0)
    names = [name for name in plain if name.startswith("encoder.") and name != first]
    assert all(torch.equal(plain[name], adapted[name]) for name in names)
    # Bands that all show the same grey give the features that RGB of that grey does.
    grey = torch.rand(1, 1, 32, 32)
    of_grey = torch.nn.functional.conv2d(grey.expand(-1, bands, -1, -1), adapted[first])
    of_rgb = torch.nn.functional.conv2d(grey.expand(-1, 3, -1, -1), plain[first])
    if bands in (1, 3):
        torch.testing.assert_close(of_grey, of_rgb)
    else:
        assert (of_grey - of_rgb).abs().mean() < of_rgb.abs().mean()


@pytest.mark.parametrize("encoder", ["resnet18", "tu-resnet18", "mobilenet_v2"])
def test_the_libraries_adapt_pretrained_weights_alike(encoder: str) -> None:
    """What smp does to its encoders is what timm does to its own."""
    plain = build_network(NetworkSpec(architecture="FPN", encoder=encoder), 2).get_submodule(
        "encoder"
    )
    adapted = copy.deepcopy(plain)
    convolution = next(part for part in plain.modules() if isinstance(part, torch.nn.Conv2d))
    wanted = timm.models.adapt_input_conv(4, convolution.weight.detach())
    if encoder.startswith("tu-"):
        assert wanted.shape[1] == 4
        return
    adapted.set_in_channels(4, pretrained=True)  # type: ignore[operator]
    first = next(part for part in adapted.modules() if isinstance(part, torch.nn.Conv2d))
    torch.testing.assert_close(first.weight.detach(), wanted)


def test_a_file_of_weights_is_adapted_or_taken_as_it_is(tmp_path: Path) -> None:
    spec = tiny.NETWORK
    of_rgb, of_four = build_network(spec, 3), build_network(spec, 3, of(4))
    for name, network in (("rgb", of_rgb), ("four", of_four)):
        tensors = {key: value.contiguous() for key, value in network.state_dict().items()}
        save_file(tensors, tmp_path / f"{name}.safetensors")
    for name, expected in (
        ("rgb", timm.models.adapt_input_conv(4, _first(of_rgb))),
        ("four", _first(of_four)),
    ):
        given = spec.model_copy(update={"weights_file": str(tmp_path / f"{name}.safetensors")})
        torch.testing.assert_close(_first(build_network(given, 3, of(4))), expected)
    given = spec.model_copy(update={"weights_file": str(tmp_path / "four.safetensors")})
    with pytest.raises(InputError, match=r"has .* in shape .*, 4, .* the encoder needs .*, 3, "):
        build_network(given, 3)


def _first(network: torch.nn.Module) -> torch.Tensor:
    encoder = network.get_submodule("encoder")
    return next(p for p in encoder.parameters() if p.ndim == 4).detach()


@pytest.mark.parametrize("value", [0, 300, 65_535])
def test_what_a_network_sees_is_normalised_by_its_own_statistics(value: int) -> None:
    network = build_network(tiny.NETWORK, 3, of(4)).eval()
    images = torch.from_numpy(np.full((1, 8, 8, 4), value, dtype=np.uint16))
    seen = network_input(network, images)
    torch.testing.assert_close(seen, torch.full((1, 4, 8, 8), (value - 300) / 90))
    torch.testing.assert_close(network_input(network, images.float()), seen)
    assert predict(network, images).shape == (1, 8, 8)


@pytest.mark.parametrize(
    ("images", "format_"),
    [
        (torch.zeros(1, 8, 8, 3, dtype=torch.uint8), of(4)),
        (torch.zeros(1, 8, 8, 4, dtype=torch.uint8), of(4)),
        (torch.zeros(1, 8, 8, 4, dtype=torch.uint8), RGB),
        (torch.zeros(1, 8, 8, 3), RGB),
        (torch.zeros(8, 8, 3, dtype=torch.uint8), RGB),
    ],
)
def test_other_images_are_refused(images: torch.Tensor, format_: ImageFormat) -> None:
    network = build_network(tiny.NETWORK, 3, format_).eval()
    with pytest.raises(
        InputError, match=rf"must be {format_.depth} of shape \(H, W, {format_.bands}\)"
    ):
        predict(network, images)


def test_a_network_of_three_bands_says_so() -> None:
    three = Architecture("Fixed", "", "", f"{__name__}:fixed")
    spec = NetworkSpec(architecture="Fixed", encoder=None)
    with pytest.raises(InputError, match=r"Fixed takes images of 3 bands, and the dataset has 4"):
        _call(three, spec, 2, of(4))


def fixed(classes: int) -> torch.nn.Module:
    return torch.nn.Conv2d(3, classes, 1)
