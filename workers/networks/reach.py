"""Dilated convolutions without the taps that reach no pixel: on small maps they read padding alone."""

import torch
from torch import Tensor, nn

from workers.networks.depthwise import convolve


class ReachingConvolution(nn.Conv2d):
    """As nn.Conv2d with a dilation and as much padding as keeps the size, in fewer products.

    A tap that is further from the centre than the map is wide reads zeros wherever the kernel lies. Of the
    atrous pyramid of DeepLabv3+, with its dilations 12, 24 and 36, the centre alone reads something on the
    maps of a proxy task, 8x8 at 128x128. Such taps are left out; what they would add is zero, and so is
    their gradient.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (N, C, H, W) -> (N, K, H, W)."""
        reaches = [_reach(self, axis, length) for axis, length in enumerate(maps.shape[2:])]
        rows, columns = (
            slice(side // 2 - reach, side // 2 + reach + 1)
            for side, reach in zip(self.kernel_size, reaches, strict=True)
        )
        taps = self.weight[:, :, rows, columns]
        if not any(reaches) and self.groups == self.in_channels == self.out_channels:
            return _scaled(maps, taps[:, 0], self.bias)
        return convolve(maps, taps, self.bias, self.dilation, self.groups)


def leave_out_padding(network: nn.Module) -> None:
    """Let a network's dilated convolutions leave out what reads padding alone; its state stays as it is."""
    for module in network.modules():
        if type(module) is nn.Conv2d and _keeps_size(module):
            module.__class__ = ReachingConvolution


def _keeps_size(module: nn.Conv2d) -> bool:
    """Whether a convolution is dilated and its zeros around a map make up for its kernel."""
    if module.padding_mode != "zeros" or module.stride != (1, 1) or max(module.dilation) == 1:
        return False
    sides = zip(module.kernel_size, module.dilation, strict=True)
    return module.padding == tuple(dilation * (side - 1) // 2 for side, dilation in sides) and all(
        side % 2 for side in module.kernel_size
    )


def _reach(module: nn.Conv2d, axis: int, length: int) -> int:
    """How many taps on a side of the centre reach a pixel of a map of that length."""
    return min(module.kernel_size[axis] // 2, (length - 1) // module.dilation[axis])


def _scaled(maps: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A convolution of one tap for each channel: a product, in the type that autocast gives convolutions.

    Args:
        maps: (N, C, H, W).
        weight: (C, 1, 1).
        bias: (C,), if any.
    """
    device = maps.device.type
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        kind = torch.get_autocast_dtype(device)
        maps, weight = maps.to(kind), weight.to(kind)
        bias = None if bias is None else bias.to(kind)
    if bias is None:
        return maps * weight
    return torch.addcmul(bias[:, None, None], maps, weight)  # rounded once, as by a convolution
