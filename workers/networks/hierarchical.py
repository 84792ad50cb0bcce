"""Hierarchical multi-scale attention (Tao et al. 2020) on OCRNet."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from surrogate_zoo.errors import InputError
from workers.networks.layers import convolution, resized
from workers.networks.ocr import OCRNet

TRAINING_SCALES = (0.5, 1.0)


class HierarchicalOCRNet(OCRNet):
    """OCRNet at several scales of the image; each learns how far it is to be trusted over the next.

    A scale's attention (N, 1, H, W) in 0..1 weighs its logits; the rest, 1 - attention, goes to what
    the larger scales say together. It is learned between half and full size alone, and used along
    any chain of scales. Departure: the released training also adds each scale's own loss with a
    weight of 0.05.

    Args:
        encoder_name: As of :class:`OCRNet`.
        encoder_weights: As of :class:`OCRNet`.
        classes: Channels of the logits.
        ocr_channels: As of :class:`OCRNet`.
        ocr_key_channels: As of :class:`OCRNet`.
        ocr_dropout: As of :class:`OCRNet`.
        attention_channels: Channels of the head that gives the attention.
        inference_scales: Scales in evaluation mode, 1 among them; the paper takes 0.5, 1 and 2.
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
        attention_channels: int = 256,
        inference_scales: Sequence[float] = TRAINING_SCALES,
    ) -> None:
        super().__init__(
            encoder_name,
            encoder_weights,
            classes,
            in_channels=in_channels,
            ocr_channels=ocr_channels,
            ocr_key_channels=ocr_key_channels,
            ocr_dropout=ocr_dropout,
        )
        if 1.0 not in inference_scales or not all(0 < scale <= 4 for scale in inference_scales):
            raise InputError("inference_scales must be within 0 to 4, and 1 must be among them.")
        self.attention = nn.Sequential(
            convolution(ocr_channels, attention_channels, 3),
            convolution(attention_channels, attention_channels, 3),
            nn.Conv2d(attention_channels, 1, 1),
        )
        self.inference_scales = tuple(inference_scales)

    def with_auxiliary(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The logits, and those of the coarse regions, both fused; (N, ``classes``, H, W)."""
        size = images.shape[2:]
        scales = TRAINING_SCALES if self.training else self.inference_scales
        largest, *smaller = sorted(scales, reverse=True)
        both = resized(self._at(images, largest)[1], size)
        for scale in smaller:
            features, logits = self._at(images, scale)
            attention = resized(self.attention(features).sigmoid(), logits.shape[2:])
            both = resized(attention * logits, size) + (1 - resized(attention, size)) * both
        logits, auxiliary = both.chunk(2, dim=1)
        return logits, auxiliary

    def _at(self, images: Tensor, scale: float) -> tuple[Tensor, Tensor]:
        """Features at stride 4 of one scale, and its logits and coarse logits (N, 2 ``classes``, h, w)."""
        height, width = (max(32, round(side * scale / 32) * 32) for side in images.shape[2:])
        features, regions = self.represent(resized(images, (height, width)))
        both = torch.cat([self.segmentation_head(features), regions], dim=1)
        return features, resized(both, (height, width))
