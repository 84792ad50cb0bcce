"""Small pieces that the networks here share."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workers.networks.upsampling import upsampled

DEPTH = 5  # stages of an encoder, the last at stride 32 unless dilated


def encoder_of(
    name: str, weights: str | bool | None, *, in_channels: int = 3, stride: int = 32
) -> nn.Module:
    """Build an encoder of five stages from images of so many bands, dilated to an output ``stride``.

    An HRNet gives its four branches as they are, without the wider layers that its classifier has.
    """
    import segmentation_models_pytorch as smp  # noqa: PLC0415 - most encoders alone need it

    plain = {"feature_location": ""} if name.startswith("tu-hrnet") else {}
    encoder: nn.Module = smp.encoders.get_encoder(
        name, in_channels=in_channels, depth=DEPTH, weights=weights, output_stride=stride, **plain
    )
    return encoder


def encoder_names() -> list[str]:
    """Encoders of segmentation-models-pytorch by name."""
    import segmentation_models_pytorch as smp  # noqa: PLC0415 - as above

    names: list[str] = smp.encoders.get_encoder_names()
    return names


def convolution(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """A convolution that keeps the size, batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def resized(maps: Tensor, size: Sequence[int]) -> Tensor:
    """``maps`` (N, C, h, w) at ``size`` (H, W), bilinear; on a GPU float32 where it is larger."""
    height, width = size
    if maps.device.type == "cuda" and height > maps.shape[2] and width > maps.shape[3]:
        return upsampled(maps, (height, width), align_corners=False)
    return F.interpolate(maps, size=tuple(size), mode="bilinear", align_corners=False)


def dense(features: Sequence[Tensor]) -> Tensor:
    """All feature maps of stride 4 and more, joined at the size of the largest (HRNetV2).

    Args:
        features: An encoder's, the image itself first: strides 1, 2, 4, ...
    """
    size = features[2].shape[2:]
    return torch.cat([features[2], *(resized(feature, size) for feature in features[3:])], dim=1)


def dense_channels(encoder: nn.Module) -> int:
    """Channels of :func:`dense` for an encoder."""
    return sum(encoder.out_channels[2:])  # type: ignore[index]
