"""Builds losses for a data set, with the facts about it that they ask for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from torch import nn

from surrogate_zoo import load_loss, needs_of
from surrogate_zoo.errors import InputError, LossfitError
from surrogate_zoo.losses.distance_maps import MAPS
from surrogate_zoo.losses.drafts import filled, missing
from surrogate_zoo.needs import CLASS_IMAGE_PIXELS, CLASS_PIXELS
from workers.datasets.dataset import Pixels
from workers.networks.heads import HEADS


def build_loss(
    document: Mapping[str, Any],
    masks: Sequence[Pixels],
    num_classes: int,
    loss_networks: Mapping[str, str],
) -> nn.Module:
    """Build a loss.

    Args:
        document: A loss file's content.
        masks: The masks that are trained on, uint8 (H, W) each.
        num_classes: C.
        loss_networks: Paths of the weights of loss networks, by kind.

    Raises:
        InputError: A loss network that the loss asks for is missing or does not fit, or the loss asks
            for an input that a training does not have.
    """
    _check_inputs(needs_of(document).inputs)
    wanted = needs_of(document).facts
    facts: dict[str, Any] = dict(loss_networks)
    if CLASS_PIXELS in wanted or CLASS_IMAGE_PIXELS in wanted:
        facts |= class_counts(masks, num_classes)
    return load_loss(document, num_classes=num_classes, facts=facts)


def _check_inputs(names: Iterable[str]) -> None:
    lacking = ", ".join(name for name in names if name not in HEADS and name not in MAPS)
    if lacking:
        raise InputError(
            f"The loss needs {lacking}, which neither the networks nor the batches of a job have: take a "
            "loss that does without, or call it in a training of your own."
        )


def class_counts(masks: Sequence[Pixels], num_classes: int) -> dict[str, list[int]]:
    """Count the pixels of each class, and those of the images that hold it; void left out."""
    counts = np.stack([np.bincount(mask.ravel(), minlength=256)[:num_classes] for mask in masks])
    images = counts.sum(1, keepdims=True) * (counts > 0)
    return {CLASS_PIXELS: counts.sum(0).tolist(), CLASS_IMAGE_PIXELS: images.sum(0).tolist()}


def distance_maps_of(documents: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Names of the distance maps that some losses or drafts ask for; a broken one asks for none."""
    names: dict[str, None] = {}
    for document in documents:
        try:
            drafted = missing(document)
            complete = filled(document, [1.0] * drafted) if drafted else document
            names.update(dict.fromkeys(needs_of(complete).inputs))
        except LossfitError:
            continue  # loading it says why, to those who want to train with it
    return tuple(name for name in names if name in MAPS)
