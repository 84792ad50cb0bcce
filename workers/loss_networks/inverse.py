"""Trains the inverse transformation network of InverseForm on warped boundary maps."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surrogate_zoo.loss_networks.inverse import InverseNetwork
from surrogate_zoo.losses.handmade.homography_distances import ERRORS, euclidean, euclidean_error
from workers.learning.streams import Stream, generator, seed_torch
from workers.loss_networks import steps
from workers.loss_networks.boundary_tiles import BoundaryTiles, Pairs
from workers.tasks.loss_networks import InverseNetworkSpec, LossNetworkTask

MEASURED_BATCHES, MEASURED_PAIRS = 8, 256
WARMUP = 50  # steps


def train(
    task: LossNetworkTask,
    kept: Sequence[NDArray[np.uint8]],
    held: Sequence[NDArray[np.uint8]],
    *,
    num_classes: int,  # noqa: ARG001 - boundaries have no class
    device: torch.device,
    on_progress: Callable[[int, float], None],
    should_stop: Callable[[], bool],
) -> tuple[InverseNetwork, dict[str, float], dict[str, Any]]:
    """Train by regression: the mean distance of the predicted homography from the true one.

    Borse et al., InverseForm, CVPR 2021, section 3.4; its training code was never released. The
    distance is the task's; what is measured is the Frobenius norm, so that networks of both
    compare. Adam, with a short warm-up and a cosine decay. Each moved map is softened at random,
    since predicted maps are soft and thick: a network that knows crisp maps alone is lost on them
    (CamVid, 1600 steps: error ratios 0.53 on crisp and 0.82 on softened maps, against 0.60 and
    0.61).

    Args:
        task: Its ``network`` is an :class:`InverseNetworkSpec`.
        kept: Masks to train on, uint8 (H, W) each, void = 255.
        held: Masks to measure on.
        num_classes: Not needed.
        device: Where to train.
        on_progress: See :func:`workers.loss_networks.steps.take`.
        should_stop: See there.

    Returns:
        The network; ``error_ratio`` and ``error_ratio_soft``, the mean error on held-out crisp and
        softened maps over that of predicting the identity; the arguments that build the network.

    Raises:
        Stopped: ``should_stop`` became true.
        DatasetError: No mask has a boundary.
    """
    spec = task.network
    assert isinstance(spec, InverseNetworkSpec)  # noqa: S101 - the registry looked at its kind
    tiles, measured = BoundaryTiles(kept, spec, device), BoundaryTiles(held, spec, device)
    parameters: dict[str, Any] = {
        "architecture": spec.architecture,
        "side": spec.side,
        "outputs": spec.outputs,
        "tiles": list(spec.tiles),
    }
    seed_torch(task.seed, Stream.WEIGHTS)
    network = InverseNetwork(**parameters).to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=spec.learning_rate)

    def step(number: int) -> Tensor:
        pairs = tiles.draw(spec.batch_size, generator(task.seed, Stream.INVERSE_PAIRS, number))
        return _learn(network, optimiser, pairs, spec, learning_rate(spec, number))

    steps.take(spec.iterations, step, on_progress=on_progress, should_stop=should_stop)
    measures = {
        name: error_ratio(network, measured, task.seed, soft=soft)
        for name, soft in (("error_ratio", False), ("error_ratio_soft", True))
    }
    return network, measures, parameters


def learning_rate(spec: InverseNetworkSpec, step: int) -> float:
    """Linear warm-up, then half a cosine down to 0."""
    decay = (1 + math.cos(math.pi * step / spec.iterations)) / 2
    return spec.learning_rate * min(1.0, (step + 1) / WARMUP) * decay


def error_ratio(
    network: InverseNetwork, tiles: BoundaryTiles, seed: int, *, soft: bool = False
) -> float:
    """Mean error of the predicted homographies over the mean error of predicting the identity.

    1 where nothing moves.

    Args:
        network: Predicts.
        tiles: Where pairs come from.
        seed: Tells the pairs.
        soft: Soften the moved maps.
    """
    errors = motions = 0.0
    for number in range(MEASURED_BATCHES):
        random = generator(seed, Stream.INVERSE_MEASURES, number)
        pairs = tiles.draw(MEASURED_PAIRS, random, soft=soft)
        with torch.no_grad():
            predicted = network(pairs.moved, pairs.fixed)
            errors += float(euclidean_error(predicted, pairs.homographies).sum())
        motions += float(euclidean(pairs.homographies).sum())
    return errors / motions if motions else 1.0


def _learn(
    network: InverseNetwork,
    optimiser: torch.optim.Optimizer,
    pairs: Pairs,
    spec: InverseNetworkSpec,
    rate: float,
) -> Tensor:
    """Take one step; returns its loss."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad()
    predicted = network(pairs.moved, pairs.fixed)
    loss = ERRORS[spec.distance](predicted, pairs.homographies).mean()
    torch.autograd.backward(loss)
    optimiser.step()
    return loss.detach()
