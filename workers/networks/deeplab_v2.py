"""DeepLab v2 (Chen et al., TPAMI 2018), the network of SEMEDA."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from workers.networks.layers import encoder_of, resized


class DeepLabV2(nn.Module):
    """An encoder dilated to stride 8, and four dilated convolutions to the classes, summed.

    The paper's variant ASPP-L. Departures: the paper trains at three image scales under a maximum
    and smooths with a CRF; here scales are a matter of inference, and there is no CRF.

    Args:
        encoder_name: Encoder; the paper's is ``resnet101``.
        encoder_weights: Its weights.
        classes: Channels of the logits.
        in_channels: Bands of the images.
        encoder_output_stride: 8, 16 or 32.
        atrous_rates: Dilation of each branch (paper: ASPP-L).
    """

    def __init__(
        self,
        encoder_name: str,
        encoder_weights: str | bool | None,
        classes: int,
        *,
        in_channels: int = 3,
        encoder_output_stride: int = 8,
        atrous_rates: Sequence[int] = (6, 12, 18, 24),
    ) -> None:
        super().__init__()
        self.encoder = encoder_of(
            encoder_name, encoder_weights, in_channels=in_channels, stride=encoder_output_stride
        )
        channels: int = self.encoder.out_channels[-1]  # type: ignore[index, assignment]
        self.segmentation_head = SummedBranches(channels, classes, atrous_rates)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, ``in_channels``, H, W) -> logits (N, ``classes``, H, W)."""
        return resized(self.segmentation_head(self.encoder(images)[-1]), images.shape[2:])


class SummedBranches(nn.Module):
    """Parallel 3x3 convolutions of different dilation, summed."""

    def __init__(self, inputs: int, outputs: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate) for rate in rates
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, h, w) -> (N, outputs, h, w)."""
        return torch.stack([branch(features) for branch in self.branches]).sum(0)
