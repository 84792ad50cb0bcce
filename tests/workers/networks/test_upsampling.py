"""Bilinear upsampling by products of matrices is torch's own."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from workers.networks.upsampling import BilinearUpsampling, replace_upsampling, upsampled


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(
    ("small", "large"), [((1, 1), (8, 8)), ((3, 5), (7, 20)), ((8, 8), (32, 33))]
)
def test_values_and_gradients_are_those_of_interpolation(
    small: tuple[int, int], large: tuple[int, int], align: bool
) -> None:
    maps = torch.rand(2, 3, *small, generator=torch.Generator().manual_seed(0)).requires_grad_()
    other = maps.detach().clone().requires_grad_()
    ours = upsampled(maps, large, align_corners=align)
    theirs = F.interpolate(other, large, mode="bilinear", align_corners=align)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    pull = torch.rand(ours.shape, generator=torch.Generator().manual_seed(1))
    torch.autograd.backward([ours, theirs], [pull, pull])
    torch.testing.assert_close(maps.grad, other.grad, rtol=1e-4, atol=1e-5)


def test_a_network_keeps_its_weights_and_what_it_says() -> None:
    head = nn.Sequential(nn.Conv2d(3, 4, 1), nn.UpsamplingBilinear2d(scale_factor=4))
    network = nn.Sequential(head, nn.Upsample(scale_factor=2, mode="nearest"))
    images = torch.rand(1, 3, 6, 6)
    before, names = network(images), list(network.state_dict())
    replace_upsampling(network)
    assert isinstance(head[1], BilinearUpsampling)
    assert list(network.state_dict()) == names
    torch.testing.assert_close(network(images), before, rtol=1e-5, atol=1e-6)
