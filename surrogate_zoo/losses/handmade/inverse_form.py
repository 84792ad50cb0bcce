"""InverseForm: cross entropy, a boundary head, and the homography between the head's map and truth."""

import math
from pathlib import Path
from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from surrogate_zoo.loss_networks.inverse import InverseNetwork
from surrogate_zoo.loss_networks.storage import network_of
from surrogate_zoo.losses import declarations
from surrogate_zoo.losses.handmade.base import Common, HandmadeLoss
from surrogate_zoo.losses.handmade.batch import Batch
from surrogate_zoo.losses.handmade.homography_distances import DISTANCES
from surrogate_zoo.losses.handmade.pixels import entropies
from surrogate_zoo.needs import BOUNDARY_LOGITS, INVERSE_NETWORK


def boundary_target(labels: Tensor, valid: Tensor, width: int = 2) -> Tensor:
    """Mark the pixels near a border between classes, on both of its sides.

    The rule of the released edge ground truth (a distance transform of each class, at most 2), with
    shifted comparisons in place of the transform.

    Args:
        labels: int64 (N, H, W); anything at void pixels.
        valid: Bool (N, H, W), False at void pixels.
        width: A pixel is marked if a valid pixel of another class is at most so far away: Euclidean
            distance between centres in pixels, at least 1.

    Returns:
        Bool (N, 1, H, W), False at void pixels; void makes no boundary.
    """
    classes, wide = labels.int(), labels.shape[2] + 2 * width
    # Of void and of what lies outside, a number that is never the greatest, and one that is never the least.
    low, high = (
        F.pad(classes.masked_fill(~valid, never), (width,) * 4, value=never)
        for never in (-1, torch.iinfo(torch.int32).max)
    )
    most, least = classes, classes
    for down, right in _disk(width):
        start = (width + down) * wide + width + right
        # Views by strides, so that a compiler keeps what they are of, and does not make it for each.
        below, above = (each.as_strided(labels.shape, each.stride(), start) for each in (low, high))
        most, least = torch.maximum(most, below), torch.minimum(least, above)
    return (valid & ((most != classes) | (least != classes)))[:, None]


def _disk(radius: int) -> list[tuple[int, int]]:
    """Offsets of a disk without its centre."""
    reach = range(-radius, radius + 1)
    return [
        (down, right) for down in reach for right in reach if 0 < down**2 + right**2 <= radius**2
    ]


def balanced_cross_entropy(logits: Tensor, marked: Tensor, batch: Batch) -> Tensor:
    """Class-balanced binary cross entropy, as released.

    A marked pixel weighs the share of unmarked ones among the batch's valid pixels, and the other
    way round; the sum is divided by the number of valid pixels. 0 where all or none are marked.

    Args:
        logits: Float (N, 1, H, W).
        marked: Bool (N, 1, H, W), the truth, False at void pixels.
        batch: Whose valid pixels count.
    """
    truth, counted = marked.to(logits.dtype), batch.valid[:, None].to(logits.dtype)
    share = batch.total(marked.sum()).to(logits.dtype) / batch.pixels
    weights = counted * torch.where(marked, 1 - share, share)
    total = F.binary_cross_entropy_with_logits(logits, truth, weights, reduction="sum")
    return batch.total(total) / batch.pixels


def cut_tiles(maps: Tensor, tiles: tuple[int, int], side: int) -> Tensor:
    """Resize maps to ``rows x columns`` squares and cut them apart.

    Args:
        maps: Float (N, 1, H, W).
        tiles: Rows and columns.
        side: Height and width of a tile in pixels.

    Returns:
        (N * rows * columns, 1, side, side), image by image, row by row. Shrinking averages.
    """
    rows, columns = tiles
    size = (rows * side, columns * side)
    resized = F.interpolate(maps, size, mode="bilinear", antialias=True)
    cut = resized.view(len(maps), rows, side, columns, side).transpose(2, 3)
    return cut.reshape(-1, 1, side, side)


