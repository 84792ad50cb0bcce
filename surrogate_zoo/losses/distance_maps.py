"""Distance maps of masks: computed once per image, outside of the training step.

A map of a CamVid mask (360 x 480, 11 classes) takes 0.07 to 0.14 s on one core: see :data:`MAPS`.
Computing one loads scipy; knowing their names does not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from surrogate_zoo.errors import InputError
from surrogate_zoo.modes import check_void
from surrogate_zoo.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

Mask = NDArray[np.int64]
Map = NDArray[np.float32]


@dataclass(frozen=True)
class DistanceMap:
    """One entry of :data:`MAPS`.

    Attributes:
        name: The name of the input that losses list.
        summary: What it holds, in one sentence.
        of: (labels (H, W), valid bool (H, W), C) -> float32 (K, H, W), finite at valid pixels; values
            at void pixels are of no account. Void makes no boundary.
        by_class: Whether K is the number of classes; else K is 1.
        in_pixels: Whether values are lengths in pixels, which grow with the image's scale.
    """

    name: str
    summary: str
    of: Callable[[Mask, NDArray[np.bool_], int], Map]
    by_class: bool
    in_pixels: bool

    def channels(self, num_classes: int) -> int:
        """K."""
        return num_classes if self.by_class else 1


FAR = 1e4
"""Pixels: stands for the distance to an object that does not exist; larger than any image."""


def boundary_distances(labels: Mask, valid: NDArray[np.bool_], num_classes: int) -> Map:
    """Distance in pixels to the nearest valid pixel of another label; 0 where there is none."""
    present = _present(labels, valid, num_classes)
    numbers = np.searchsorted(present, np.where(valid, labels, present[0] if len(present) else 0))
    return _finite(_to_another(numbers, valid))[None]


def signed_distances(labels: Mask, valid: NDArray[np.bool_], num_classes: int) -> Map:
    """Distance in pixels to each class from outside; from inside, minus that to the other classes.

    Kervadec et al., Boundary loss for highly unbalanced segmentation, MIDL 2019, below eq. 4. All 0
    for a class that is absent or fills the image. Lengths run between centres of pixels on both
    sides of a border, so they are 1 and -1 next to it and two classes are each other's negative; the
    released maps are 0 on the inner side, where an absent class then costs no more than the true one.
    """
    present = _present(labels, valid, num_classes)
    distances = np.zeros((num_classes, *labels.shape), np.float32)
    if len(present) < 2:
        return distances
    others = np.full(labels.shape, np.inf, np.float32)
    for label in present:
        inside = valid & (labels == label)
        distances[label] = _distances_to(inside)
        np.minimum(others, distances[label], out=others, where=~inside)
    for label in present:
        inside = valid & (labels == label)
        distances[label][inside] = -others[inside]
    return distances


def boundary_nearness(labels: Mask, valid: NDArray[np.bool_], num_classes: int) -> Map:
    """Inverted distance to other classes: 1 at a class's outermost pixels, 0 at its innermost.

    Caliva et al., Distance Map Loss Penalty Term for Semantic Segmentation, MIDL 2019, invert the
    distances of each region and give no formula; this is the linear one of public ports, per class
    and image. A class without inner pixels is 1 all over and an image of one class 0, where the
    ports divide 0 by 0.
    """
    distances = boundary_distances(labels, valid, num_classes)[0]
    nearness: Map = np.zeros_like(distances)
    for label in _present(labels, valid, num_classes):
        inside = valid & (labels == label)
        low, high = distances[inside].min(), distances[inside].max()
        if high > 0:
            nearness[inside] = 1 - (distances[inside] - low) / max(high - low, np.float32(1e-6))
    return nearness[None]


def border_distances(labels: Mask, valid: NDArray[np.bool_], num_classes: int) -> Map:
    """Sum of the distances in pixels to the nearest and to the second nearest object.

    Ronneberger et al., U-Net, MICCAI 2015, d1 + d2 of eq. 2. An object is a connected component (8
    neighbours) of a class other than 0, which is background as in the paper; inside of an object d1
    is 0. Void cuts no object in two: parts that void joins are one. :data:`FAR` where there are fewer
    than two objects.

    In a data set without background (Cityscapes, CamVid) class 0 is treated as the ground between
    the objects of other classes, and its own border with a single object gets no weight.
    """
    objects, inside = _objects(labels, valid, num_classes)
    if not inside.any() or not objects[inside].any():
        return np.full((1, *labels.shape), FAR, np.float32)
    nearest, places = _nearest(inside)
    return (nearest + _to_another(objects[tuple(places)], inside))[None]


def _present(labels: Mask, valid: NDArray[np.bool_], num_classes: int) -> Mask:
    """The classes with valid pixels, in order."""
    return np.flatnonzero(np.bincount(labels[valid], minlength=num_classes))


def _objects(
    labels: Mask, valid: NDArray[np.bool_], num_classes: int
) -> tuple[Mask, NDArray[np.bool_]]:
    """Number the objects of classes 1 and up from 0; and where they are, bool (H, W)."""
    from scipy.ndimage import label  # noqa: PLC0415  (scipy: only where maps are computed)

    inside = valid & (labels > 0)
    numbers = np.zeros(labels.shape, np.int64)
    for class_label in _present(labels, inside, num_classes):
        of_class = inside & (labels == class_label)
        parts, _ = label(of_class | ~valid, np.ones((3,) * labels.ndim))
        numbers[of_class] = parts[of_class] + (numbers.max() + 1)
    objects = np.zeros(labels.shape, np.int64)
    objects[inside] = np.unique(numbers[inside], return_inverse=True)[1]
    return objects, inside


def _nearest(
    goal: NDArray[np.bool_],
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Distance of every pixel to the nearest one of ``goal``, which has some; and where that is."""
    from scipy.ndimage import distance_transform_edt  # noqa: PLC0415  (as above)

    distances, places = distance_transform_edt(~goal, return_indices=True)
    return np.asarray(distances, np.float32), places


