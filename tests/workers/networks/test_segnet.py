"""SegNet against its definition: VGG-16 backwards, unpooled to where VGG-16 pooled."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workers.networks.segnet import SegNet


def channels(module: nn.Module) -> list[tuple[int, int]]:
    parts = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
    return [(part.in_channels, part.out_channels) for part in parts]


def test_the_decoder_is_the_encoder_backwards() -> None:
    with torch.device("meta"):
        network = SegNet(19)
    there = channels(network.encoder)
    back = channels(network.decoder) + channels(network.segmentation_head)
    assert len(there) == 13
    assert back == [(outputs, inputs) for inputs, outputs in reversed(there[1:])] + [(64, 19)]


def test_each_stage_of_the_decoder_sees_values_where_the_maxima_were() -> None:
    torch.manual_seed(0)
    network = SegNet(3, base_channels=2).eval()
    seen: list[Tensor] = []
    for stage in network.decoder:
        stage.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        network(images)
        maps = images
        before: list[Tensor] = []
        for layer in network.encoder.features:
            if isinstance(layer, nn.MaxPool2d):
                before.insert(0, maps)
                maps = F.max_pool2d(maps, 2)
            else:
                maps = layer(maps)
    for unpooled, full in zip(seen, before, strict=True):
        assert unpooled.shape == full.shape
        maxima = full == F.interpolate(F.max_pool2d(full, 2), scale_factor=2)
        assert not unpooled[~maxima].any()
    assert F.max_pool2d(seen[0], 2).equal(maps)
