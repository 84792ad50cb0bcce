"""The convolutions of VGG-16 (Simonyan and Zisserman, 2015), for the networks that grew from it."""

from torch import Tensor, nn

STAGES = ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3))
"""Of each stage: its channels over those of the first, and its convolutions."""


class VGG16(nn.Module):
    """Thirteen 3x3 convolutions in five stages, pooled after each or dilated instead.

    Weights have the names of the published files of VGG-16, so ``weights_file`` takes the
    ``model.safetensors`` that huggingface.co has of timm's ``vgg16`` (with batch normalisation:
    ``vgg16_bn``).

    Args:
        base_channels: Channels of the first stage; of the others 2, 4, 8 and 8 times as many.
        batch_norm: Normalise what each convolution gives.
        pools: Stages that are pooled, the first ones. What comes after a pooling that is left out is
            dilated twice as much (Yu and Koltun, 2016).
    """

    def __init__(self, base_channels: int = 64, *, batch_norm: bool, pools: int = 5) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for number, (factor, convolutions) in enumerate(STAGES):
            outputs, dilation = base_channels * factor, 2 ** max(0, number - pools)
            for _ in range(convolutions):
                layers.append(nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation))
                layers += [nn.BatchNorm2d(outputs)] if batch_norm else []
                layers.append(nn.ReLU())
                inputs = outputs
            pooled = number < pools
            layers.append(nn.MaxPool2d(2, return_indices=True) if pooled else nn.Identity())
        self.features = nn.Sequential(*layers)
        self.out_channels = (inputs, inputs)
        self.output_stride = 2**pools
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                start(layer)

    def forward(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Run on images (N, 3, H, W), sides multiples of ``output_stride``.

        Returns:
            The last stage before its pooling and after, and the places that each pooling took, as
            indices.
        """
        before = maps = images
        positions: list[Tensor] = []
        for layer in self.features:
            before = maps
            if isinstance(layer, nn.MaxPool2d):
                maps, places = layer(maps)
                positions.append(places)
            else:
                maps = layer(maps)
        return [before, maps], positions


def start(layer: nn.Conv2d) -> None:
    """Draw the first weights of a convolution under a ReLU that no normalisation follows (He et al.)."""
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
