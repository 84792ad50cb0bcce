"""What losses need beyond logits and target, made for tests; and the scores that heads add.

Tests hold the logits and what the heads of a loss give in one tensor of scores, (N, C + heads, H, W).
"""

from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from surrogate_zoo import load_loss, needs_of
from surrogate_zoo.loss_networks.edge import EdgeNetwork, edge_target
from surrogate_zoo.loss_networks.inverse import InverseNetwork
from surrogate_zoo.losses.distance_maps import MAPS
from surrogate_zoo.losses.handmade.boundaries import ActiveBoundary
from surrogate_zoo.losses.handmade.embeddings import Discriminative
from surrogate_zoo.losses.handmade.inverse_form import boundary_target
from surrogate_zoo.needs import (
    BOUNDARY_LOGITS,
    EDGE_NETWORK,
    EMBEDDINGS,
    INSTANCES,
    INVERSE_NETWORK,
    SEEDINESS,
    SIMILARITIES,
)
from tests.surrogate_zoo.batches import VOID, one_hot_logits

CLASSES = 4

WIDTHS = {BOUNDARY_LOGITS: 1, EMBEDDINGS: 2, SEEDINESS: len(SIMILARITIES) * (CLASSES + 1)}
"""Channels of heads; E is 2."""

literature = partial(load_loss, scale=1.0)
"""Build a loss in the form that its paper gives it."""

# What a loss's boundary head should predict: each has a definition of its own.
BOUNDARIES = {
    "inverse-form": boundary_target,
    "boundary-cross-entropy": boundary_target,
    "edge-head": edge_target,
}


@lru_cache
def loss_networks() -> dict[str, nn.Module]:
    """Loss networks with random weights, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return {EDGE_NETWORK: EdgeNetwork(CLASSES), INVERSE_NETWORK: InverseNetwork(side=16)}


def supplied_loss(name: str, **overrides: Any) -> nn.Module:
    """Build a loss for four classes, with loss networks where it asks for them."""
    facts = loss_networks() if needs_of(name).loss_networks else {}
    return load_loss(name, num_classes=CLASSES, facts=facts, **overrides)


def loss_with_slope(name: str) -> nn.Module:
    """Build a loss whose gradient is the slope of its value, at one step and over many.

    Every loss's is, but for the active boundary loss: it leaves the neighbours of a pixel out of its
    gradient, and picks the pixels that count anew at each step. Here it is told to do neither.
    """
    loss = supplied_loss(name)
    for part in loss.modules():
        if isinstance(part, ActiveBoundary):
            part.detach, part.share = False, 1.0
    return loss


def loss_with_zero(name: str) -> nn.Module:
    """Build a loss whose least value is 0.

    Every loss's is, but for the discriminative one: it draws means to the origin, which not all can
    have. Here it is told to draw none.
    """
    loss = supplied_loss(name)
    for part in loss.modules():
        if isinstance(part, Discriminative):
            part.gamma = 0.0
    return loss


def heads(name: str) -> int:
    """Channels that the loss's heads add to its scores."""
    return sum(WIDTHS.get(needed, 0) for needed in needs_of(name).inputs)


def further(name: str, scores: Tensor, target: Tensor) -> dict[str, Tensor]:
    """What a loss takes beside logits and target, but for distance maps, which it computes itself.

    Args:
        name: The loss.
        scores: (N, C + heads, H, W).
        target: (N, H, W); the objects follow from it.
    """
    needed = needs_of(name).inputs
    own = [kind for kind in needed if kind in WIDTHS]
    parts = torch.split(scores[:, CLASSES:], [WIDTHS[kind] for kind in own], 1) if own else ()
    inputs = dict(zip(own, parts, strict=True))
    return inputs | ({INSTANCES: objects(target)} if INSTANCES in needed else {})


def objects(labels: Tensor) -> Tensor:
    """Numbers of objects in labels (N, H, W): what four upright stripes hold of classes above 0."""
    width = labels.shape[2]
    stripes = 1 + 4 * torch.arange(width, device=labels.device) // width
    return stripes * ((labels > 0) & (labels != VOID))


def call(name: str, loss: nn.Module, scores: Tensor, target: Tensor) -> Tensor:
    """Call a loss on scores (N, C + heads, H, W); it computes its distance maps itself."""
    value: Tensor = loss(scores[:, :CLASSES], target, **further(name, scores, target))
    return value


def maps(name: str) -> list[str]:
    """Names of the distance maps that a loss takes."""
    return [needed for needed in needs_of(name).inputs if needed in MAPS]


def perfect(name: str, labels: Tensor, valid: Tensor | None = None) -> Tensor:
    """Scores that predict labels (N, H, W) exactly, float64; void pixels are any class."""
    counted = labels != VOID if valid is None else valid
    logits = one_hot_logits(labels.masked_fill(~counted, 0), CLASSES)
    parts = [logits]
    for needed in needs_of(name).inputs:
        if needed == BOUNDARY_LOGITS:
            boundary = BOUNDARIES[name](labels, counted).reshape(len(labels), 1, *labels.shape[1:])
            parts.append(1e4 * (2 * boundary.double() - 1))
        elif needed == EMBEDDINGS:
            parts.append(_apart(labels))
        elif needed == SEEDINESS:
            seeds = one_hot_logits((labels + 1) * (objects(labels) > 0), CLASSES + 1)
            parts.append(seeds.repeat(1, len(SIMILARITIES), 1, 1))
    return torch.cat(parts, 1)


def _apart(labels: Tensor) -> Tensor:
    """Embeddings (N, 2, H, W) that differ between objects by 10 at least, and from all else."""
    numbers = objects(labels)
    return 10 * torch.stack([numbers, labels.masked_fill(numbers == 0, -5)], 1).double()
