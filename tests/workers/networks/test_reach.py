"""Dilated convolutions say and learn the same without the taps that reach no pixel."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from tests.workers.networks.rows import spec_of
from workers.networks.build import build_network
from workers.networks.reach import ReachingConvolution, leave_out_padding


def _maps(*size: int) -> torch.Tensor:
    return torch.rand(size, generator=torch.Generator().manual_seed(0), requires_grad=True)


@pytest.mark.parametrize("size", [(1, 1), (3, 4), (5, 13), (12, 30)])
@pytest.mark.parametrize("kernel", [(3, 3), (1, 5), (7, 3)])
@pytest.mark.parametrize(("groups", "outputs"), [(1, 4), (6, 6), (2, 4), (6, 12)])
@pytest.mark.parametrize("bias", [False, True])
def test_values_and_gradients(
    size: tuple[int, int],
    kernel: tuple[int, int],
    groups: int,
    outputs: int,
    bias: bool,
) -> None:
    padding = (kernel[0] // 2 * 2, kernel[1] // 2 * 6)
    options: dict[str, Any] = {"dilation": (2, 6), "groups": groups, "bias": bias}
    plain = nn.Sequential(nn.Conv2d(6, outputs, kernel, padding=padding, **options))
    ours = copy.deepcopy(plain)
    leave_out_padding(ours)
    assert isinstance(ours[0], ReachingConvolution)
    maps, other = _maps(2, 6, *size), _maps(2, 6, *size)
    values, expected = ours(maps), plain(other)
    torch.testing.assert_close(values, expected)
    pull = torch.rand(values.shape, generator=torch.Generator().manual_seed(1))
    torch.autograd.backward([values, expected], [pull, pull])
    torch.testing.assert_close(maps.grad, other.grad)
    for own, theirs in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(own.grad, theirs.grad)


@pytest.mark.parametrize("size", [(2, 2), (9, 9)])
@pytest.mark.parametrize("groups", [1, 4])
def test_in_the_type_that_autocast_gives(size: tuple[int, int], groups: int) -> None:
    conv = nn.Conv2d(4, 4, 3, padding=6, dilation=6, groups=groups)
    for weights in conv.parameters():
        nn.init.uniform_(weights, 0.5, 1)  # nothing cancels, so that rounding stays small
    plain = nn.Sequential(conv)
    ours = copy.deepcopy(plain)
    leave_out_padding(ours)
    with torch.autocast("cpu", torch.bfloat16):
        values, expected = ours(_maps(1, 4, *size)), plain(_maps(1, 4, *size))
    assert values.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(values, expected)


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(2, 2, 3, padding=1),
        nn.Conv2d(2, 2, 3, padding=4, dilation=4, stride=2),
        nn.Conv2d(2, 2, 3, padding=4, dilation=4, padding_mode="reflect"),
        nn.Conv2d(2, 2, 3, dilation=4),
        nn.Conv2d(2, 2, 4, padding=3, dilation=2),
    ],
)
def test_others_stay(conv: nn.Conv2d) -> None:
    leave_out_padding(nn.Sequential(conv))
    assert type(conv) is nn.Conv2d


def test_a_deeplab_says_the_same_and_keeps_its_state() -> None:
    network = build_network(spec_of("DeepLabV3Plus"), 3).eval()
    ours = copy.deepcopy(network)
    leave_out_padding(ours)
    assert sum(isinstance(module, ReachingConvolution) for module in ours.modules()) > 3
    assert list(ours.state_dict()) == list(network.state_dict())
    images = _maps(1, 3, 64, 96)
    torch.testing.assert_close(ours(images), network(images))
