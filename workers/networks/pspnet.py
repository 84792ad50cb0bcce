"""PSPNet as published (Zhao et al., CVPR 2017)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from workers.networks.layers import convolution, encoder_of, resized


class DilatedPSPNet(nn.Module):
    """The whole encoder, dilated, under a pyramid of pooled features and a 3x3 convolution.

    ``PSPNet`` of segmentation-models-pytorch is lighter: it cuts the encoder after its third stage
    and joins the pyramid by a 1x1 convolution.

    Args:
        encoder_name: Encoder; the paper's is ``resnet101``.
        encoder_weights: Its weights.
        classes: Channels of the logits.
        in_channels: Bands of the images.
        encoder_output_stride: 8 (paper), 16 or 32.
        psp_out_channels: Channels of each level of the pyramid, and of what joins them.
        psp_sizes: Bins a side of each level.
        psp_dropout: Share of channels dropped before the classifier.
    """

    def __init__(
        self,
        encoder_name: str,
        encoder_weights: str | bool | None,
        classes: int,
        *,
        in_channels: int = 3,
        encoder_output_stride: int = 8,
        psp_out_channels: int = 512,
        psp_sizes: Sequence[int] = (1, 2, 3, 6),
        psp_dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.encoder = encoder_of(
            encoder_name, encoder_weights, in_channels=in_channels, stride=encoder_output_stride
        )
        inputs: int = self.encoder.out_channels[-1]  # type: ignore[index, assignment]
        self.levels = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(size), convolution(inputs, psp_out_channels, 1))
            for size in psp_sizes
        )
        joined = inputs + len(psp_sizes) * psp_out_channels
        self.fusion = convolution(joined, psp_out_channels, 3)
        self.segmentation_head = nn.Sequential(
            nn.Dropout2d(psp_dropout), nn.Conv2d(psp_out_channels, classes, 1)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, ``in_channels``, H, W) -> logits (N, ``classes``, H, W)."""
        features = self.encoder(images)[-1]
        size = features.shape[2:]
        pyramid = torch.cat(
            [features, *(resized(level(features), size) for level in self.levels)], 1
        )
        return resized(self.segmentation_head(self.fusion(pyramid)), images.shape[2:])
