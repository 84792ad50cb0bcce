"""The wide ResNet-38 for segmentation (Wu, Shen and van den Hengel, Wider or Deeper, 2016)."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from workers.networks.layers import resized

TOP_DILATION = 12


class Level(NamedTuple):
    """Blocks of one width: how many, and what each convolution of one is.

    Attributes:
        blocks: How many.
        widths: Channels of each convolution of a block, over those of the first convolution of all.
        kernels: Side of each.
        stride: Of the first convolution of the first block.
        dilation: Of every convolution but that one, which has the dilation of the level before.
    """

    blocks: int
    widths: Sequence[int]
    kernels: Sequence[int] = (3, 3)
    stride: int = 1
    dilation: int = 1


LEVELS = (
    Level(3, (2, 2), stride=2),
    Level(3, (4, 4), stride=2),
    Level(6, (8, 8), stride=2),
    Level(3, (8, 16), dilation=2),
    Level(1, (8, 16, 32), (1, 3, 1), dilation=4),
    Level(1, (16, 32, 64), (1, 3, 1), dilation=4),
)
"""B2 to B7 of the paper's Table 1, model A, at stride 8."""


class WideResNet38(nn.Module):
    """37 wide convolutions with shortcuts at stride 8, and two dilated ones to the classes.

    Model A1 of the paper with its segmentation layers of two convolutions, without dropout as in their
    published code: 124.0 million weights for 8 classes or 19, no further head counted in, 105.1 of them
    in the encoder. Heads see the 512 channels before the last convolution.

    Args:
        classes: Channels of the logits.
        base_channels: Channels of the first convolution (paper: 64); all others grow with it.
        head_channels: Channels of the convolution before the last.
    """

    def __init__(self, classes: int, *, base_channels: int = 64, head_channels: int = 512) -> None:
        super().__init__()
        self.encoder = WideResNetEncoder(base_channels)
        self.decoder = nn.Sequential(
            _convolution(self.encoder.out_channels[-1], head_channels, 3, 1, TOP_DILATION),
            nn.BatchNorm2d(head_channels),
            nn.ReLU(),
        )
        self.segmentation_head = nn.Conv2d(
            head_channels, classes, 3, padding=TOP_DILATION, dilation=TOP_DILATION
        )

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W), sides multiples of 8 -> logits (N, ``classes``, H, W)."""
        features = self.decoder(self.encoder(images)[-1])
        return resized(self.segmentation_head(features), images.shape[2:])


class WideResNetEncoder(nn.Module):
    """The first convolution and :data:`LEVELS`, to features at stride 8."""

    output_stride = 8

    def __init__(self, base_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, base_channels, 3, padding=1, bias=False)
        levels: list[nn.Module] = []
        inputs, dilation = base_channels, 1
        for level in LEVELS:
            widths = [base_channels * width for width in level.widths]
            blocks = []
            for number in range(level.blocks):
                first = (level.stride, dilation) if number == 0 else (1, level.dilation)
                blocks.append(Residual(inputs, widths, level, first))
                inputs = widths[-1]
            dilation = level.dilation
            levels.append(nn.Sequential(*blocks))
        self.levels = nn.ModuleList(levels)
        self.after = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU())
        self.out_channels = tuple(base_channels * level.widths[-1] for level in LEVELS[-2:])

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images (N, 3, H, W) -> what the last two levels give."""
        maps = before = self.first(images)
        for level in self.levels:
            before, maps = maps, level(maps)
        return [before, self.after(maps)]


class Residual(nn.Module):
    """Normalisation and ReLU before each convolution, and a shortcut.

    Args:
        inputs: Channels of what it sees.
        widths: Channels of each convolution.
        level: Kernels and dilation.
        first: Stride and dilation of the first convolution.
    """

    def __init__(
        self, inputs: int, widths: Sequence[int], level: Level, first: tuple[int, int]
    ) -> None:
        super().__init__()
        self.before = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU())
        stride, dilation = first
        layers: list[nn.Module] = [
            _convolution(inputs, widths[0], level.kernels[0], stride, dilation)
        ]
        pairs = zip(widths, widths[1:], level.kernels[1:], strict=False)
        for narrow, wide, kernel in pairs:
            layers += [nn.BatchNorm2d(narrow), nn.ReLU()]
            layers.append(_convolution(narrow, wide, kernel, 1, level.dilation))
        self.branch = nn.Sequential(*layers)
        same = inputs == widths[-1]
        self.shortcut = None if same else _convolution(inputs, widths[-1], 1, 1, 1)
        self.stride = stride

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, h, w) -> (N, widths[-1], h / stride, w / stride)."""
        activated = self.before(features)
        shortcut = features
        if self.shortcut is not None:
            # Not by the convolution's stride: oneDNN 3.12 writes out of bounds for the gradient of
            # strided 1x1 weights of fewer than 16 inputs, channels-last (uxlfoundation/oneDNN#6035).
            shortcut = self.shortcut(activated[:, :, :: self.stride, :: self.stride])
        summed: Tensor = shortcut + self.branch(activated)
        return summed


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, dilation: int) -> nn.Conv2d:
    around = dilation * (kernel // 2)
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=around, dilation=dilation, bias=False)
