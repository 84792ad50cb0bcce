"""Clustering that is told a part of the truth: what is left to win, never a result.

Their scores have names of their own and are not ranked with those of what a network finds.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from surrogate_zoo.errors import InputError
from workers.instances.cluster import checked, cluster, points_of
from workers.instances.found import Found, Prediction, found, without_small
from workers.tasks.instances import EMBEDDED, ClusteringSpec


class Truth(NamedTuple):
    """What is annotated of one image, on the device of what is predicted.

    Attributes:
        target: int64 (H, W), the true label of every pixel, void = 255.
        instances: Integer (H, W), 0 = no object, 1..K one object each.
    """

    target: Tensor
    instances: Tensor

    def whole(self, things: Sequence[int]) -> Tensor:
        """The true labels, (H, W), a border of the one thing's objects labelled as their inside."""
        if len(things) > 1:  # these have no border
            return self.target
        return self.target.masked_fill(self.instances > 0, things[0])


Oracle = Callable[[Prediction, Truth, Sequence[int], ClusteringSpec, int], Found]
"""Of a prediction, the truth, and things, spec and seed as in ``cluster``."""


def oracle_semantic(
    prediction: Prediction,
    truth: Truth,
    things: Sequence[int],
    spec: ClusteringSpec,
    seed: int,
) -> Found:
    """Cluster with the true classes in place of those predicted; void pixels belong to no object."""
    return cluster(prediction.embeddings, truth.target, things, spec, seed=seed)


@torch.no_grad()
def oracle_centres(
    prediction: Prediction,
    truth: Truth,
    things: Sequence[int],
    spec: ClusteringSpec,
    seed: int,  # noqa: ARG001 - nothing is drawn
) -> Found:
    """Give each pixel to the nearest true mean of its predicted class, if that is within the radius.

    The true mean is that of the embeddings of all pixels of a true object; its class is the most
    frequent true label of these. ``within`` is not looked at, since a mean lies in no component.

    Raises:
        InputError: As ``cluster``, or the spec's method has no radius among embeddings.
    """
    if spec.method not in EMBEDDED:
        raise InputError(
            f"True centres need the radius of mean-shift or threshold, not {spec.method}."
        )
    classes = prediction.classes
    given = checked(prediction.embeddings, classes, spec)
    numbers, inverse = torch.unique(truth.instances.flatten(), return_inverse=True)
    inverse = inverse - int((numbers == 0).any())  # -1 = no object
    owned = (inverse >= 0).nonzero()[:, 0]
    target = truth.whole(things).flatten()
    means, labels = _centres(points_of(given, owned), inverse[owned], target[owned])
    result = torch.zeros(classes.numel(), dtype=torch.int64, device=classes.device)
    for thing in things:
        pixels = (classes.flatten() == thing).nonzero()[:, 0]
        own = (labels == thing).nonzero()[:, 0]
        if len(own):
            distances = torch.cdist(points_of(given, pixels), means[own])
            nearest, which = distances.min(1)
            result[pixels] = torch.where(nearest <= (spec.radius or 0.0), own[which] + 1, 0)
    return without_small(found(result.view_as(classes), labels), spec.min_pixels)


def _centres(points: Tensor, owners: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (K, E) and most frequent label (K,) of each owner's points (N, E); the least on a tie."""
    means, labels = [], []
    for owner in range(int(owners.max()) + 1 if len(owners) else 0):
        own = owners == owner
        means.append(points[own].mean(0))
        labels.append(torch.bincount(target[own]).argmax())
    if not means:
        return points.new_zeros((0, points.shape[1])), target.new_zeros(0)
    return torch.stack(means), torch.stack(labels)


def oracle_semantic_centres(
    prediction: Prediction,
    truth: Truth,
    things: Sequence[int],
    spec: ClusteringSpec,
    seed: int,
) -> Found:
    """Both at once: the true classes, and the true means."""
    return oracle_centres(
        Prediction(prediction.embeddings, truth.target), truth, things, spec, seed
    )


ORACLES: Mapping[str, Oracle] = MappingProxyType(
    {
        "oracle-semantic": oracle_semantic,
        "oracle-centres": oracle_centres,
        "oracle-semantic-centres": oracle_semantic_centres,
    }
)
"""Every oracle by the name of its scores."""
