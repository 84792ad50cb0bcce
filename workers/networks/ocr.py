"""OCRNet: object-contextual representations (Yuan et al., ECCV 2020) on an HRNet."""

from math import sqrt

import torch
from torch import Tensor, nn

from workers.networks.layers import convolution, dense, dense_channels, encoder_of, resized


class OCRNet(nn.Module):
    """Pixels look at the classes: each class's features are pooled where coarse logits see it.

    The coarse logits are auxiliary logits: they are trained with the same loss, weight 0.4. This is
    the network that InverseForm trains on Cityscapes, with ``tu-hrnet_w48``.

    Args:
        encoder_name: Encoder, e.g. ``tu-hrnet_w18`` or ``tu-hrnet_w48``; of any other, all stages
            of stride 4 and more are joined in the same way.
        encoder_weights: Its weights.
        classes: Channels of the logits.
        in_channels: Bands of the images.
        ocr_channels: Channels of pixels and of objects.
        ocr_key_channels: Channels that they are compared in.
        ocr_dropout: Share of channels dropped before the classifier.
    """

    def __init__(
        self,
        encoder_name: str,
        encoder_weights: str | bool | None,
        classes: int,
        *,
        in_channels: int = 3,
        ocr_channels: int = 512,
        ocr_key_channels: int = 256,
        ocr_dropout: float = 0.05,
    ) -> None:
        super().__init__()
        self.encoder = encoder_of(encoder_name, encoder_weights, in_channels=in_channels)
        joined = dense_channels(self.encoder)
        self.regions = nn.Sequential(convolution(joined, joined, 1), nn.Conv2d(joined, classes, 1))
        self.pixels = convolution(joined, ocr_channels, 3)
        self.context = ObjectContext(ocr_channels, ocr_key_channels)
        self.fusion = nn.Sequential(
            convolution(2 * ocr_channels, ocr_channels, 1), nn.Dropout2d(ocr_dropout)
        )
        self.segmentation_head = nn.Conv2d(ocr_channels, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, ``in_channels``, H, W) -> logits (N, ``classes``, H, W)."""
        return self.with_auxiliary(images)[0]

    def with_auxiliary(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The logits, and those of the coarse regions; both (N, ``classes``, H, W)."""
        features, regions = self.represent(images)
        size = images.shape[2:]
        return resized(self.segmentation_head(features), size), resized(regions, size)

    def represent(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, ``ocr_channels``, h, w) and coarse logits (N, ``classes``, h, w) at stride 4."""
        joined = dense(self.encoder(images))
        regions = self.regions(joined)
        pixels = self.pixels(joined)
        context = self.context(pixels, objects_of(pixels, regions))
        return self.fusion(torch.cat([context, pixels], dim=1)), regions


def objects_of(pixels: Tensor, regions: Tensor) -> Tensor:
    """Mean features of each class, weighted by where the coarse logits see it (eq. 8).

    Args:
        pixels: Features (N, D, h, w).
        regions: Coarse logits (N, K, h, w).

    Returns:
        (N, D, K, 1).
    """
    weights = regions.flatten(2).softmax(dim=2)
    return (pixels.flatten(2) @ weights.transpose(1, 2)).unsqueeze(-1)


class ObjectContext(nn.Module):
    """For each pixel the sum of the classes' features, weighted by how alike they are (eqs. 9, 10)."""

    def __init__(self, channels: int, keys: int) -> None:
        super().__init__()
        self.query = nn.Sequential(convolution(channels, keys, 1), convolution(keys, keys, 1))
        self.key = nn.Sequential(convolution(channels, keys, 1), convolution(keys, keys, 1))
        self.value = convolution(channels, keys, 1)
        self.out = convolution(keys, channels, 1)

    def forward(self, pixels: Tensor, objects: Tensor) -> Tensor:
        """Pixels (N, D, h, w) and objects (N, D, K, 1) -> context (N, D, h, w)."""
        query = self.query(pixels).flatten(2)
        key, value = self.key(objects).flatten(2), self.value(objects).flatten(2)
        alike = (query.transpose(1, 2) @ key / sqrt(query.shape[1])).softmax(dim=2)
        context = (alike @ value.transpose(1, 2)).transpose(1, 2)
        context = context.reshape(len(pixels), -1, *pixels.shape[2:])
        out: Tensor = self.out(context)
        return out