class BoundaryCrossEntropy(HandmadeLoss):
    """Cross entropy and ``beta`` times the balanced cross entropy of a boundary head.

    InverseForm without its inverse transformation network: the baseline of the paper's ablation.

    Args:
        beta: Weight of the boundary head's cross entropy, >= 0; 0.3 as released.
        width: Of the true boundary on each side of a border, in pixels, >= 1; 2 as released.
    """

    no_volumes = "its boundary head and maps are of images; pass slices as images"
    no_multilabel = "its boundary head finds the borders between classes that exclude each other"

    def __init__(
        self,
        *,
        beta: float,
        width: int,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        declarations.BOUNDARY_CROSS_ENTROPY.check(beta=beta, width=width)
        self.beta, self.width = beta, width

    def of_valid(self, batch: Batch) -> Tensor:
        """``L_xe + beta L_bxe``."""
        return self._entropies(batch, boundary_target(batch.labels, batch.valid, self.width))

    def _entropies(self, batch: Batch, marked: Tensor) -> Tensor:
        of_classes = batch.mean(entropies(batch))
        boundary = balanced_cross_entropy(batch.asked(BOUNDARY_LOGITS), marked, batch)
        return of_classes + self.beta * boundary


class InverseForm(BoundaryCrossEntropy):
    """Cross entropy, a boundary head, and the distance between the head's map and the true one.

    Borse et al., InverseForm: A Loss Function for Structured Boundary-Aware Segmentation, CVPR 2021,
    equations 3 to 8: ``L_xe + beta L_bxe + gamma L_if``. A frozen network predicts the homography
    between predicted and true boundary map, tile by tile; its distance from the identity, summed
    over an image's tiles and averaged over images, is ``L_if``. Without gradients of its own, the
    network passes them on to the predicted map.

    How much of a shift it sees is a matter of sizes: an image is resized to ``tiles`` times the
    network's ``side``, so both belong to a size of crops, and are set together where the network is
    trained. In R x C tiles of a crop W pixels wide a shift by one is a homography 2 C / W from the
    identity, in each, so their sum rises with the third power of how finely a crop is cut, and what the
    network gets wrong about a boundary that is right counts for less beside it. The paper sums over
    tiles and the released code takes their mean: with 3 x 6 tiles, ``gamma`` 0.3 of the one is 5.4 of
    the other.

    Departures from the released code: it takes log_softmax over the map's one channel, all zeros,
    whose gradient is zero, so that its L_if teaches nothing; here the map is a sigmoid. Tiles without
    any true boundary are left out: no homography says anything about them. At void the true map is 0
    and the predicted one as it is on average where there is no boundary.
    The released attention loss (0.1), which the paper does not have, is left out.

    Args:
        inverse_network: A trained :class:`~surrogate_zoo.loss_networks.inverse.InverseNetwork`, or
            the path of its weights.
        beta: Weight of the boundary head's cross entropy, >= 0; 0.3 as released.
        gamma: Weight of the distance, >= 0; 0.3 as released.
        distance: ``euclidean`` or ``geodesic``.
        tiles: Rows and columns that the maps are cut into; None takes those that the network was
            trained for.
        over_tiles: ``sum`` over an image's tiles, as in the paper, or their ``mean``, as released: over
            those with true boundary.
        rounding: r, in 0..1: a tile at distance d counts ``sqrt(d^2 + r^2) - r``. The paper's is 0. A norm
            has slope 1 right beside its minimum, so what a network gets wrong about a boundary that is
            right (its distance is some thousandths then) would pull at the map as hard as a shift. A
            shift by one of a tile's 64 pixels is 0.03.
        width: Of the true boundary on each side of a border, in pixels, >= 1; 2 as released.

    Raises:
        InputError: A parameter is out of range, or the network is missing or of another kind.
    """

    def __init__(
        self,
        *,
        inverse_network: str | Path | nn.Module | None = None,
        beta: float,
        gamma: float,
        distance: str,
        tiles: tuple[int, int] | None,
        over_tiles: str,
        rounding: float,
        width: int,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(beta=beta, width=width, **common)
        declarations.INVERSE_FORM.check(
            gamma=gamma, distance=distance, tiles=tiles, over_tiles=over_tiles, rounding=rounding
        )
        self.gamma, self.distance = gamma, distance
        self.over_tiles, self.rounding = over_tiles, rounding
        self.network = _inverse_network(inverse_network)
        self.tiles = self.network.tiles if tiles is None else (int(tiles[0]), int(tiles[1]))

    def train(self, mode: bool = True) -> "InverseForm":
        """Set the mode; the network inside stays in evaluation mode."""
        super().train(mode)
        self.network.eval()
        return self

    def of_valid(self, batch: Batch) -> Tensor:
        """``L_xe + beta L_bxe + gamma L_if``."""
        marked = boundary_target(batch.labels, batch.valid, self.width)
        return self._entropies(batch, marked) + self.gamma * self.of_boundaries(batch, marked)

    def of_boundaries(self, batch: Batch, marked: Tensor) -> Tensor:
        """L_if: distances over tiles with true boundary, mean over images with valid pixels.

        Args:
            batch: With boundary logits.
            marked: The true boundary, bool (N, 1, H, W).
        """
        predicted = _without_void(batch.asked(BOUNDARY_LOGITS).sigmoid(), marked, batch.valid)
        true = cut_tiles(marked.to(predicted.dtype), self.tiles, self.network.side)
        theta = self.network(cut_tiles(predicted, self.tiles, self.network.side), true)
        counted = (true.flatten(1).amax(1) > 0).view(len(predicted), math.prod(self.tiles))
        apart = rounded(DISTANCES[self.distance](theta), self.rounding).view_as(counted)
        distances = (apart * counted).sum(1)
        if self.over_tiles == "mean":
            distances = distances / counted.sum(1).clamp(min=1)
        images = batch.total(batch.valid.flatten(1).any(1).sum()).clamp(min=1)
        return batch.total(distances.sum()) / images


def _without_void(predicted: Tensor, marked: Tensor, valid: Tensor) -> Tensor:
    """Give void pixels what the prediction has on average where there is no true boundary.

    Void has none either, so a prediction that is right elsewhere has the truth's shape there too.
    """
    quiet = (valid[:, None] & ~marked).to(predicted.dtype)
    pixels = quiet.sum((2, 3), keepdim=True).clamp(min=1)
    ground = (predicted * quiet).sum((2, 3), keepdim=True) / pixels
    return torch.where(valid[:, None], predicted, ground)


def rounded(distances: Tensor, rounding: float) -> Tensor:
    """``sqrt(d^2 + r^2) - r`` of distances (B,), at least 0; they themselves where r is 0."""
    if not rounding:
        return distances
    least = torch.full_like(distances, rounding)
    return torch.hypot(distances, least) - least


def _inverse_network(source: str | Path | nn.Module | None) -> InverseNetwork:
    network = network_of(INVERSE_NETWORK, source, _REMEDY)
    if not isinstance(network, InverseNetwork):  # network_of has looked already
        raise TypeError(type(network))
    return network


_REMEDY = (
    "train one on the masks of your data set (lossfit loss-networks train), and pass "
    "inverse_network='<path of its weights>'. A retraining does so by itself."
)
