"""Objects of one image, of a network's embeddings and classes, or of its classes alone."""

from collections.abc import Sequence

import torch
from torch import Tensor

from surrogate_zoo.errors import InputError
from workers.instances.found import Found, classes_as_regions, components, found, without_small
from workers.instances.grouping import grouped
from workers.instances.rivals import border_objects, require_scikit_image, watershed_objects
from workers.learning.streams import Stream, generator
from workers.tasks.instances import ClusteringSpec


@torch.no_grad()
def cluster(
    embeddings: Tensor | None,
    classes: Tensor,
    things: Sequence[int],
    spec: ClusteringSpec,
    *,
    seed: int,
) -> Found:
    """Find the objects of one image.

    The same arguments give the same objects, on a CPU and on a GPU. Between the two, and between an
    order of pixels and another, they may differ where a distance equals the radius to rounding.

    Args:
        embeddings: float (E, H, W); None for the methods that need none. Computed with in float64.
        classes: int64 (H, W), the predicted label of every pixel, on the same device.
        things: Labels of the classes that have objects; pixels of the others belong to none.
        spec: How; see there.
        seed: Number of the image, at least 0: pixels are drawn by ``spec.seed`` and by it.

    Returns:
        The objects on the device of ``classes``, class by class in the order of ``things``.

    Raises:
        InputError: The method needs embeddings and there are none, or they have another size than the
            classes or are not finite; or as :func:`check` and ``border_objects``.
    """
    return without_small(_all_objects(embeddings, classes, things, spec, seed), spec.min_pixels)


def check(spec: ClusteringSpec) -> None:
    """Refuse what cannot be done on this machine; to be called before a long training.

    Raises:
        InputError: A package is not installed; tells the command.
    """
    if spec.method == "watershed":
        require_scikit_image()


def _all_objects(
    embeddings: Tensor | None,
    classes: Tensor,
    things: Sequence[int],
    spec: ClusteringSpec,
    seed: int,
) -> Found:
    """The objects of :func:`cluster`, small ones too."""
    match spec.method:
        case "components":
            return components(classes, things)
        case "watershed":
            return watershed_objects(classes, things, int(spec.radius or 1))
        case "border":
            return border_objects(classes, things, spec.border or 0)
    given = checked(embeddings, classes, spec)
    inside = components if spec.within == "components" else classes_as_regions
    return _grouped_regions(given, inside(classes, things), spec, seed)


def checked(embeddings: Tensor | None, classes: Tensor, spec: ClusteringSpec) -> Tensor:
    """Embeddings that fit to the classes; errors as :func:`cluster`."""
    if embeddings is None:
        raise InputError(
            f"Clustering by {spec.method} needs embeddings, and the network has none: train one with "
            "embedding, or choose components, watershed or border."
        )
    if embeddings.ndim != 3 or embeddings.shape[1:] != classes.shape:
        raise InputError(
            f"Embeddings of shape {tuple(embeddings.shape)} do not fit to classes of shape "
            f"{tuple(classes.shape)}: give (E, H, W) and (H, W)."
        )
    return embeddings


def points_of(embeddings: Tensor, pixels: Tensor) -> Tensor:
    """Embeddings (E, H, W) of N pixels, counted row by row: float64 (N, E); finite, or InputError."""
    points = embeddings.flatten(1)[:, pixels].T.contiguous().double()
    if not bool(points.isfinite().all()):
        raise InputError(
            "Embeddings are not finite: the network's training diverged, or it computes in half "
            "precision what needs more; lower the learning rate, or predict in float32."
        )
    return points


def _grouped_regions(embeddings: Tensor, regions: Found, spec: ClusteringSpec, seed: int) -> Found:
    """Group the pixels of every region on its own."""
    numbers = regions.instances.flatten()
    size = len(numbers)
    order = generator(spec.seed, Stream.CLUSTERING, seed).permutation(size)
    drawn = torch.from_numpy(order).to(numbers.device)
    drawn = drawn[numbers[drawn] > 0]
    own, sorting = numbers[drawn].sort(stable=True)
    pixels = drawn[sorting]
    sizes = torch.bincount(own, minlength=len(regions.labels) + 1)[1:].tolist()
    result = torch.zeros(size, dtype=torch.int64, device=numbers.device)
    labels: list[Tensor] = []
    count, shift = 0, spec.method == "mean-shift"
    points_by_region = torch.split(points_of(embeddings, pixels), sizes)
    parts = zip(torch.split(pixels, sizes), points_by_region, strict=True)
    for label, (places, points) in zip(regions.labels, parts, strict=True):
        groups = grouped(points, spec.radius or 0.0, shift=shift, merge=spec.merge)
        result[places] = groups + (count + 1)
        several = int(groups.max()) + 1
        labels.append(label.expand(several))
        count += several
    classes = torch.cat(labels) if labels else regions.labels
    return found(result.view_as(regions.instances), classes)
