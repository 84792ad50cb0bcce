"""The loss of a trial of Ray Tune; needs nothing of Ray."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from surrogate_zoo.losses.registry import load_loss


def loss_of(
    config: Mapping[str, Any], num_classes: int | None = None, **overrides: Any
) -> nn.Module:
    """The loss to train a trial with, from the config that :class:`lossfit.LossSearch` proposed.

    Args:
        config: What Tune calls the trainable with.
        num_classes: C of the logits; what the search was made with if not given.
        **overrides: See :func:`lossfit.load_loss`, such as ``ignore_index``.

    Returns:
        ``forward(logits (N, C, H, W) float, target (N, H, W) int64, 255 = void) -> scalar``.
    """
    classes, facts = num_classes or config["num_classes"], dict(config["facts"])
    return load_loss(dict(config["loss"]), num_classes=classes, facts=facts, **overrides)
