"""Radius and smallest object of a clustering, chosen on images that were held out."""

from collections.abc import Callable, Sequence
from math import isfinite

from surrogate_zoo.errors import InputError
from workers.instances.cluster import cluster
from workers.instances.found import Found, Prediction, without_small
from workers.tasks.instances import ClusteringSpec


def tuned(
    spec: ClusteringSpec,
    radii: Sequence[float],
    min_pixels: Sequence[int],
    samples: Sequence[Prediction],
    *,
    things: Sequence[int],
    score: Callable[[Sequence[Found]], float],
) -> ClusteringSpec:
    """The spec with the radius and the smallest object that score best together.

    Every radius is clustered with once; smaller objects are left out afterwards.

    Args:
        spec: What stays as it is.
        radii: To be tried; empty to keep the spec's, as for methods that have none.
        min_pixels: To be tried; empty to keep the spec's.
        samples: Predictions for images that were not trained on, nor are reported on. The number of an
            image, which pixels are drawn by, is its place here.
        things: Labels of the classes that have objects.
        score: Of the objects found in all samples, in their order; higher is better, so a score that is
            better when lower has to be negated. What is not finite never wins.

    Returns:
        The first of the best, in the order given, radii before sizes.

    Raises:
        InputError: There is no sample, or no score is finite; or as ``cluster``.
        ValueError: A radius or size is not what the spec takes (pydantic's ValidationError).
    """
    if not samples:
        raise InputError(
            "A clustering is tuned on held-out images, and there are none: hold some out."
        )
    best: tuple[float, ClusteringSpec] | None = None
    for radius in radii or (spec.radius,):
        tried = _changed(spec, radius, 1)
        objects = [
            cluster(*sample, things, tried, seed=image) for image, sample in enumerate(samples)
        ]
        for least in min_pixels or (spec.min_pixels,):
            candidate = _changed(spec, radius, least)
            value = score([without_small(some, least) for some in objects])
            if isfinite(value) and (best is None or value > best[0]):
                best = value, candidate
    if best is None:
        raise InputError("No clustering has a finite score on the held-out images; tune on others.")
    return best[1]


def _changed(spec: ClusteringSpec, radius: float | None, min_pixels: int) -> ClusteringSpec:
    changes = {"radius": radius, "min_pixels": min_pixels}
    return ClusteringSpec.model_validate(spec.model_dump() | changes)
