"""Decoding of labels that are stored as they are, with errors that name the file."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surrogate_zoo.errors import DatasetError
from workers.datasets.dataset import VOID, Pixels
from workers.datasets.image_files import open_image

INSTANCE_MODES = frozenset({"1", "L", "P", "I", "I;16", "I;16B"})
NO_LABEL = -1

Table = NDArray[np.int16]


def read_instances(path: Path) -> NDArray[np.int64]:
    """Decode a label image of instances, (H, W), 0 = background.

    Raises:
        DatasetError: It cannot be read, or has not one number a pixel.
    """
    image = open_image(path)
    if image.mode not in INSTANCE_MODES:
        raise DatasetError(
            f"{path} has mode {image.mode}; a label image of instances must have one number a "
            "pixel (8- or 16-bit grey)."
        )
    return np.asarray(image).astype(np.int64)


def label_table(labels: Mapping[int, int]) -> Table:
    """(256,) or more: stored label -> label, from the stored labels that are allowed."""
    table = np.full(max(256, 1 + max(labels)), NO_LABEL, dtype=np.int16)
    table[list(labels)] = list(labels.values())
    return table


def class_table(
    classes: int, void_labels: Sequence[int] = (VOID,), labels: Mapping[int, int] | None = None
) -> Table:
    """The table of labels that are stored as they are, 0..classes-1.

    Void wins over a class, and what ``labels`` says of a stored value over both.
    """
    plain = {label: label for label in range(classes)} | dict.fromkeys(void_labels, VOID)
    return label_table(plain | dict(labels or {}))


def labels_from_one(classes: int) -> Table:
    """The table of labels that are stored from 1, with 0 for void."""
    return label_table({0: VOID} | {label + 1: label for label in range(classes)})


def look_up(stored: NDArray[np.integer], table: Table, where: Path | str) -> Pixels:
    """Map stored labels (H, W) through ``table``; ``where`` names them in messages.

    Raises:
        DatasetError: Some label is not in the table.
    """
    if stored.dtype == np.uint8 and len(table) == 256:
        labels = table[stored]  # no label can lie outside the table: the fast way
    else:
        inside = (stored >= 0) & (stored < len(table))
        labels = np.where(inside, table[np.where(inside, stored, 0)], NO_LABEL)
    if labels.min(initial=0) < 0:
        wrong = ", ".join(str(label) for label in np.unique(stored[labels < 0])[:8])
        raise DatasetError(
            f"{where} holds labels out of range: {wrong}. Labels of this dataset are "
            f"{ranges(np.flatnonzero(table != NO_LABEL))}.{_advice(where)}"
        )
    return np.asarray(labels, dtype=np.uint8)


def _advice(where: Path | str) -> str:
    """What labels out of range are likely to come from."""
    if str(where).lower().endswith((".jpg", ".jpeg")):
        return " A JPEG changes labels; save masks as PNG."
    return ""


def ranges(labels: NDArray[np.integer]) -> str:
    """Sorted numbers as in ``0..10, 255``."""
    starts = [0, *(np.flatnonzero(np.diff(labels) > 1) + 1), len(labels)]
    runs = [(labels[start], labels[end - 1]) for start, end in pairwise(starts)]
    return ", ".join(str(low) if low == high else f"{low}..{high}" for low, high in runs)
