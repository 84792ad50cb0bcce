"""ENet against its paper: sizes and dilations of Table 1, and what each kind of bottleneck does."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workers.networks.enet import Bottleneck, Downsampling, ENet, Upsampling


def test_every_stage_has_the_size_of_table_1() -> None:
    with torch.device("meta"):
        network = ENet(19)
        features, _ = network.encoder(torch.zeros(1, 3, 512, 512))
        seen: list[Tensor] = []
        for part in network.refinement:
            part.register_forward_hook(lambda _, __, output: seen.append(output))
        logits = network(torch.zeros(1, 3, 512, 512))
    sizes = [tuple(one.shape[1:]) for one in (*features, *seen, logits)]
    assert sizes == [
        (16, 256, 256),
        (64, 128, 128),
        (128, 64, 64),
        (128, 64, 64),
        (64, 128, 128),
        (16, 256, 256),
        (19, 512, 512),
    ]


def test_stages_2_and_3_are_regular_dilated_and_asymmetric_in_turn() -> None:
    kinds: list[int | str] = []
    for stage in ENet(2).encoder.stages[1:]:
        for block in stage.children():
            middle = block.get_submodule("branch.3")
            kinds.append(middle.dilation[0] if isinstance(middle, nn.Conv2d) else "asymmetric")
    assert kinds == 2 * [1, 2, "asymmetric", 4, 1, 8, "asymmetric", 16]


def silenced(block: nn.Module) -> nn.Module:
    """A bottleneck of which only the shortcut is left."""
    layers = block.get_submodule("branch").children()
    last = [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]
    nn.init.zeros_(last[-1].weight)
    return block.eval()


def test_a_shortcut_goes_back_to_where_it_was_pooled_from() -> None:
    torch.manual_seed(0)
    features = torch.rand(2, 4, 6, 8)
    down, up = silenced(Downsampling(4, 8, 0.0)), silenced(Upsampling(8, 4))
    shortcut = up.get_submodule("shortcut.0")
    assert isinstance(shortcut, nn.Conv2d)
    nn.init.dirac_(shortcut.weight)
    with torch.inference_mode():
        pooled, places = down(features)
        restored = up(pooled, places)
    assert torch.equal(pooled[:, :4], F.max_pool2d(features, 2))
    assert not pooled[:, 4:].any()
    kept = features == F.interpolate(F.max_pool2d(features, 2), scale_factor=2)
    torch.testing.assert_close(restored, features * kept, rtol=1e-2, atol=0)


def test_a_bottleneck_adds_to_what_it_sees() -> None:
    features = torch.randn(1, 8, 4, 4)
    block = silenced(Bottleneck(8, nn.Conv2d(2, 2, 3, padding=1), nn.PReLU, 0.1))
    assert torch.equal(block(features), F.prelu(features, torch.tensor([0.25])))
