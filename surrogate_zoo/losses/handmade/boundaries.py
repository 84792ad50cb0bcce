"""Handmade losses that know how far every pixel is from the true boundary."""

import math
from itertools import product
from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from surrogate_zoo.labelling import SIZES
from surrogate_zoo.losses import declarations
from surrogate_zoo.losses.handmade.base import Common, HandmadeLoss
from surrogate_zoo.losses.handmade.batch import MARKS, Batch
from surrogate_zoo.losses.handmade.pixels import entropies


class BorderCrossEntropy(HandmadeLoss):
    """Cross entropy times ``1 + w0 exp(-(d1 + d2)^2 / (2 sigma^2))``, mean over valid pixels.

    Ronneberger et al., U-Net, MICCAI 2015, eqs. 1 and 2: d1 and d2 are the distances to the nearest
    and the second nearest object, map ``border_distances``, so that the ground between two objects
    counts most. The class weight of eq. 2 is 1. The sum over pixels is divided by the number of valid
    pixels and not by the sum of weights: more borders in an image take nothing from the rest of it.

    Args:
        w0: Weight where objects touch, >= 0.
        sigma: Reach of the weight in pixels, > 0.
    """

    looks_around = True

    def __init__(
        self,
        *,
        w0: float,
        sigma: float,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        declarations.BORDER.check(w0=w0, sigma=sigma)
        self.w0, self.sigma = w0, sigma

    def of_valid(self, batch: Batch) -> Tensor:
        """Sum over valid pixels, divided by their number."""
        distances = batch.distances("border_distances")[:, 0]
        weights = 1 + self.w0 * torch.exp(-0.5 * (distances / self.sigma) ** 2)
        return batch.mean(weights * entropies(batch))


class DistancePenalizedCrossEntropy(HandmadeLoss):
    """Cross entropy times ``1 + boundary_nearness``, mean over valid pixels (DPCE).

    Caliva et al., Distance Map Loss Penalty Term for Semantic Segmentation, MIDL 2019, eq. 1: errors
    at the boundary weigh up to twice as much. A popular port computes the product and returns the
    mean of the cross entropy without it.
    """

    looks_around = True

    def of_valid(self, batch: Batch) -> Tensor:
        """Sum over valid pixels, divided by their number."""
        weights = 1 + batch.distances("boundary_nearness")[:, 0]
        return batch.mean(weights * entropies(batch))


class BoundaryLoss(HandmadeLoss):
    """Mean distance from the true boundary at which probability is misplaced.

    Kervadec et al., Boundary loss for highly unbalanced segmentation, MIDL 2019, eq. 5 (Medical Image
    Analysis 2021): the mean over valid pixels of half the sum over classes of ``phi_c (p_c - y_c)``,
    phi the map ``signed_distances``. For two classes it is the paper's integral for the foreground
    alone; the paper's code takes a mean over chosen classes, which shrinks with absent ones.

    The paper leaves ``phi_c y_c`` out, which no gradient sees; without it the value is mostly negative
    and a sum with cross entropy hides what becomes of either. With it, it is 0 for a perfect
    prediction and never negative. An image of one class has no boundary and loss 0: add the loss to
    one of regions, with a small weight, since it is in pixels.

    Args:
        normalise: Divide distances by the diagonal of the images in the batch, for one weight across
            sizes; the paper's are in pixels.
    """

    looks_around = True

    def __init__(self, *, normalise: bool, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        declarations.BOUNDARY.check(normalise=normalise)
        self.normalise = normalise

    def of_valid(self, batch: Batch) -> Tensor:
        """Sum over valid pixels, divided by their number."""
        distances = batch.distances("signed_distances")
        # Probabilities sum to 1; subtracting first keeps every term positive, free of cancellation.
        excess = distances - distances.gather(1, batch.labels[:, None])
        unit = math.hypot(*batch.target.shape[1:]) if self.normalise else 1.0
        misplaced = (excess * batch.scores.softmax(1)).sum(1)
        return batch.mean(misplaced * batch.valid) / (2 * unit)


class ActiveBoundary(HandmadeLoss):
    """Moves predicted boundaries pixel by pixel towards the true ones (ABL).

    Wang et al., Active Boundary Loss for Semantic Segmentation, AAAI 2022. A predicted boundary lies
    between pixels whose divergence KL(p_i | p_j) is among the image's largest (eq. 1). Their target is
    the direction, of 8, to the neighbour nearest to the true boundary (eq. 2); their prediction the
    softmax over the 8 neighbours' divergences KL(p_j | p_i) (eq. 3). The loss is the mean over these
    pixels of the cross entropy of the two with smoothed labels, times ``min(d, theta) / theta`` at
    distance d from the true boundary (eq. 4).

    It sees boundaries only, not which classes they part, and brings them to within a pixel: add it to
    cross entropy and a region loss.

    Departures from the paper and its code:

    - The share of pixels is taken of each image among those off the true boundary. With many borders
      (3 to 8 % of CamVid's pixels) those on it, which are discarded, would be all there are. The
      released code shares the 1 % of one image between those of the batch.
    - The paper marks the left or upper pixel of such a pair, which alone cannot move a boundary to the
      right or down; the released code then widens the marks by a pixel, which gives a perfect
      prediction a loss. Here both pixels of a pair are marked.
    - Void makes no boundary and is no neighbour, nor is what lies beyond the image. The released code
      takes void for true boundary, and repeats pixels beyond the image.
    - Without boundaries the loss is 0; the released code returns None.
    - d is the map ``boundary_distances`` less 1: 0 on both sides of a boundary.

    Args:
        share: Share of an image's valid pixels that may be on predicted boundaries, in (0, 1]; at
            least one pixel.
        theta: Distance in pixels from which weights are 1, > 0.
        smoothing: Share of the target that the other directions split among themselves, in [0, 1).
        detach: Leave neighbours out of the gradient, as the paper does lest neighbouring pixels pull
            against each other. The gradient is then not the slope of the value.
    """

    looks_around = True
    shared = ()
    # Less divergence than this is no boundary.
    _LEAST = 1e-5

    def __init__(
        self,
        *,
        share: float,
        theta: float,
        smoothing: float,
        detach: bool,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        declarations.ACTIVE_BOUNDARY.check(
            share=share, theta=theta, smoothing=smoothing, detach=detach
        )
        self.share, self.theta, self.smoothing, self.detach = share, theta, smoothing, detach

    def of_valid(self, batch: Batch) -> Tensor:
        """Mean over the pixels on predicted boundaries; 0 without any."""
        places, chosen = self._predicted(batch)
        around, exists = _neighbours(places, batch.valid)
        distances = batch.distances("boundary_distances")[:, 0]
        here = _look_up(distances[:, None], places)[:, 0]
        there = _look_up(distances[:, None], around)[:, 0].masked_fill(~exists, torch.inf)
        least, direction = there.min(1)
        chosen = chosen & (least < here)
        weights = ((here - 1).clamp(0, self.theta) / self.theta) * chosen
        divergences = self._divergences(batch.scores, places, around).masked_fill(~exists, -1e30)
        losses = self._smoothed(divergences.log_softmax(1), direction, exists)
        return batch.total((losses * weights).sum()) / batch.total(chosen.sum()).clamp(min=1)

    def _predicted(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Places of pixels (N, K) and whether each is on a predicted boundary, bool (N, K)."""
        with torch.no_grad():
            jumps = _jumps(batch.scores, batch.valid)
            jumps = jumps.masked_fill(_on_boundary(batch.target, batch.valid), 0).flatten(1)
            largest, places = jumps.topk(max(1, int(self.share * jumps.shape[1])))
            pixels = batch.valid.flatten(1).sum(1, keepdim=True)
            allowed = (self.share * pixels).long().clamp(min=1)
            ranks = torch.arange(places.shape[1], device=places.device)
            return places, (largest > self._LEAST) & (ranks < allowed)

    def _divergences(self, scores: Tensor, places: Tensor, around: Tensor) -> Tensor:
        """KL(neighbour | pixel), (N, 8, K)."""
        here = _look_up(scores, places).log_softmax(1)[:, :, None]
        there = _look_up(scores, around).log_softmax(1)
        if self.detach:
            there = there.detach()
        return (there.exp() * (there - here)).sum(1)

    def _smoothed(self, predicted: Tensor, direction: Tensor, exists: Tensor) -> Tensor:
        """Cross entropy (N, K) of directions (N, K) with log probabilities (N, 8, K)."""
        others = exists.scatter(1, direction[:, None], False)
        number = others.sum(1)
        smoothing = self.smoothing * (number > 0)
        right = predicted.gather(1, direction[:, None])[:, 0]
        rest = (predicted * others).sum(1) / number.clamp(min=1)
        return -((1 - smoothing) * right + smoothing * rest)


def _jumps(scores: Tensor, valid: Tensor) -> Tensor:
    """Sum of a pixel's divergences from its 4 neighbours, or a voxel's 6, (N, S); void pairs are 0.

    That of a pair is KL(p_i | p_j), i the left or the upper pixel.
    """
    logs = scores.log_softmax(1)
    probabilities = logs.exp()
    order = (probabilities * logs).sum(1)
    jumps = torch.zeros_like(order)
    for axis, length in _steps(order):
        here, there = (0, length), (1, length)
        both = valid.narrow(axis, *here) & valid.narrow(axis, *there)
        pairs = probabilities.narrow(axis + 1, *here) * logs.narrow(axis + 1, *there)
        divergences = (order.narrow(axis, *here) - pairs.sum(1)) * both
        for side in _sides(divergences, axis):
            jumps = jumps + side
    return jumps


def _on_boundary(target: Tensor, valid: Tensor) -> Tensor:
    """Whether one of the 4 neighbours is of another class, bool (N, H, W); void is of none."""
    edge = torch.zeros_like(valid, dtype=MARKS)
    for axis, length in _steps(target):
        here, there = (0, length), (1, length)
        other = target.narrow(axis, *here) != target.narrow(axis, *there)
        other &= valid.narrow(axis, *here) & valid.narrow(axis, *there)
        for side in _sides(other.to(MARKS), axis):
            edge = edge | side
    return edge.bool()


def _sides(pairs: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """What pairs of neighbours along an axis say of each one's first and second pixel; 0 where it is in none.

    Additions to parts of a tensor would be conditions within conditions to a compiler.
    """
    side = pairs.shape[axis]
    padded = F.pad(pairs, (0, 0) * (pairs.ndim - 1 - axis) + (1, 1))
    return padded.narrow(axis, 1, side + 1), padded.narrow(axis, 0, side + 1)


def _steps(maps: Tensor) -> list[tuple[int, int]]:
    """Axes of an image in maps (N, S), each with the number of its steps from pixel to pixel."""
    return [(axis, side - 1) for axis, side in enumerate(maps.shape[1:], 1)]


def _directions(axes: int) -> list[tuple[int, ...]]:
    """To a pixel's 8 neighbours, or the 26 of a voxel; straight ones first, which win of equally near."""
    if axes == SIZES[0]:
        return [(1, 0), (-1, 0), (0, -1), (0, 1), (-1, 1), (1, 1), (-1, -1), (1, -1)]
    every = product((1, 0, -1), repeat=axes)
    return sorted((step for step in every if any(step)), key=lambda step: sum(map(abs, step)))


def _neighbours(places: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Places of pixels' neighbours, (N, 8, K), and whether they are valid pixels of the image."""
    size = valid.shape[1:]
    steps = torch.tensor(_directions(len(size)), device=places.device)[:, :, None]
    around, inside = torch.zeros_like(places[:, None]), torch.ones_like(places[:, None]) > 0
    for axis, side in enumerate(size):
        stride = math.prod(size[axis + 1 :])
        at = places[:, None] // stride % side + steps[:, axis]
        inside = inside & (at >= 0) & (at < side)
        around = around + at.clamp(0, side - 1) * stride
    return around, inside & _look_up(valid[:, None], around)[:, 0]


def _look_up(maps: Tensor, places: Tensor) -> Tensor:
    """Values of maps (N, C, H, W) at places (N, ...): (N, C, ...)."""
    flat = places.flatten(1)[:, None].expand(-1, maps.shape[1], -1)
    return maps.flatten(2).gather(2, flat).view(*maps.shape[:2], *places.shape[1:])
