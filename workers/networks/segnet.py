"""SegNet (Badrinarayanan et al., 2015; TPAMI 2017)."""

from torch import Tensor, nn
from torch.nn import functional as F

from workers.networks.layers import convolution
from workers.networks.vgg import STAGES, VGG16


class SegNet(nn.Module):
    """VGG-16 and its mirror image, which unpools to where VGG-16 pooled.

    29.4 million weights (29,443,912 for 8 classes, 577 more for each further one), no further head
    counted in. The last convolution is the segmentation head, so other heads see 64 channels at full
    size.

    Args:
        classes: Channels of the logits.
        base_channels: Channels of the first stage (paper: 64); those of the others grow with it.
    """

    def __init__(self, classes: int, *, base_channels: int = 64) -> None:
        super().__init__()
        self.encoder = VGG16(base_channels, batch_norm=True)
        self.decoder = nn.ModuleList(
            nn.Sequential(*_mirrored(base_channels, stage))
            for stage in reversed(range(len(STAGES)))
        )
        self.segmentation_head = nn.Conv2d(base_channels, classes, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W), sides multiples of 32 -> logits (N, ``classes``, H, W)."""
        features, positions = self.encoder(images)
        decoded: Tensor = features[-1]
        for stage, places in zip(self.decoder, reversed(positions), strict=True):
            decoded = stage(F.max_unpool2d(decoded, places, (2, 2)))
        logits: Tensor = self.segmentation_head(decoded)
        return logits


def _mirrored(base_channels: int, stage: int) -> list[nn.Module]:
    """The convolutions of a stage backwards; that to the image's channels is the segmentation head's."""
    factor, convolutions = STAGES[stage]
    width = base_channels * factor
    layers: list[nn.Module] = [convolution(width, width, 3) for _ in range(convolutions - 1)]
    if stage > 0:
        layers.append(convolution(width, base_channels * STAGES[stage - 1][0], 3))
    return layers
