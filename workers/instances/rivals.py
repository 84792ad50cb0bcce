"""Objects from predicted classes alone, which a clustering of embeddings has to beat."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from surrogate_zoo.errors import InputError
from workers.instances.found import Found, Numbers, label_components, stacked


def watershed_objects(classes: Tensor, things: Sequence[int], spacing: int) -> Found:
    """Components of every thing class, cut along the valleys of their distance transform.

    Distances are Euclidean, to the nearest pixel of another class or outside of the image. Markers are
    their peaks, those of a component that are more than ``spacing`` apart along rows or columns, the
    highest first; from these the distances are flooded (scikit-image).

    Args:
        classes: int64 (H, W).
        things: Labels of the classes that have objects.
        spacing: In pixels, at least 1.

    Raises:
        InputError: scikit-image is not installed.
    """
    require_scikit_image()
    labels = classes.cpu().numpy()
    return stacked([_flooded(labels == thing, spacing) for thing in things], things, classes)


def require_scikit_image() -> None:
    """Refuse with a sentence where scikit-image is not installed.

    Raises:
        InputError: It is not; tells the command.
    """
    try:
        import skimage  # noqa: F401, PLC0415 - optional
    except ImportError as error:
        raise InputError(
            "Clustering by watershed needs a package that is not installed: pip install "
            "'lossfit[instances]' on the service's and the workers' machines."
        ) from error


def _flooded(mask: NDArray[np.bool_], spacing: int) -> Numbers:
    """Basins of bool (H, W), numbered 1..K; 0 where it is False."""
    from skimage.feature import peak_local_max  # noqa: PLC0415 - optional
    from skimage.segmentation import watershed  # noqa: PLC0415

    padded = np.pad(mask, 1)
    distances = ndimage.distance_transform_edt(padded)
    peaks = peak_local_max(
        distances, min_distance=spacing, exclude_border=False, labels=label_components(padded)
    )
    markers = np.zeros(padded.shape, dtype=np.int64)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    basins = watershed(-distances, markers, mask=padded, connectivity=2)
    return np.asarray(basins[1:-1, 1:-1], dtype=np.int64)


def check_border(things: Sequence[int], border: int) -> None:
    """Refuse things that a border class does not part.

    Raises:
        InputError: There is not one thing class, or it is the border.
    """
    if len(things) != 1 or border in things:
        raise InputError(
            f"Method border needs one thing class beside the border class {border}; this dataset's are "
            f"{list(things)}. Choose another method, or another border."
        )


def border_objects(classes: Tensor, things: Sequence[int], border: int) -> Found:
    """Components of the thing class, and each border pixel given to the nearest of them.

    Border pixels that touch no pixel of the thing class, directly or through other border pixels, are
    an object of their own: an object no wider than two borders is all border.

    Args:
        classes: int64 (H, W).
        things: The one class that has objects.
        border: Label of the border class.

    Raises:
        InputError: There is not one thing class, or it is the border.
    """
    check_border(things, border)
    labels = classes.cpu().numpy()
    rim = labels == border
    seeds = label_components(labels == things[0])
    whole = label_components(rim | (seeds > 0))
    with_seeds = np.zeros(whole.max(initial=0) + 1, dtype=np.bool_)
    with_seeds[whole[seeds > 0]] = True
    alone = rim & ~with_seeds[whole]
    seeds[alone] = seeds.max(initial=0) + label_components(alone)[alone]
    rest = rim & ~alone
    _, nearest = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
    seeds[rest] = seeds[tuple(nearest[:, rest])]
    return stacked([seeds], things, classes)
