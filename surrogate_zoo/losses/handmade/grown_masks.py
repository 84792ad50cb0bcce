"""Masks that are grown from seeds over similar pixels, and the classes of the objects they meet."""

import math

import torch
from torch import Tensor

from surrogate_zoo.losses.handmade.batch import Batch
from surrogate_zoo.losses.handmade.objects import Objects, vectors_at
from surrogate_zoo.needs import EMBEDDINGS, SIMILARITIES

AT_ONCE = 2**21
"""Most entries of a tensor of pixels x seeds; more seeds are taken in parts."""


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
    embeddings, total = batch.asked(EMBEDDINGS), len(objects.sizes)
    owners = torch.full((batch.target.numel(),), total, device=seeds.device)
    owners[objects.places] = objects.owners
    places = batch.valid.flatten().nonzero()[:, 0]
    images = (places // batch.target.shape[1:].numel(), objects.images[objects.owners[seeds]])
    # One wait for how many pixels, seeds and objects each image has.
    counts = torch.stack([_counted(each, len(batch.target)) for each in (*images, objects.images)])
    pixels, sources, kept = counts.tolist()
    parts = zip(
        torch.split(vectors_at(embeddings, places), pixels),
        torch.split(owners[places], pixels),
        torch.split(vectors_at(embeddings, objects.places[seeds]), sources),
        torch.split(objects.sizes, kept),
        torch.split(objects.classes, kept),
        strict=True,
    )
    found, before = [seeds.new_zeros(0, len(SIMILARITIES))], 0
    for vectors, own, these, sizes, classes in parts:
        local = (own - before).clamp(max=len(sizes))
        before += len(sizes)
        middle = vectors.mean(0)  # differences of smaller numbers are more exact
        centred, step = vectors - middle, max(1, AT_ONCE // max(1, len(vectors)))
        found += [
            _met(some, centred, local, sizes, classes) for some in torch.split(these - middle, step)
        ]
    return torch.cat(found)


def _counted(values: Tensor, number: int) -> Tensor:
    """How often each of 0..number-1 occurs, int64 (number,), without a wait."""
    return values.new_zeros(number).index_add_(0, values, torch.ones_like(values))


def _met(seeds: Tensor, vectors: Tensor, owners: Tensor, sizes: Tensor, classes: Tensor) -> Tensor:
    """Classes (S, T) of the masks that are grown from seeds of one image.

    Args:
        seeds: Their embeddings, (S, E).
        vectors: Those of the image's pixels, (P, E).
        owners: The object that each pixel is of, int64 (P,), K for none.
        sizes: Pixels of each object, int64 (K,).
        classes: Of each object, int64 (K,).
    """
    # d^2 = |v|^2 - 2 v s + |s|^2, whose last part goes to the other side.
    distances = torch.addmm(vectors.square().sum(1)[:, None], vectors, seeds.T, alpha=-2)
    mask, found = torch.empty_like(distances), []
    for similarity in SIMILARITIES:
        limits = math.log(2 / similarity - 1) - seeds.square().sum(1)
        torch.lt(distances, limits, out=mask)  # 1 and 0, whose sums are exact up to 2^24 pixels
        common = mask.new_zeros(len(sizes) + 1, len(seeds)).index_add_(0, owners, mask)
        hit = 3 * common[:-1] > common.sum(0) + sizes[:, None]
        found.append((hit * (classes[:, None] + 1)).sum(0))
    return torch.stack(found, 1)
