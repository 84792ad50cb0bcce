"""The discriminative loss: embeddings of one object close to their mean, means of several far apart."""

from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from surrogate_zoo.losses import declarations
from surrogate_zoo.losses.handmade.base import Common
from surrogate_zoo.losses.handmade.batch import Batch
from surrogate_zoo.losses.handmade.objects import Objects, objects_of, vectors_at
from surrogate_zoo.losses.handmade.opaque import OpaqueLoss
from surrogate_zoo.needs import EMBEDDINGS

_NORMS = {"l2": 2, "l1": 1}


class Discriminative(OpaqueLoss):
    """Discriminative loss (De Brabandere, Neven and Van Gool, 2017), equations 1 to 4.

    For the K objects c of one class in one image, with N_c pixels of embeddings x_i and mean mu_c::

        L_var  = 1/K sum_c 1/N_c sum_i max(0, |mu_c - x_i| - delta_v)^2
        L_dist = 1/(K (K - 1)) sum_{A != B} max(0, 2 delta_d - |mu_A - mu_B|)^2    (0 for K = 1)
        L_reg  = 1/K sum_c |mu_c|
        L      = alpha L_var + beta L_dist + gamma L_reg

    The sum over A and B has each pair in both orders. The loss is the mean of L over the batch's
    images and their classes that have objects; 0 where there is none. It is the equation that counts:
    the authors' own code leaves 1/K and L_reg out, and divides L_dist by K - 1 alone.

    Void pixels and those of no object touch nothing, and neither do the logits. Two means that
    coincide do not push each other away, for the slope of their distance is taken as 0: so a head that
    gives the same embedding everywhere, as one with weights 0, never learns.

    Args:
        delta_v: How far a pixel may be from its object's mean, >= 0.
        delta_d: Half of how far two means are to be apart, above ``delta_v``. Mean shift with the
            radius ``delta_d`` is exact at a loss of 0 (without L_reg) where it is above 2 ``delta_v``.
        alpha: Weight of L_var, >= 0.
        beta: Weight of L_dist, >= 0.
        gamma: Weight of L_reg, >= 0; above 0 the least loss is not 0, but where K = 1.
        norm: ``l2`` or ``l1``.

    Raises:
        InputError: A parameter is out of range; ``forward``: no embeddings or no instances were given.
    """

    reads_logits = False

    def __init__(
        self,
        *,
        delta_v: float,
        delta_d: float,
        alpha: float,
        beta: float,
        gamma: float,
        norm: str,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        declarations.DISCRIMINATIVE.check(
            delta_v=delta_v, delta_d=delta_d, alpha=alpha, beta=beta, gamma=gamma, norm=norm
        )
        self.delta_v, self.delta_d, self.norm = delta_v, delta_d, norm
        self.alpha, self.beta, self.gamma = alpha, beta, gamma

    def of_valid(self, batch: Batch) -> Tensor:
        """Mean over units of the three terms."""
        embeddings, objects = batch.asked(EMBEDDINGS), objects_of(batch)
        vectors = vectors_at(embeddings, objects.places)
        shares = objects.shares(vectors.dtype)
        sums = vectors.new_zeros(len(objects.sizes), vectors.shape[1])
        means = sums.index_add(0, objects.owners, vectors) / objects.sizes[:, None]
        away = self._lengths(vectors - means.index_select(0, objects.owners))
        spread = F.relu(away - self.delta_v).square() * (shares / objects.sizes)[objects.owners]
        return batch.total(
            self.alpha * spread.sum()
            + self.beta * self._closeness(means, objects, shares)
            + self.gamma * (shares * self._lengths(means)).sum()
        )

    def _closeness(self, means: Tensor, objects: Objects, shares: Tensor) -> Tensor:
        """L_dist, the mean over units."""
        first, second = objects.pairs()
        apart = self._lengths(means.index_select(0, first) - means.index_select(0, second))
        # Both orders of a pair; an object that is alone is in none.
        weights = 2 * shares / (objects.members[objects.units] - 1).clamp(min=1)
        return (weights[first] * F.relu(2 * self.delta_d - apart).square()).sum()

    def _lengths(self, vectors: Tensor) -> Tensor:
        """Norms (P,) of vectors (P, E); the slope at 0 is 0, and so is the slope of that."""
        there = (vectors != 0).any(1)
        lengths = torch.linalg.vector_norm(
            torch.where(there[:, None], vectors, 1), ord=_NORMS[self.norm], dim=1
        )
        kept: Tensor = lengths * there
        return kept
