"""What losses need beyond logits and target, made for tests; and the scores that heads add.

Tests hold the logits and the heads' logits of a loss in one tensor of scores, (N, C + heads, H, W).
"""

from functools import lru_cache, partial

import torch
from torch import Tensor, nn

from surrogate_zoo import load_loss, needs_of
from surrogate_zoo.loss_networks.edge import EdgeNetwork, edge_target
from surrogate_zoo.loss_networks.inverse import InverseNetwork
from surrogate_zoo.losses.distance_maps import MAPS
from surrogate_zoo.losses.handmade.boundaries import ActiveBoundary
from surrogate_zoo.losses.handmade.inverse_form import boundary_target
from surrogate_zoo.needs import BOUNDARY_LOGITS, EDGE_NETWORK, INVERSE_NETWORK
from tests.surrogate_zoo.batches import VOID, one_hot_logits

CLASSES = 4

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


def supplied_loss(name: str, **overrides: int) -> nn.Module:
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


def heads(name: str) -> int:
    """Channels that the loss's heads add to its scores."""
    return sum(needed == BOUNDARY_LOGITS for needed in needs_of(name).inputs)


def call(name: str, loss: nn.Module, scores: Tensor, target: Tensor) -> Tensor:
    """Call a loss on scores (N, C + heads, H, W); it computes its distance maps itself."""
    inputs = {BOUNDARY_LOGITS: scores[:, CLASSES:]} if heads(name) else {}
    value: Tensor = loss(scores[:, :CLASSES], target, **inputs)
    return value


def maps(name: str) -> list[str]:
    """Names of the distance maps that a loss takes."""
    return [needed for needed in needs_of(name).inputs if needed in MAPS]


def perfect(name: str, labels: Tensor, valid: Tensor | None = None) -> Tensor:
    """Scores that predict labels (N, H, W) exactly, float64; void pixels are any class."""
    counted = labels != VOID if valid is None else valid
    logits = one_hot_logits(labels.masked_fill(~counted, 0), CLASSES)
    if not heads(name):
        return logits
    boundary = BOUNDARIES[name](labels, counted).reshape(len(labels), 1, *labels.shape[1:])
    return torch.cat([logits, 1e4 * (2 * boundary.double() - 1)], 1)
