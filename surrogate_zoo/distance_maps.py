"""Distance maps of masks: computed once per image, outside of the training step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from surrogate_zoo.names import Registry

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
        of: (labels (H, W), valid bool (H, W), C) -> float32 (K, H, W), finite everywhere; values at
            void pixels are of no account. Void makes no boundary.
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


def boundary_distances(labels: Mask, valid: NDArray[np.bool_], num_classes: int) -> Map:
    """Distance in pixels to the nearest valid pixel of another label; 0 where there is none."""
    distances = np.zeros(labels.shape, np.float32)
    for label in range(num_classes):
        own = valid & (labels == label)
        other = valid & (labels != label)
        if own.any() and other.any():
            distances[own] = ndimage.distance_transform_edt(~other)[own]
    return distances[None]


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
    ),
)
"""All distance maps by name."""


def map_of(name: str, mask: NDArray[np.integer], num_classes: int, ignore_index: int = 255) -> Map:
    """Compute a distance map of one mask.

    Args:
        name: A key of :data:`MAPS`.
        mask: Labels (H, W), 0..C-1 or ``ignore_index``.
        num_classes: C.
        ignore_index: Label of void pixels.

    Returns:
        float32 (K, H, W).
    """
    labels = np.asarray(mask, np.int64)
    return MAPS[name].of(labels, labels != ignore_index, num_classes)


def maps_of(name: str, target: "Tensor", num_classes: int, ignore_index: int = 255) -> "Tensor":
    """Compute a distance map of every mask of a batch.

    Args:
        name: A key of :data:`MAPS`.
        target: Labels, int64 (N, H, W).
        num_classes: C.
        ignore_index: Label of void pixels.

    Returns:
        float32 (N, K, H, W) on the device of ``target``.
    """
    import torch  # noqa: PLC0415  (the maps themselves need none)

    masks = target.cpu().numpy()
    maps = [map_of(name, mask, num_classes, ignore_index) for mask in masks]
    return torch.from_numpy(np.stack(maps)).to(target.device)
