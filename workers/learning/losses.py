"""Builds losses for a data set, with the facts about it that they ask for."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from surrogate_zoo import load_loss, needs_of
from surrogate_zoo.errors import InputError, LossfitError
from surrogate_zoo.losses.distance_maps import MAPS
from surrogate_zoo.losses.drafts import filled, missing
from surrogate_zoo.losses.mode_fit import check_mode
from surrogate_zoo.modes import MULTICLASS, MULTILABEL
from surrogate_zoo.needs import CLASS_IMAGE_PIXELS, CLASS_PIXELS, INSTANCES
from workers.datasets.dataset import VOID, Pixels, Samples
from workers.networks.heads import HEADS, OWN_HEADS
from workers.networks.own_heads import own_heads_of
from workers.tasks.networks import NetworkSpec

REMEDIES: Mapping[str, str] = {
    **OWN_HEADS,
    INSTANCES: "take a dataset that tells objects apart, such as shapes, nuclei or "
    "cityscapes with instances=true",
}
"""Inputs that not every training has, and how it comes to have them."""


def build_loss(
    document: Mapping[str, Any],
    masks: Sequence[Pixels],
    num_classes: int,
    loss_networks: Mapping[str, str],
    *,
    given: Collection[str] = (),
    mode: str = MULTICLASS,
) -> nn.Module:
    """Build a loss.

    Args:
        document: A loss file's content.
        masks: The masks that are trained on, uint8 (H, W) each, or (H, W, C) of a multi-label.
        num_classes: C of the logits; 1 is binary with one channel.
        loss_networks: Paths of the weights of loss networks, by kind.
        given: Names of the inputs that this training has and others have not, see :func:`inputs_given`.
        mode: ``multiclass`` or ``multilabel``.

    Raises:
        InputError: The loss is made for the other mode, a loss network that it asks for is missing or does
            not fit, or it asks for an input that this training does not have; tells what to set.
    """
    check_mode(document, mode)
    _check_inputs(needs_of(document).inputs, given)
    wanted = needs_of(document).facts
    facts: dict[str, Any] = dict(loss_networks)
    if CLASS_PIXELS in wanted or CLASS_IMAGE_PIXELS in wanted:
        facts |= class_counts(masks, num_classes)
    if mode == MULTILABEL:
        return load_loss(document, num_classes=num_classes, facts=facts, mode=mode)
    return load_loss(document, num_classes=num_classes, facts=facts)


def inputs_given(network: NetworkSpec, samples: Samples) -> tuple[str, ...]:
    """Inputs of losses that a network and samples give beside heads for training alone and maps."""
    return own_heads_of(network) + (() if samples.instances is None else (INSTANCES,))


def _check_inputs(names: Iterable[str], given: Collection[str]) -> None:
    everywhere = {*HEADS, *MAPS}
    lacking = [name for name in names if name not in everywhere and name not in given]
    if lacking:
        remedies = ", ".join(f"{name} ({REMEDIES[name]})" for name in lacking)
        raise InputError(
            f"The loss needs {remedies}, which this training does not have; or take another loss."
        )


def class_counts(masks: Sequence[Pixels], num_classes: int) -> dict[str, list[int]]:
    """Count the pixels of each class, and those of the images that hold it; void left out.

    Of one channel there are the classes off and on; of a multi-label it is the pixels where each is on.
    """
    pairs = [_counts(mask, max(num_classes, 2)) for mask in masks]
    counts = np.stack([own for own, _ in pairs])
    images = np.stack([known for _, known in pairs]) * (counts > 0)
    return {CLASS_PIXELS: counts.sum(0).tolist(), CLASS_IMAGE_PIXELS: images.sum(0).tolist()}


def _counts(mask: Pixels, labels: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels of every class of a mask, and those that are not void, (K,) each."""
    if mask.ndim == 2:
        counts = np.bincount(mask.ravel(), minlength=256)[:labels]
        return counts, np.full_like(counts, counts.sum())
    return (mask == 1).sum((0, 1)), (mask != VOID).sum((0, 1))


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
