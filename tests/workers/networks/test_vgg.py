"""VGG-16 by the names of its published files, and with dilation in place of its last poolings."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from tests.workers.networks.rows import spec_of
from workers.networks.build import build_network
from workers.networks.vgg import VGG16


@pytest.mark.parametrize(("name", "batch_norm"), [("vgg16", False), ("vgg16_bn", True)])
def test_weights_are_named_as_in_published_files(name: str, batch_norm: bool) -> None:
    with torch.device("meta"):
        published = timm.create_model(name).state_dict()
        own = VGG16(batch_norm=batch_norm).state_dict()
        dilated = VGG16(batch_norm=batch_norm, pools=3).state_dict()
    expected = {key: one.shape for key, one in published.items() if key.startswith("features")}
    assert {key: one.shape for key, one in own.items()} == expected
    assert dilated.keys() == own.keys()


def test_it_gives_what_timms_does() -> None:
    torch.manual_seed(0)
    encoder = VGG16(8, batch_norm=True).eval()
    published = timm.models.vgg.VGG(
        [8, 8, "M", 16, 16, "M", *3 * [32], "M", *3 * [64], "M", *3 * [64], "M"],
        num_classes=2,
        norm_layer=nn.BatchNorm2d,
        mlp_ratio=0.01,
    ).eval()
    published.features.load_state_dict(encoder.features.state_dict())
    images = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        features, positions = encoder(images)
        torch.testing.assert_close(features[-1], published.features(images))
    assert [len(places[0, :, 0, 0]) for places in positions] == [8, 16, 32, 64, 64]


def test_what_follows_a_pooling_that_is_left_out_is_dilated() -> None:
    encoder = VGG16(2, batch_norm=False, pools=3)
    dilations = [one.dilation[0] for one in encoder.features if isinstance(one, nn.Conv2d)]
    assert dilations == 10 * [1] + 3 * [2]
    features, positions = encoder(torch.zeros(1, 3, 32, 48))
    assert [tuple(one.shape) for one in features] == [(1, 16, 4, 6)] * 2
    assert (len(positions), encoder.output_stride) == (3, 8)


@pytest.mark.parametrize("name", ["SegNet", "Dilation10"])
def test_a_published_file_fills_the_encoder(name: str, tmp_path: Path) -> None:
    tensors = build_network(spec_of(name), 3).get_submodule("encoder").state_dict()
    path = tmp_path / "model.safetensors"
    save_file(dict(tensors) | {"pre_logits.fc1.weight": torch.zeros(2, 2)}, path)
    spec = spec_of(name).model_copy(update={"weights_file": str(path)})
    filled = build_network(spec, 3).get_submodule("encoder").state_dict()
    assert all(torch.equal(filled[key], one) for key, one in tensors.items())
