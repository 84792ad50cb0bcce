"""An exponential moving average of a network's weights, which is often better than the last ones."""

import copy

import torch
from torch import nn

RAMP = 10  # steps that the decay's ramp is slow by


class AveragedWeights:
    """The moving average of a network's weights and buffers.

    ``average = d average + (1 - d) weights`` after every optimiser step t = 0, 1, ..., where
    ``d = min(decay, (1 + t) / (10 + t))`` as in TensorFlow's ExponentialMovingAverage: early
    weights, which are random, do not stay in the average of a short training.

    Running statistics of batch normalisation are averaged alike, as timm does: those of the last
    weights would not fit the averaged ones. Whole numbers, such as counts of batches, are copied.

    Args:
        network: The network in training; copied, not changed.
        decay: In [0, 1).

    Attributes:
        network: A network with the averaged weights.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(requires_grad=False)
        self._decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights that optimiser step ``step`` (0-based) left."""
        share = 1 - min(self._decay, (1 + step) / (RAMP + step))
        pairs = zip(self.network.state_dict().values(), network.state_dict().values(), strict=True)
        for average, current in pairs:
            if average.is_floating_point():
                average.lerp_(current, share)
            else:
                average.copy_(current)
