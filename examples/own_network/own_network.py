"""A small fully convolutional network, trained by lossfit like any of its own."""

from torch import Tensor, nn
from torch.nn import functional as F


def stage(inputs: int, outputs: int) -> nn.Module:
    """Halve the size."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class Encoder(nn.Module):
    """Three stages, of strides 2, 4 and 8."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out_channels = (3, width, 2 * width, 4 * width)
        self.stages = nn.ModuleList(
            stage(inputs, outputs)
            for inputs, outputs in zip(self.out_channels, self.out_channels[1:], strict=False)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """The images and the features of every stage."""
        features = [images]
        for one in self.stages:
            features.append(one(features[-1]))
        return features


class SmallFCN(nn.Module):
    """Classifies the last stage's features.

    Args:
        classes: Channels of the logits; lossfit passes it.
        width: Channels of the first stage; an option that requests may set.
    """

    def __init__(self, classes: int, width: int = 32) -> None:
        super().__init__()
        self.encoder = Encoder(width)
        self.segmentation_head = nn.Conv2d(4 * width, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W) -> logits (N, classes, H, W)."""
        logits = self.segmentation_head(self.encoder(images)[-1])
        return F.interpolate(logits, size=images.shape[2:], mode="bilinear", align_corners=False)
