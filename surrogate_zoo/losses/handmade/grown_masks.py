"""Masks that are grown from seeds over similar pixels, and the classes of the objects they meet."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from surrogate_zoo.losses.handmade.base import Batch
from surrogate_zoo.losses.handmade.objects import Objects, vectors_at
from surrogate_zoo.needs import EMBEDDINGS, SIMILARITIES

AT_ONCE = 2**22
"""Most entries of a tensor of seeds x pixels; more seeds are taken in parts."""


def classes_of_masks(batch: Batch, objects: Objects, seeds: Tensor) -> Tensor:
    """What the mask that is grown from each seed is of, for each of the similarities.

    A mask is the pixels of the image, void left out, whose similarity to the seed is above it. It is
    of the object that it overlaps by an IoU above 1/2; there is at most one.

    Args:
        batch: With ``embeddings``.
        objects: Its objects.
        seeds: Indices into ``objects.places``, int64 (Q,), in the order of the objects.

    Returns:
        int64 (Q, T): 1 + the class of the object, or 0.
    """
    embeddings = batch.asked(EMBEDDINGS)
    images = _images(batch, objects, seeds)
    vectors = vectors_at(embeddings, images.places)
    sources = vectors_at(embeddings, objects.places[seeds])
    found = [torch.zeros(0, len(SIMILARITIES), dtype=torch.int64, device=seeds.device)]
    rows = zip(
        vectors.split(images.pixels),
        sources.split(images.seeds),
        objects.sizes.split(images.objects),
        objects.classes.split(images.objects),
        strict=True,
    )
    for own, from_here, sizes, classes in rows:
        step = max(1, AT_ONCE // max(1, len(own)))
        found += [_met(part, own, sizes, classes) for part in from_here.split(step)]
    return torch.cat(found)


class _Images(NamedTuple):
    """The valid pixels of a batch image by image, those of its objects first.

    Attributes:
        places: Among the N H W, int64.
        pixels: How many each image has.
        seeds: Likewise of seeds.
        objects: Likewise of objects.
    """

    places: Tensor
    pixels: list[int]
    seeds: list[int]
    objects: list[int]


def _images(batch: Batch, objects: Objects, seeds: Tensor) -> _Images:
    """Order the valid pixels by image and object, those of none last; one wait for all of it."""
    number, size, total = len(batch.target), batch.target[0].numel(), len(objects.sizes)
    owners = torch.full((number * size,), total, device=seeds.device)
    owners[objects.places] = objects.owners
    places = batch.valid.flatten().nonzero()[:, 0]
    order = ((places // size) * (total + 1) + owners[places]).argsort(stable=True)
    counts = torch.stack(
        [
            _histogram(images, number)
            for images in (places // size, objects.images[objects.owners[seeds]], objects.images)
        ]
    )
    return _Images(places[order], *counts.tolist())


def _histogram(values: Tensor, number: int) -> Tensor:
    """How often each of 0..number-1 occurs, int64 (number,), without a wait."""
    zeros = torch.zeros(number, dtype=torch.int64, device=values.device)
    return zeros.index_add_(0, values, torch.ones_like(values))


def _met(seeds: Tensor, vectors: Tensor, sizes: Tensor, classes: Tensor) -> Tensor:
    """Classes (S, T) of the masks of seeds (S, E) of an image.

    Args:
        seeds: Their embeddings.
        vectors: Those of the image's pixels, (P, E), in the order of its objects, the others last.
        sizes: Pixels of each object, int64 (K,).
        classes: Of each object, int64 (K,).
    """
    middle = seeds.mean(0)
    seeds, vectors = seeds - middle, vectors - middle
    squares = seeds.square().sum(1)[:, None] + vectors.square().sum(1)
    distances = squares - 2 * seeds @ vectors.T
    ends = sizes.cumsum(0) - 1
    found = []
    for similarity in SIMILARITIES:
        reached = (distances < math.log(2 / similarity - 1)).cumsum(1, dtype=torch.int32)
        common = reached[:, ends].diff(dim=1, prepend=torch.zeros_like(reached[:, :1]))
        hit = 3 * common > reached[:, -1:] + sizes
        found.append((hit * (classes + 1)).sum(1))
    return torch.stack(found, 1)
