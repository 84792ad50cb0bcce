"""The training split, refused where there is nothing to learn: fewer than two classes have pixels."""

from collections.abc import Collection

import numpy as np

from surrogate_zoo.errors import DatasetError
from surrogate_zoo.modes import MULTILABEL
from workers.datasets.dataset import VOID, Dataset, Samples


def read_training_split(dataset: Dataset) -> Samples:
    """Decode the training split.

    Raises:
        DatasetError: Samples cannot be read, or their masks hold fewer than two classes; of a multi-label,
            no class has pixels, or all have all.
    """
    samples = dataset.read("train")
    labels: set[int] = set()
    for mask in samples.masks:
        labels.update(np.flatnonzero(np.bincount(mask.ravel())).tolist())
        if len(labels - {VOID}) > 1:  # in nearly every dataset after the first mask
            break
    check_training_labels(labels, dataset)
    return samples


def check_training_labels(labels: Collection[int], dataset: Dataset) -> None:
    """Refuse a training split of one class, or none: whatever a network says of it is right.

    Args:
        labels: The labels that have pixels, 0..C-1 and ``VOID``; of a multi-label 0, 1 and ``VOID``.
        dataset: Whose they are.

    Raises:
        DatasetError: Fewer than two of them are classes, or off and on.
    """
    if dataset.mode == MULTILABEL:
        _check_channels(labels)
        return
    classes = dataset.classes
    present = [f"label {label} ({classes[label]})" for label in sorted(labels) if label != VOID]
    if len(present) > 1:
        return
    listed = " and ".join([*present, *(["void"] if VOID in labels else [])])
    raise DatasetError(
        f"The masks of the training split hold {listed} alone; a training needs pixels of two "
        f"classes at least. Masks of 0 and 255 have their object read as void: name its label, "
        f"labels={{\"{VOID}\": 1}}, where the layout has 'labels', or write 1 for {VOID}. See also "
        "that 'void_labels' names no class."
    )


def _check_channels(labels: Collection[int]) -> None:
    if {0, 1} <= {*labels}:
        return
    held = {0: "off", 1: "on", VOID: "void"}
    listed = " or ".join(held[label] for label in sorted(labels)) or "empty"
    raise DatasetError(
        f"The masks of the training split are {listed} in every class and pixel; a training needs pixels of "
        "a class and others without. Masks of 0 and 255 have their class read as void: name its label, "
        f'labels={{"{VOID}": 1}}.'
    )
