"""Small batches with objects for the tests of the losses of embeddings."""

from typing import NamedTuple

import torch
from torch import Tensor

CLASSES = 3
VOID = 255


class Scene(NamedTuple):
    """A batch: logits (N, 3, H, W), labels and numbers (N, H, W), embeddings (N, E, H, W), float64."""

    logits: Tensor
    target: Tensor
    instances: Tensor
    embeddings: Tensor


def row(*objects: list[float], label: int = 1) -> Scene:
    """One image of one row: the embeddings (E = 1) of each object's pixels."""
    values = torch.tensor([value for own in objects for value in own], dtype=torch.float64)
    numbers = torch.tensor([1 + place for place, own in enumerate(objects) for _ in own])
    shape = (1, 1, len(values))
    target = torch.full(shape, label)
    return Scene(_logits(target), target, numbers.view(shape), values.view(1, 1, 1, -1))


def scene(
    seed: int,
    *,
    objects: int = 5,
    size: tuple[int, int, int] = (2, 8, 9),
    width: int = 3,
    spread: float = 1.5,
) -> Scene:
    """Objects of random pixels and classes 0..2, with pixels of none and void ones, whatever they hold."""
    generator = torch.Generator().manual_seed(seed)
    n, h, w = size
    instances = torch.randint(objects + 1, size, generator=generator)
    classes = torch.randint(CLASSES, (n, objects + 1), generator=generator)
    target = classes.gather(1, instances.flatten(1)).view(size)
    target[torch.rand(size, generator=generator) < 0.15] = VOID
    drawn = torch.randn(n, width, h, w, generator=generator, dtype=torch.float64)
    return Scene(_logits(target), target, instances, spread * drawn)


def _logits(target: Tensor) -> Tensor:
    return torch.zeros(len(target), CLASSES, *target.shape[1:], dtype=torch.float64)
