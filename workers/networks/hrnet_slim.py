"""HRNet-16-Slim, the smallest network of InverseForm (Borse et al., CVPR 2021)."""

from typing import Any

from timm.models.hrnet import HighResolutionNetFeatures
from torch import Tensor, nn

from workers.networks.layers import convolution, dense, resized

WIDTHS = (16, 32, 64, 128)
HEAD_WIDTH = 120


def _stage(modules: int, branches: int) -> dict[str, Any]:
    return {
        "num_modules": modules,
        "num_branches": branches,
        "block_type": "BASIC",
        "num_blocks": (2,) * branches,
        "num_channels": WIDTHS[:branches],
        "fuse_method": "SUM",
    }


SLIM: dict[str, Any] = {
    "stem_width": 64,
    "stage1": _stage(1, 1) | {"block_type": "BOTTLENECK", "num_channels": (64,)},
    "stage2": _stage(1, 2),
    "stage3": _stage(3, 3),
    "stage4": _stage(2, 4),
}
"""Its stages as timm names them; those of ``hrnet_w18_small_v2`` with widths from 16 in place of 18."""


class SlimEncoder(nn.Module):
    """A convolution that halves the image, and an HRNet of width 16: branches of strides 8, 16, 32, 64.

    Attributes:
        out_channels: Of what it gives: the image itself, nothing at strides 2 and 4, and the branches.
        output_stride: 64; sides of images are multiples of it.
    """

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.out_channels = (in_channels, 0, *WIDTHS)
        self.output_stride = 64
        self.halve = nn.Conv2d(in_channels, in_channels, 2, stride=2, bias=False)
        self.branches = HighResolutionNetFeatures(  # type: ignore[no-untyped-call]
            SLIM, in_chans=in_channels, feature_location="", out_indices=(1, 2, 3, 4)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images (N, ``in_channels``, H, W) -> them, nothing (N, 0, H/2, W/2), and the four branches."""
        nothing = images[:, :0, ::2, ::2]
        return [images, nothing, *self.branches(self.halve(images))]


class HRNet16Slim(nn.Module):
    """HRNet-16-Slim as InverseForm's authors released it: ``models/lighthrnet.py`` with width 16.

    All branches joined at stride 8, a layer of 120 channels and the classifier, both without a bias.
    Coarse logits of their own, trained with the same loss and weight 0.4, are dropped in inference.
    There are no published weights to start from but the authors' of Cityscapes.

    Args:
        classes: Channels of the logits.
        in_channels: Bands of the images.
    """

    def __init__(self, classes: int, *, in_channels: int = 3) -> None:
        super().__init__()
        self.encoder = SlimEncoder(in_channels)
        joined = sum(WIDTHS)
        self.regions = nn.Sequential(convolution(joined, joined, 1), nn.Conv2d(joined, classes, 1))
        self.decoder = convolution(joined, HEAD_WIDTH, 1)
        self.segmentation_head = nn.Conv2d(HEAD_WIDTH, classes, 1, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, ``in_channels``, H, W) -> logits (N, ``classes``, H, W)."""
        return self._logits(dense(self.encoder(images)), images)

    def with_auxiliary(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The logits, and the coarse ones; both (N, ``classes``, H, W)."""
        joined = dense(self.encoder(images))
        return self._logits(joined, images), resized(self.regions(joined), images.shape[2:])

    def _logits(self, joined: Tensor, images: Tensor) -> Tensor:
        return resized(self.segmentation_head(self.decoder(joined)), images.shape[2:])
