"""What a network predicts of an image, and the objects found in it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

TOUCHING = np.ones((3, 3), dtype=np.bool_)
"""Neighbours of a pixel that belong to its component: all eight."""

Numbers = NDArray[np.int64]


class Found(NamedTuple):
    """The objects of one image.

    Attributes:
        instances: int32 (H, W), 0 = no object, 1..K one object each, without gaps.
        labels: int64 (K,), the class of each, on the same device.
    """

    instances: Tensor
    labels: Tensor


class Prediction(NamedTuple):
    """What a network predicts of one image.

    Attributes:
        embeddings: float (E, H, W), or None of a network that has none.
        classes: int64 (H, W), the predicted label of every pixel, on the same device.
    """

    embeddings: Tensor | None
    classes: Tensor


def found(numbers: Tensor, labels: Tensor) -> Found:
    """Objects by number, those without a pixel left out.

    Args:
        numbers: Integer (H, W), 0 = no object, 1..K.
        labels: int64 (K,), class of each, on the same device.

    Returns:
        The objects in the order of their numbers.
    """
    return without_small(Found(numbers, labels), 1)


def without_small(objects: Found, min_pixels: int) -> Found:
    """The objects that have at least ``min_pixels`` pixels, numbered anew in the same order."""
    numbers, labels = objects
    sizes = torch.bincount(numbers.flatten(), minlength=len(labels) + 1)[1:]
    kept = sizes >= max(1, min_pixels)
    renumbered = torch.zeros(len(labels) + 1, dtype=torch.int32, device=numbers.device)
    renumbered[1:] = kept.cumsum(0) * kept
    return Found(renumbered[numbers.long()], labels[kept])


def classes_as_regions(classes: Tensor, things: Sequence[int]) -> Found:
    """All pixels of a thing class as one region, of the classes that have any.

    Args:
        classes: int64 (H, W), a label for each pixel.
        things: Labels of the classes that have objects.
    """
    numbers = torch.zeros_like(classes)
    for number, label in enumerate(things, start=1):
        numbers[classes == label] = number
    return found(numbers, classes.new_tensor(list(things)))


def components(classes: Tensor, things: Sequence[int]) -> Found:
    """Pixels of a thing class that touch each other, diagonally too; arguments as above."""
    labels = classes.cpu().numpy()
    return stacked([label_components(labels == thing) for thing in things], things, classes)


def label_components(mask: NDArray[np.bool_]) -> Numbers:
    """Components of True in bool (H, W), numbered 1..K; 0 where it is False."""
    numbers, _ = ndimage.label(mask, structure=TOUCHING)
    return np.asarray(numbers, dtype=np.int64)


def stacked(maps: Sequence[Numbers], things: Sequence[int], classes: Tensor) -> Found:
    """One after another, the objects of each thing class, on the device of ``classes``.

    Args:
        maps: (H, W) a class, 0 = none, 1..K; they do not overlap.
        things: Label of each.
        classes: int64 (H, W).
    """
    numbers = np.zeros(classes.shape, dtype=np.int64)
    labels: list[int] = []
    for own, thing in zip(maps, things, strict=True):
        numbers[own > 0] = own[own > 0] + len(labels)
        labels += [thing] * int(own.max(initial=0))
    device = classes.device
    return found(
        torch.from_numpy(numbers).to(device), torch.tensor(labels, dtype=torch.int64, device=device)
    )
