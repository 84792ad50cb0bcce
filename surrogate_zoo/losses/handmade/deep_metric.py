"""The losses of deep metric learning: alike pixels of one object, unlike ones of two, and seeds."""

import math
from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from surrogate_zoo.losses import declarations
from surrogate_zoo.losses.handmade.base import Common
from surrogate_zoo.losses.handmade.batch import Batch
from surrogate_zoo.losses.handmade.grown_masks import classes_of_masks
from surrogate_zoo.losses.handmade.objects import Objects, objects_of, vectors_at
from surrogate_zoo.losses.handmade.opaque import OpaqueLoss
from surrogate_zoo.needs import EMBEDDINGS, SEEDINESS, SIMILARITIES

NEAR = 1e-4
"""Squared distance below which the slope of log(1 - similarity), infinite at 0, is held."""


class DeepMetric(OpaqueLoss):
    """Embedding loss and mask classification of Fathi et al. 2017, equations 1 to 4.

    Two pixels p, q with embeddings at a distance d have the similarity ``sigma = 2 / (1 + exp(d^2))``.
    Over all ordered pairs of a sample of pixels, with ``w_pq`` inversely proportional to how many of
    the sample are of the objects of p and q, and summing to 1::

        L_e   = - sum_pq w_pq (log sigma of one object, or log(1 - sigma) of two)
        L     = L_e + classification L_cls

    So every two objects, and every object with itself, weigh the same, as the paper's weights make
    them over all pixels; of an object, ``samples`` pixels are drawn, or all if it has fewer. L_cls is
    the mean over these pixels and the :data:`~surrogate_zoo.needs.SIMILARITIES` of the cross entropy of
    the seediness head: the right class is that of the object which the mask of all pixels of the image
    that are more similar to the drawn one than this overlaps by an IoU above 1/2, or none.

    The pairs are those of a unit, and the loss is the mean over units, 0 where there is none. The draw is
    a function of where the image's objects and void are, so it is the same wherever it is computed.
    Below a squared distance of :data:`NEAR` the slope of log(1 - sigma) is held, so that two objects
    that have come close still part. Void pixels touch nothing, and neither do the logits.

    Args:
        samples: Pixels of each object that are compared, >= 1.
        classification: Weight of L_cls, the paper's lambda, >= 0. The paper raises it from 0 to 0.2
            while it trains. With 0 no seediness is needed.
        across_classes: Compare all objects of an image, as the paper does, in place of those of one
            class.

    Raises:
        InputError: A parameter is out of range; ``forward``: an input is missing.
    """

    reads_logits = False

    def __init__(
        self,
        *,
        samples: int,
        classification: float,
        across_classes: bool,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        declarations.DEEP_METRIC.check(
            samples=samples, classification=classification, across_classes=across_classes
        )
        self.samples, self.classification = samples, classification
        self.across_classes = across_classes

    def of_valid(self, batch: Batch) -> Tensor:
        """Mean over units of both losses."""
        embeddings = batch.asked(EMBEDDINGS)
        seediness = batch.asked(SEEDINESS) if self.classification > 0 else None
        objects = objects_of(batch, across_classes=self.across_classes)
        drawn = drawn_pixels(batch, objects, self.samples)
        vectors, owners = vectors_at(embeddings, objects.places[drawn]), objects.owners[drawn]
        loss = _alikeness(vectors, owners, objects)
        if seediness is None:
            return batch.total(loss)
        with torch.no_grad():
            truth = classes_of_masks(batch, objects, drawn)
        logits = vectors_at(seediness, objects.places[drawn])
        return batch.total(loss + self.classification * _surprise(logits, truth, owners, objects))


def drawn_pixels(batch: Batch, objects: Objects, samples: int) -> Tensor:
    """Draw up to ``samples`` pixels of each object: indices into ``objects.places``, int64 (Q,).

    They are in the order of the objects. The numbers of the objects do not matter.
    """
    image_size = batch.target.shape[1:].numel()
    spots = objects.places % image_size
    seeds = torch.zeros(len(batch.target), dtype=torch.int64, device=spots.device)
    seeds.index_add_(0, objects.places // image_size, _scrambled(spots + 1))
    own_seeds = _scrambled(seeds & _WORD)[objects.images[objects.owners]]
    lots = _scrambled(_scrambled(spots + 1) ^ own_seeds)
    order = ((objects.owners << 32) | lots).argsort(stable=True)
    begin = objects.sizes.cumsum(0) - objects.sizes
    ranks = torch.arange(len(order), device=order.device) - begin[objects.owners[order]]
    return order[ranks < samples]


_WORD = 2**32 - 1


def _scrambled(numbers: Tensor) -> Tensor:
    """Hash 32-bit numbers in int64, the same on every device by shifts and products."""
    for shift, factor in ((16, 0x21F0AAAD), (15, 0x735A2D97)):
        numbers = ((numbers ^ (numbers >> shift)) * factor) & _WORD
    return numbers ^ (numbers >> 15)


def _counts(owners: Tensor, objects: Objects) -> Tensor:
    """Drawn pixels of each object, int64 (M,)."""
    return torch.zeros_like(objects.sizes).index_add_(0, owners, torch.ones_like(owners))


def _alikeness(vectors: Tensor, owners: Tensor, objects: Objects) -> Tensor:
    """L_e, the mean over units; vectors (Q, E) of drawn pixels, in the order of the objects."""
    loss = vectors[:0].sum()
    if not len(vectors):
        return loss
    weights = (1 / _counts(owners, objects).to(vectors.dtype))[owners]
    lengths = torch.zeros_like(objects.members).index_add_(
        0, objects.units[owners], torch.ones_like(owners)
    )
    parts = lengths.tolist()
    members = objects.members.to(vectors.dtype)
    for unit, (own, of, weight) in enumerate(
        zip(*(torch.split(each, parts) for each in (vectors, owners, weights)), strict=True)
    ):
        costs = _costs(own, of[:, None] == of)
        loss = loss + (weight @ costs @ weight) / members[unit].square()
    return loss / objects.number


def _costs(vectors: Tensor, same: Tensor) -> Tensor:
    """-log sigma of pixels of one object, -log(1 - sigma) of two, (Q, Q) for vectors (Q, E)."""
    distances = _squared_distances(vectors)
    alike = F.softplus(distances) - math.log(2)
    held = distances.clamp(min=NEAR)
    unlike = (held - distances) / math.sinh(NEAR) - (held / 2).tanh().log()
    return torch.where(same, alike, unlike)


def _squared_distances(vectors: Tensor) -> Tensor:
    """Between each two of vectors (Q, E), (Q, Q); never a tensor of (Q, Q, E)."""
    centred = vectors - vectors.detach().mean(0)  # differences of smaller numbers are more exact
    squares = centred.square().sum(1)
    return (squares[:, None] + squares - 2 * centred @ centred.T).clamp(min=0)


def _surprise(logits: Tensor, truth: Tensor, owners: Tensor, objects: Objects) -> Tensor:
    """L_cls, the mean over units; logits (Q, T (C + 1)) and classes (Q, T) of drawn pixels."""
    kinds = len(SIMILARITIES)
    rows = logits.reshape(-1, logits.shape[1] // kinds)
    entropies = F.cross_entropy(rows, truth.flatten(), reduction="none")
    drawn = _counts(owners, objects)
    in_unit = torch.zeros_like(objects.members).index_add_(0, objects.units, drawn)
    weights = 1 / (in_unit * objects.number * kinds).to(logits.dtype)
    own = weights[objects.units[owners]]
    return (own[:, None] * entropies.view(-1, kinds)).sum()
