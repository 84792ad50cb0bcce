"""ENet (Paszke et al., 2016), the fastest network that De Brabandere et al. (2017) train for objects."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

OUTPUT_STRIDE = 8
SHRINKING = 4  # channels of a bottleneck over those inside of it
EPSILON = 1e-3  # of batch normalisation, as in the published code
DROPOUT, LATE_DROPOUT = 0.01, 0.1  # before the second downsampling, and from there on

Activation = Callable[[int], nn.Module]


class ENet(nn.Module):
    """Bottlenecks at strides 4 and 8, and a small decoder that unpools to where the encoder pooled.

    Layer by layer as the paper's Table 1, with its code where the paper is silent: the decoder has
    ReLU in place of PReLU and no dropout. The paper trains the encoder first, on labels at stride 8,
    and then the whole; here the whole learns at once, and an auxiliary head does what came first.

    0.36 million weights (363,596 for 8 classes, 364,311 for 19), no further head counted in.

    What heads see has 16 channels at stride 2: embeddings of more than 16 channels are no richer.

    Args:
        classes: Channels of the logits.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.encoder = ENetEncoder()
        self.upsampling = nn.ModuleList((Upsampling(128, 64), Upsampling(64, 16)))
        self.refinement = nn.ModuleList(
            (nn.Sequential(_refining(64), _refining(64)), _refining(16))
        )
        self.segmentation_head = nn.ConvTranspose2d(16, classes, 2, stride=2)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W), sides multiples of 8 -> logits (N, ``classes``, H, W)."""
        features, positions = self.encoder(images)
        decoded: Tensor = features[-1]
        parts = zip(self.upsampling, self.refinement, reversed(positions), strict=True)
        for upsample, refine, places in parts:
            decoded = refine(upsample(decoded, places))
        logits: Tensor = self.segmentation_head(decoded)
        return logits


class ENetEncoder(nn.Module):
    """The initial block and stages 1 to 3, at strides 2, 4, 8 and 8."""

    out_channels = (16, 64, 128, 128)
    output_stride = OUTPUT_STRIDE

    def __init__(self) -> None:
        super().__init__()
        self.initial = InitialBlock(16)
        self.downsampling = nn.ModuleList(
            (Downsampling(16, 64, DROPOUT), Downsampling(64, 128, LATE_DROPOUT))
        )
        first = (Bottleneck(64, _regular(16), nn.PReLU, DROPOUT) for _ in range(4))
        self.stages = nn.ModuleList((nn.Sequential(*first), _context_stage(), _context_stage()))

    def forward(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Images -> what each stage gives, and the places that the two poolings took, as indices."""
        features: list[Tensor] = [self.initial(images)]
        positions: list[Tensor] = []
        for downsample, stage in zip(self.downsampling, self.stages[:2], strict=True):
            pooled, places = downsample(features[-1])
            features.append(stage(pooled))
            positions.append(places)
        return [*features, self.stages[2](features[-1])], positions


class InitialBlock(nn.Module):
    """A strided convolution beside the pooled image."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, outputs - 3, 3, stride=2, padding=1)
        self.after = nn.Sequential(nn.BatchNorm2d(outputs, EPSILON), nn.PReLU(outputs))

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, outputs, H / 2, W / 2)."""
        joined = torch.cat([self.convolution(images), F.max_pool2d(images, 2)], dim=1)
        features: Tensor = self.after(joined)
        return features


class Bottleneck(nn.Module):
    """A residual block that keeps size and channels; ``middle`` acts on a quarter of the channels."""

    def __init__(
        self, channels: int, middle: nn.Module, activation: Activation, dropout: float
    ) -> None:
        super().__init__()
        first = nn.Conv2d(channels, channels // SHRINKING, 1, bias=False)
        self.branch = nn.Sequential(
            *_branch(first, middle, channels, activation), nn.Dropout2d(dropout)
        )
        self.activation = activation(channels)

    def forward(self, features: Tensor) -> Tensor:
        """(N, channels, h, w) -> the same shape."""
        summed: Tensor = self.activation(features + self.branch(features))
        return summed


class Downsampling(nn.Module):
    """A bottleneck to half the size; its shortcut is pooled, and zeros stand for new channels."""

    def __init__(self, inputs: int, outputs: int, dropout: float) -> None:
        super().__init__()
        inner = outputs // SHRINKING
        first = nn.Conv2d(inputs, inner, 2, stride=2, bias=False)
        self.new_channels = outputs - inputs
        self.branch = nn.Sequential(
            *_branch(first, _regular(inner), outputs, nn.PReLU), nn.Dropout2d(dropout)
        )
        self.activation = nn.PReLU(outputs)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(N, inputs, h, w) -> (N, outputs, h / 2, w / 2), and where the maxima were."""
        pooled, places = F.max_pool2d(features, 2, return_indices=True)
        shortcut = F.pad(pooled, (0, 0, 0, 0, 0, self.new_channels))
        return self.activation(shortcut + self.branch(features)), places


class Upsampling(nn.Module):
    """A bottleneck to twice the size; its shortcut goes back to where a pooling took it from."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        inner = outputs // SHRINKING
        first = nn.Conv2d(inputs, inner, 1, bias=False)
        middle = nn.ConvTranspose2d(inner, inner, 3, stride=2, padding=1, output_padding=1)
        self.branch = nn.Sequential(*_branch(first, middle, outputs, _relu))
        self.shortcut = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs, EPSILON)
        )

    def forward(self, features: Tensor, places: Tensor) -> Tensor:
        """(N, inputs, h, w) and places (N, outputs, h, w) -> (N, outputs, 2 h, 2 w)."""
        shortcut = F.max_unpool2d(self.shortcut(features), places, (2, 2))
        return F.relu(shortcut + self.branch(features))


def _branch(
    first: nn.Conv2d, middle: nn.Module, outputs: int, activation: Activation
) -> list[nn.Module]:
    """The branch of a bottleneck: ``first`` shrinks the channels, a 1x1 convolution widens them."""
    inner = first.out_channels
    return [
        first,
        nn.BatchNorm2d(inner, EPSILON),
        activation(inner),
        middle,
        nn.BatchNorm2d(inner, EPSILON),
        activation(inner),
        nn.Conv2d(inner, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs, EPSILON),
    ]


def _relu(_: int) -> nn.Module:
    return nn.ReLU()


def _regular(channels: int, dilation: int = 1) -> nn.Module:
    return nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)


def _asymmetric(channels: int) -> nn.Module:
    """A 5x5 convolution as one along each side."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, (1, 5), padding=(0, 2), bias=False),
        nn.Conv2d(channels, channels, (5, 1), padding=(2, 0)),
    )


def _context_stage() -> nn.Sequential:
    """Stage 2 without its downsampling, and stage 3: regular, dilated and asymmetric in turn."""
    middles: list[nn.Module] = []
    for dilations in ((2, 4), (8, 16)):
        wide, wider = (_regular(32, dilation) for dilation in dilations)
        middles += [_regular(32), wide, _asymmetric(32), wider]
    return nn.Sequential(*(Bottleneck(128, one, nn.PReLU, LATE_DROPOUT) for one in middles))


def _refining(channels: int) -> nn.Module:
    return Bottleneck(channels, _regular(channels // SHRINKING), _relu, 0.0)
