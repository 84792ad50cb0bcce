"""The edge network of SEMEDA: three convolutions that find edges in class probabilities."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from surrogate_zoo.errors import InputError

WIDTHS = (16, 32, 2)


class EdgeNetwork(nn.Module):
    """Predicts which pixels of a mask are edges: C -> 16 -> 32 -> 2 channels, ReLU between.

    Chen, Dapogny and Cord, SEMEDA: Enhancing Segmentation Precision with Semantic Edge Aware Loss,
    Pattern Recognition 2020.
    Its weights are stored in float32; it computes in the dtype of its input.

    Args:
        num_classes: C of the probabilities.
        kernel: Side of each convolution in pixels, odd; the paper does not give it.

    Attributes:
        num_classes: C.
        kernel: Side of each convolution.
        layers: The three convolutions.
    """

    def __init__(self, num_classes: int, *, kernel: int = 3) -> None:
        super().__init__()
        if num_classes < 2:
            raise InputError(f"num_classes must be at least 2, not {num_classes}.")
        if kernel < 3 or kernel % 2 == 0:
            raise InputError(f"kernel must be odd and at least 3, not {kernel}.")
        self.num_classes, self.kernel = num_classes, kernel
        widths = (num_classes, *WIDTHS)
        self.layers = nn.Sequential(
            *(nn.Conv2d(before, after, kernel) for before, after in pairwise(widths))
        )

    def embeddings(
        self, probabilities: Tensor, *, after_relu: bool = False, depth: int = len(WIDTHS)
    ) -> list[Tensor]:
        """Return what the first ``depth`` layers compute, psi_1 to psi_3 of the paper.

        Args:
            probabilities: Float (N, C, H, W), 0 at void pixels; beyond the border they count as 0.
            after_relu: Behind each ReLU in place of before it; the last layer has none.
            depth: Number of layers, 1..3.

        Returns:
            (N, 16, H, W), (N, 32, H, W) and (N, 2, H, W): the last ones are the logits of
            "no edge" and "edge".
        """
        kept: list[Tensor] = []
        features = probabilities
        for number in range(depth):
            weight = self.get_parameter(f"layers.{number}.weight").to(features.dtype)
            bias = self.get_parameter(f"layers.{number}.bias").to(features.dtype)
            before = F.conv2d(features, weight, bias, padding=self.kernel // 2)
            features = before if number == len(WIDTHS) - 1 else F.relu(before)
            kept.append(features if after_relu else before)
        return kept

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return the probabilities of "no edge" and "edge", (N, 2, H, W)."""
        return self.embeddings(probabilities)[-1].softmax(1)


def edge_target(labels: Tensor, valid: Tensor) -> Tensor:
    """Mark the edges of masks: pixels whose 3x3 neighbours do not all carry their label.

    Neighbours that are void or beyond the border do not count, so neither makes an edge.

    Args:
        labels: int64 (N, H, W); anything at void pixels.
        valid: Bool (N, H, W), False at void pixels.

    Returns:
        Bool (N, H, W), False at void pixels.
    """
    values = labels.to(torch.float32)[:, None]
    void = ~valid[:, None]
    most = _highest(values.masked_fill(void, -torch.inf))
    least = -_highest((-values).masked_fill(void, -torch.inf))
    return ((most != values) | (least != values))[:, 0] & valid


def _highest(values: Tensor) -> Tensor:
    """Maximum over the 3x3 window, (N, 1, H, W)."""
    return F.max_pool2d(values, 3, stride=1, padding=1)
