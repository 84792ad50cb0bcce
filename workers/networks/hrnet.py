"""HRNetV2 for segmentation (Wang et al., TPAMI 2021)."""

from torch import Tensor, nn

from workers.networks.layers import convolution, dense, dense_channels, encoder_of, resized


class HRNetV2(nn.Module):
    """All branches of an HRNet joined at stride 4, and two 1x1 convolutions.

    Args:
        encoder_name: Encoder, e.g. ``tu-hrnet_w18`` or ``tu-hrnet_w48``; of any other, all stages
            of stride 4 and more are joined in the same way.
        encoder_weights: Its weights.
        classes: Channels of the logits.
        in_channels: Bands of the images.
    """

    def __init__(
        self,
        encoder_name: str,
        encoder_weights: str | bool | None,
        classes: int,
        *,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.encoder = encoder_of(encoder_name, encoder_weights, in_channels=in_channels)
        channels = dense_channels(self.encoder)
        self.decoder = convolution(channels, channels, 1)
        self.segmentation_head = nn.Conv2d(channels, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, ``in_channels``, H, W) -> logits (N, ``classes``, H, W)."""
        features = self.decoder(dense(self.encoder(images)))
        return resized(self.segmentation_head(features), images.shape[2:])
