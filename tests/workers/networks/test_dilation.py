"""Dilation10 against its paper: the context module's fields, and that it begins as the identity."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.workers.networks.rows import spec_of
from workers.networks.build import build_network
from workers.networks.dilation import Dilation10, context_module

DILATION8 = (1, 1, 2, 4, 8, 16)


@pytest.mark.parametrize(
    ("layers", "field"), [(0, 3), (1, 5), (2, 7), (3, 11), (4, 19), (5, 35), (6, 67)]
)
def test_the_context_modules_field_grows_with_its_layers(layers: int, field: int) -> None:
    # Yu and Koltun, Table 1: 67 at the end of eight layers; here the last 3x3 one is always there.
    context = context_module(1, DILATION8[:layers])
    for layer in context:
        if isinstance(layer, nn.Conv2d):
            nn.init.ones_(layer.weight)
    scores = torch.zeros(1, 1, 81, 81)
    scores[0, 0, 40, 40] = 1
    reached = context(scores)[0, 0] > 0
    assert (int(reached.any(0).sum()), int(reached.any(1).sum())) == (field, field)


def test_the_context_module_passes_on_scores_above_0_at_the_start() -> None:
    scores = torch.randn(2, 5, 9, 11)
    assert torch.equal(context_module(5, DILATION8)(scores), scores.relu())


def test_front_end_and_context_are_logits_and_auxiliary_logits() -> None:
    torch.manual_seed(0)
    network = build_network(spec_of("Dilation10"), 3).eval()
    assert isinstance(network, Dilation10)
    images = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        features, _ = network.encoder(images)
        scores = network.segmentation_head(network.front_end(features[-1]))
        logits, auxiliary = network.with_auxiliary(images)
        assert torch.equal(network(images), logits)
    assert scores.shape == (1, 3, 8, 12)
    torch.testing.assert_close(auxiliary, F.interpolate(scores, (64, 96), mode="bilinear"))
    torch.testing.assert_close(logits, F.interpolate(scores.relu(), (64, 96), mode="bilinear"))


def test_what_was_fully_connected_sees_7_by_7_of_what_was_pooled_twice_more() -> None:
    with torch.device("meta"):
        first = Dilation10(19).front_end[0]
    assert isinstance(first, nn.Conv2d)
    assert (first.kernel_size, first.dilation, first.out_channels) == ((7, 7), (4, 4), 4096)
