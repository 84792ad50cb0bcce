"""The wide ResNet-38 against its paper: depth, widths, strides and dilations of model A1."""

import torch
from torch import nn
from torch.nn import functional as F

from workers.networks.wide_resnet import LEVELS, Residual, WideResNet38, WideResNetEncoder


def test_it_is_38_convolutions_deep_with_one_to_the_classes() -> None:
    with torch.device("meta"):
        encoder = WideResNetEncoder(64)
    deep = [
        name
        for name, part in encoder.named_modules()
        if isinstance(part, nn.Conv2d) and not name.endswith("shortcut")
    ]
    assert len(deep) == 37


def test_levels_have_the_sizes_of_the_paper() -> None:
    with torch.device("meta"):
        network = WideResNet38(19)
        sizes = []
        maps = network.encoder.first(torch.zeros(1, 3, 224, 224))
        for level in network.encoder.levels:
            maps = level(maps)
            sizes.append((maps.shape[1], 224 // maps.shape[2]))
        features = network.encoder(torch.zeros(1, 3, 224, 224))
        logits = network(torch.zeros(1, 3, 224, 224))
    assert sizes == [(128, 2), (256, 4), (512, 8), (1024, 8), (2048, 8), (4096, 8)]
    assert tuple(one.shape[1] for one in features) == network.encoder.out_channels
    assert logits.shape == (1, 19, 224, 224)


def test_a_stride_that_is_left_out_dilates_what_follows_the_convolution_that_had_it() -> None:
    with torch.device("meta"):
        network = WideResNet38(19)
    dilations = [_dilations(level) for level in network.encoder.levels]
    assert dilations == [6 * [1], 6 * [1], 12 * [1], [1, 2, 2, 2, 2, 2], [4], [4]]
    top = [part.dilation[0] for part in network.decoder if isinstance(part, nn.Conv2d)]
    assert [*top, network.segmentation_head.dilation[0]] == [12, 12]


def _dilations(level: nn.Module) -> list[int]:
    parts = [part for part in level.modules() if isinstance(part, nn.Conv2d)]
    return [part.dilation[0] for part in parts if part.kernel_size == (3, 3)]


def test_a_block_adds_a_shortcut_of_what_it_activated() -> None:
    torch.manual_seed(0)
    block = Residual(4, (6, 6), LEVELS[0], (2, 1)).eval()
    features = torch.randn(2, 4, 9, 12)
    activated = F.relu(block.before[0](features))
    inner, outer = (part for part in block.branch if isinstance(part, nn.Conv2d))
    normed = F.relu(block.branch[1](F.conv2d(activated, inner.weight, stride=2, padding=1)))
    assert isinstance(block.shortcut, nn.Conv2d)
    shortcut = F.conv2d(activated, block.shortcut.weight, stride=2)
    expected = shortcut + F.conv2d(normed, outer.weight, padding=1)
    torch.testing.assert_close(block(features), expected)


def test_a_block_that_keeps_its_channels_adds_what_it_saw() -> None:
    block = Residual(4, (4, 4), LEVELS[0], (1, 1))
    assert block.shortcut is None
    last = block.branch[-1]
    assert isinstance(last, nn.Conv2d)
    nn.init.zeros_(last.weight)
    features = torch.randn(1, 4, 5, 5)
    assert torch.equal(block(features), features)
