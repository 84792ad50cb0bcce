"""Embeddings that know where they are: a network gives offsets, and each pixel adds its own place."""

import torch
from torch import Tensor, nn

from surrogate_zoo.errors import InputError

AXES = 2
"""Channels that a place has: row and column."""


class PlacedConvolution(nn.Conv2d):
    """A 1x1 convolution to embeddings, to whose first two channels each pixel's place is added.

    A convolution gives two alike objects the same embedding, wherever they lie; a difference of place is
    what parts them (Novotny et al., ECCV 2018, semi-convolutional operators; Neven et al., CVPR 2019,
    offsets to an object's centre). Weights and state are those of the convolution alone.

    Args:
        inputs: Channels of what it sees.
        outputs: Channels of an embedding, two at least.
        pixels: How many pixels of an image are one unit of an embedding.

    Raises:
        InputError: There are too few channels.
    """

    def __init__(self, inputs: int, outputs: int, pixels: float) -> None:
        if outputs < AXES:
            raise InputError(
                "Coordinates are added to two channels of embeddings: give the network 2 or more."
            )
        super().__init__(inputs, outputs, 1)
        self.pixels = pixels

    def placed(self, maps: Tensor) -> Tensor:
        """Add its place to each pixel.

        Args:
            maps: float (N, E, H, W), what the convolution gave, at the image's size.

        Returns:
            The same shape: row / ``pixels`` added to channel 0, column / ``pixels`` to channel 1.
        """
        height, width = maps.shape[2:]
        rows = torch.arange(height, device=maps.device, dtype=maps.dtype) / self.pixels
        columns = torch.arange(width, device=maps.device, dtype=maps.dtype) / self.pixels
        places = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
        return torch.cat([maps[:, :AXES] + places, maps[:, AXES:]], dim=1)
