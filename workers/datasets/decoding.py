"""Decoding of image and mask files, with errors that name the file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, UnidentifiedImageError

from surrogate_zoo.errors import DatasetError
from workers.datasets.dataset import VOID, Pixels
from workers.tasks.datasets import LabelledSource

COLOUR_MODES = frozenset({"RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "YCbCr"})  # 8 bits a channel
INSTANCE_MODES = frozenset({"L", "P", "I", "I;16"})
UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,  # what Pillow raises for a broken PNG chunk
    UnidentifiedImageError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
NO_LABEL = -1

Table = NDArray[np.int16]


def open_image(path: Path) -> Image.Image:
    """Decode an image file as it is stored.

    Raises:
        DatasetError: It cannot be read.
    """
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except UNREADABLE as error:
        raise DatasetError(f"{path} cannot be read as an image: {error}.") from error


def read_image(path: Path) -> Image.Image:
    """Decode an image to 8-bit RGB.

    Raises:
        DatasetError: It cannot be read, or has more than 8 bits a channel.
    """
    image = open_image(path)
    if image.mode not in COLOUR_MODES:
        raise DatasetError(
            f"{path} has mode {image.mode}; images must have 8 bits a channel. Convert it first."
        )
    return image.convert("RGB")


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
    """(256,) stored label -> label, from the stored labels that are allowed."""
    table = np.full(256, NO_LABEL, dtype=np.int16)
    table[list(labels)] = list(labels.values())
    return table


def class_table(classes: int, void_labels: Sequence[int] = (VOID,)) -> Table:
    """The table of labels that are stored as they are, 0..classes-1; void wins over a class."""
    return label_table(
        {label: label for label in range(classes)} | dict.fromkeys(void_labels, VOID)
    )


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
            f"{_ranges(np.flatnonzero(table != NO_LABEL))}."
        )
    return np.asarray(labels, dtype=np.uint8)


def _ranges(labels: NDArray[np.integer]) -> str:
    """Sorted numbers as in ``0..10, 255``."""
    starts = [0, *(np.flatnonzero(np.diff(labels) > 1) + 1), len(labels)]
    runs = [(labels[start], labels[end - 1]) for start, end in pairwise(starts)]
    return ", ".join(str(low) if low == high else f"{low}..{high}" for low, high in runs)


@dataclass(frozen=True, eq=False)
class LabelImages:
    """How a dataset's mask files are decoded: one image file each.

    Attributes:
        table: See :func:`label_table`.
        colours: Stored label of each colour (r, g, b); what masks in RGB are read with.
        palette: uint8 (256, 3), the colours that a palette mask must have for the labels that
            occur in it; None takes any, since the indices are the labels.
    """

    table: Table
    colours: Mapping[tuple[int, ...], int] = field(default_factory=dict)
    palette: Pixels | None = None

    @classmethod
    def of(cls, source: LabelledSource) -> "LabelImages":
        """Masks whose labels the dataset's owner has declared."""
        colours: dict[tuple[int, ...], int] = {
            ImageColor.getrgb(colour): label for colour, label in source.colours.items()
        }
        return cls(class_table(len(source.classes), source.void_labels), colours)

    def __call__(self, files: Sequence[Path]) -> Pixels:
        """Decode the mask in the one file, uint8 (H, W), void = 255.

        Raises:
            DatasetError: The file is no image, of another mode, wrongly coloured, or has labels
                that the table does not know.
        """
        [path] = files
        mask = open_image(path)
        if mask.mode in {"L", "P"}:
            stored = np.asarray(mask)
            labels = look_up(stored, self.table, path)
            if mask.mode == "P":
                self._check_palette(mask, stored, path)
            return labels
        if mask.mode in {"RGB", "RGBA"} and self.colours:
            return look_up(self._labels(mask, path), self.table, path)
        raise DatasetError(
            f"{path} has mode {mask.mode}; a mask must have one 8-bit label a pixel (grey or "
            "palette). Save it so, or, where the layout has colours, say which label each has."
        )

    def _labels(self, mask: Image.Image, path: Path) -> NDArray[np.integer]:
        """Stored labels of a mask in RGB."""
        packed = _pack(np.asarray(mask.convert("RGB")))
        colours = _pack(np.array(list(self.colours), dtype=np.uint8))
        order = np.argsort(colours)
        rows = np.searchsorted(colours, packed, sorter=order).clip(max=len(order) - 1)
        nearest = order[rows]
        unknown = colours[nearest] != packed
        if unknown.any():
            wrong = ", ".join(f"#{colour:06x}" for colour in np.unique(packed[unknown])[:8])
            raise DatasetError(f"{path} has colours that stand for no label: {wrong}.")
        stored: NDArray[np.int64] = np.array(list(self.colours.values()))[nearest]
        return stored

    def _check_palette(self, mask: Image.Image, stored: Pixels, path: Path) -> None:
        if self.palette is None:
            return
        colours = np.array(mask.getpalette("RGB"), dtype=np.uint8).reshape(-1, 3)
        for label in np.unique(stored):
            colour = tuple(colours[label].tolist()) if label < len(colours) else None
            if colour != tuple(self.palette[label].tolist()):
                raise DatasetError(
                    f"{path} has another palette than the dataset's masks: label {label} is "
                    f"{colour}, not {tuple(self.palette[label].tolist())}. Its indices may be "
                    "no labels; take the original file."
                )


def _pack(colours: Pixels) -> NDArray[np.int64]:
    """(..., 3) colours as one number each, 0xRRGGBB."""
    packed: NDArray[np.int64] = colours.astype(np.int64) @ np.array([65536, 256, 1])
    return packed
