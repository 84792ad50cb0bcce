"""Dilation10 (Yu and Koltun, Multi-Scale Context Aggregation by Dilated Convolutions, ICLR 2016)."""

from collections.abc import Sequence

from torch import Tensor, nn

from workers.networks.layers import resized
from workers.networks.vgg import VGG16, start


class Dilation10(nn.Module):
    """VGG-16 at stride 8 with its fully connected layers as convolutions, and a context module.

    134.3 million weights for 8 classes, 134.4 for 19, the context module counted in and no further
    head; 119.5 of them are the two layers that were fully connected.

    The context module sees class scores alone and begins as the identity, as in the paper; so it passes
    on what is above 0. The paper trains the front end, then both; here both learn at once, and the
    scores of the front end are the network's auxiliary logits. Other departures: zeros around every
    convolution and not the image reflected around the first; ``weights_file`` fills VGG-16's
    convolutions and no more.

    Heads see what the front end's classifier sees, 4096 channels at stride 8.

    Args:
        classes: Channels of the logits.
        base_channels: Channels of VGG-16's first stage (paper: 64); those of the others grow with it.
        hidden_channels: Channels of the layers that were fully connected (paper: 4096).
        context_dilations: Dilation of each 3x3 convolution of the context module but the last (paper:
            the default for Cityscapes, with which ten layers make the name; 1, 1, 2, 4, 8 and 16 for
            smaller images, Dilation8).
        dropout: Share of values dropped after each of the layers that were fully connected.
    """

    def __init__(
        self,
        classes: int,
        *,
        base_channels: int = 64,
        hidden_channels: int = 4096,
        context_dilations: Sequence[int] = (1, 1, 2, 4, 8, 16, 32, 64),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.encoder = VGG16(base_channels, batch_norm=False, pools=3)
        inputs = self.encoder.out_channels[-1]
        sixth = nn.Conv2d(inputs, hidden_channels, 7, padding=12, dilation=4)
        seventh = nn.Conv2d(hidden_channels, hidden_channels, 1)
        for layer in (sixth, seventh):
            start(layer)
        self.front_end = nn.Sequential(
            *(sixth, nn.ReLU(), nn.Dropout(dropout)), *(seventh, nn.ReLU(), nn.Dropout(dropout))
        )
        self.segmentation_head = nn.Conv2d(hidden_channels, classes, 1)
        self.context = context_module(classes, context_dilations)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W), sides multiples of 8 -> logits (N, ``classes``, H, W)."""
        logits: Tensor = resized(self.context(self._scores(images)), images.shape[2:])
        return logits

    def with_auxiliary(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The logits, and those of the front end; both (N, ``classes``, H, W)."""
        scores, size = self._scores(images), images.shape[2:]
        return resized(self.context(scores), size), resized(scores, size)

    def _scores(self, images: Tensor) -> Tensor:
        """Class scores of the front end, (N, ``classes``, H / 8, W / 8)."""
        features, _ = self.encoder(images)
        scores: Tensor = self.segmentation_head(self.front_end(features[-1]))
        return scores


def context_module(classes: int, dilations: Sequence[int]) -> nn.Sequential:
    """The paper's basic context module: class scores in, class scores out, at the start the same."""
    layers: list[nn.Module] = []
    for dilation in (*dilations, 1):
        layers.append(nn.Conv2d(classes, classes, 3, padding=dilation, dilation=dilation))
        layers.append(nn.ReLU())
    layers.append(nn.Conv2d(classes, classes, 1))
    for layer in layers:
        if isinstance(layer, nn.Conv2d) and layer.bias is not None:
            nn.init.dirac_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)
