"""Objects that a trained network finds in images, and how sure it is of each."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from surrogate_zoo.errors import InputError
from surrogate_zoo.modes import MULTILABEL
from surrogate_zoo.needs import EMBEDDINGS
from workers.instances.cluster import check, cluster
from workers.instances.found import Found, Prediction
from workers.learning.device import autocast
from workers.networks.heads import WithHeads, has_own_head
from workers.networks.image_format import labelling_of_logits, mode_of, network_input
from workers.tasks.instances import EMBEDDED, ClusteringSpec

BY_EMBEDDINGS = ClusteringSpec()


class PredictedObjects(NamedTuple):
    """The objects of one image, on its device; ``lossfit.InstanceEvaluator.update`` takes them.

    Attributes:
        instances: int32 (H, W), 0 = no object, 1..K one object each, without gaps.
        labels: int64 (K,), the class of each.
        confidences: float32 (K,) in 0..1: the probability of the object's class, mean over its pixels.
    """

    instances: Tensor
    labels: Tensor
    confidences: Tensor


@torch.inference_mode()
def predict_instances(
    network: nn.Module,
    images: Iterable[Tensor],
    things: Sequence[int],
    clustering: ClusteringSpec = BY_EMBEDDINGS,
    *,
    first: int = 0,
) -> list[PredictedObjects]:
    """Predict objects, image by image: what is found in one does not depend on the others.

    Every image is seen whole, once and at its own size: embeddings of several windows, scales or mirror
    images number the same objects differently, and cannot be averaged. What the network sees is padded as
    for :func:`lossfit.predict`.

    Args:
        network: In evaluation mode, on the images' device; with an embedding head
            (``NetworkSpec.embedding``) unless ``clustering`` does without.
        images: uint8 (H, W, 3) each, or as the network takes them, of any sizes; a tensor
            (N, H, W, 3) will do.
        things: Labels of the classes that have objects; pixels of the others belong to none.
        clustering: How pixels become objects.
        first: Number of the first image, where these are part of a whole: pixels are drawn by
            ``clustering.seed`` and an image's number.

    Returns:
        The objects of every image, in the order of ``images``.

    Raises:
        InputError: An image has another shape or type, the network is of a multi-label, ``things`` has a
            label that is none of the network's, or it has no embeddings or such that are not finite; or a
            package is not installed that the method needs.
    """
    check(clustering)
    embedded = clustering.method in EMBEDDED
    found = []
    for number, image in enumerate(images, start=first):
        prediction, probabilities = predict_image(network, image, embedded=embedded)
        _check_things(things, len(probabilities))
        objects = cluster(*prediction, things, clustering, seed=number)
        found.append(PredictedObjects(*objects, confidences_of(objects, probabilities)))
    return found


@torch.inference_mode()
def predict_image(
    network: nn.Module, image: Tensor, *, embedded: bool
) -> tuple[Prediction, Tensor]:
    """What a network says of one image, in the same way as :func:`predict_instances` sees it.

    Args:
        network: In evaluation mode, on the image's device.
        image: uint8 (H, W, 3), or as the network takes them.
        embedded: Whether embeddings are wanted; without, or where the network has none, they are None.

    Returns:
        Embeddings float32 (E, H, W) with classes int64 (H, W), and the probability of every class,
        float32 (C, H, W); two where there is one channel.

    Raises:
        InputError: The image has another shape or type, or the network is of a multi-label.
    """
    if mode_of(network) == MULTILABEL:
        raise InputError(
            "Objects are made of one class a pixel, and the network gives several: take one that was "
            "trained on a dataset of another mode."
        )
    names = [EMBEDDINGS] if embedded and has_own_head(network, EMBEDDINGS) else []
    pixels = network_input(network, image[None])
    with autocast(pixels.device):
        logits, heads = WithHeads(network, names)(
            pixels.contiguous(memory_format=torch.channels_last)
        )
    [scores] = labelling_of_logits(network, logits).scores_of(logits, None)
    embeddings = heads[EMBEDDINGS][0] if names else None
    return Prediction(embeddings, scores.argmax(0)), scores.float().softmax(0)


def confidences_of(objects: Found, probabilities: Tensor) -> Tensor:
    """Probability of each object's class, mean over its pixels.

    Args:
        objects: K objects of an image.
        probabilities: float (C, H, W), on the same device.

    Returns:
        float32 (K,).
    """
    numbers = objects.instances.flatten().long()
    [places] = numbers.nonzero(as_tuple=True)
    owners = numbers[places] - 1
    sure = probabilities.flatten(1)[objects.labels[owners], places].double()
    sums = sure.new_zeros(len(objects.labels)).index_add(0, owners, sure)
    return (sums / torch.bincount(owners, minlength=len(objects.labels))).float()


def _check_things(things: Sequence[int], num_classes: int) -> None:
    wrong = [label for label in things if not 0 <= label < num_classes]
    if wrong:
        raise InputError(
            f"things names {', '.join(map(str, wrong))}, but the network's labels are 0 to "
            f"{num_classes - 1}."
        )