def _distances_to(goal: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance of every pixel to the nearest one of ``goal``, which has some."""
    from scipy.ndimage import distance_transform_edt  # noqa: PLC0415  (as above)

    return np.asarray(distance_transform_edt(~goal), np.float32)


def _to_another(numbers: Mask, counted: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance of every pixel to the nearest counted pixel of another number; infinite without one.

    Two numbers differ in one of their binary digits at least, so the nearest pixel of another number
    is the nearest of those that differ in some digit: two distance transforms a digit are enough.
    """
    distances = np.full(numbers.shape, np.inf, np.float32)
    largest = int(numbers[counted].max(initial=0))
    for digit in range(largest.bit_length()):
        odd = (numbers >> digit) & 1 == 1
        for starts in (odd, ~odd):
            goal = counted & ~starts
            if goal.any():
                np.minimum(distances, _distances_to(goal), out=distances, where=starts)
    return distances


def _finite(distances: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same with 0 in place of infinity."""
    return np.where(np.isinf(distances), np.float32(0), distances)


MAPS = Registry(
    "distance map",
    (
        DistanceMap(
            "boundary_distances",
            "Distance to the nearest pixel of another class.",
            boundary_distances,
            by_class=False,
            in_pixels=True,
        ),
        DistanceMap(
            "signed_distances",
            "Distance to each class, negative inside of it.",
            signed_distances,
            by_class=True,
            in_pixels=True,
        ),
        DistanceMap(
            "boundary_nearness",
            "Inverted distance to other classes, 1 at the boundary and 0 farthest within.",
            boundary_nearness,
            by_class=False,
            in_pixels=False,
        ),
        DistanceMap(
            "border_distances",
            "Sum of the distances to the nearest two objects.",
            border_distances,
            by_class=False,
            in_pixels=True,
        ),
    ),
)
"""All distance maps by name."""


def map_of(
    name: str, mask: NDArray[np.integer], num_classes: int, ignore_index: int | None = 255
) -> Map:
    """Compute a distance map of one mask.

    Args:
        name: A key of :data:`MAPS`.
        mask: Labels (H, W), or (D, H, W) of a volume, 0..C-1 or ``ignore_index``. Several images are no
            volume: distances would go from one to the next; :func:`maps_of` takes them.
        num_classes: C.
        ignore_index: Label of void pixels; None where there are none.

    Returns:
        float32 (K, H, W), finite, 0 at void pixels.

    Raises:
        UnknownNameError: No such map.
        InputError: The mask has another shape, no whole numbers, or labels out of range.
    """
    stored = np.asarray(mask)
    _check_labels(stored, num_classes, ignore_index, (2, 3), "(H, W), or (D, H, W) of a volume")
    labels = stored.astype(np.int64)
    valid = np.ones(labels.shape, bool) if ignore_index is None else labels != ignore_index
    return np.where(valid, MAPS[name].of(labels, valid, num_classes), np.float32(0))


def _check_labels(
    labels: NDArray[Any],
    num_classes: int,
    ignore_index: int | None,
    dimensions: tuple[int, int],
    shape: str,
) -> None:
    """Refuse labels of another shape, of fractions, or of no class; and 255 as void if it is one.

    Raises:
        InputError: They are.
    """
    check_void(num_classes, ignore_index)
    if labels.ndim not in dimensions or labels.dtype.kind not in "biu":
        raise InputError(
            f"A mask must be whole numbers of shape {shape}, not {labels.dtype} {labels.shape}."
        )
    known = (labels >= 0) & (labels < num_classes)
    if ignore_index is not None:
        known |= labels == ignore_index
    if not known.all():
        void = "" if ignore_index is None else f" or {ignore_index}"
        raise InputError(
            f"A mask holds the label {labels[~known][0]}; labels must be 0..{num_classes - 1}{void}."
        )


def maps_of(
    name: str, target: "Tensor", num_classes: int, ignore_index: int | None = 255
) -> "Tensor":
    """Compute a distance map of every mask of a batch.

    Args:
        name: A key of :data:`MAPS`.
        target: Labels, integer (N, H, W), or (N, D, H, W) of volumes.
        num_classes: C.
        ignore_index: Label of void pixels; None where there are none.

    Returns:
        float32 (N, K, H, W) on the device of ``target``.

    Raises:
        UnknownNameError: No such map.
        InputError: As of :func:`map_of`.
    """
    import torch  # noqa: PLC0415  (the maps themselves need none)

    shape = "(N, H, W), or (N, D, H, W) of volumes"
    _check_labels(target.cpu().numpy(), num_classes, ignore_index, (3, 4), shape)
    maps = np.zeros((len(target), MAPS[name].channels(num_classes), *target.shape[1:]), np.float32)
    for image, mask in enumerate(target.cpu().numpy()):
        maps[image] = map_of(name, mask, num_classes, ignore_index)
    return torch.from_numpy(maps).to(target.device)
