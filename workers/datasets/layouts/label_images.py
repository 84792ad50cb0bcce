"""Mask files of one image each: labels, shades, colours or channels, as the dataset's owner declares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from surrogate_zoo.errors import DatasetError
from surrogate_zoo.modes import MULTILABEL
from workers.datasets.dataset import VOID, Pixels
from workers.datasets.decoding import Table, class_table, look_up
from workers.datasets.image_files import ARRAY, open_image, read_array, read_image
from workers.tasks.file_sources import LabelledSource

INDEX_MODES = frozenset({"1", "L", "P", "I;16", "I;16B", "I;16L", "I"})
GREY_MODES = frozenset({"1", "L", "LA"})
COLOUR_MODES = frozenset({"RGB", "RGBA", "P", *GREY_MODES})

Colour = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class LabelImages:
    """How a dataset's mask files are decoded: one image file each.

    Attributes:
        table: See :func:`workers.datasets.decoding.label_table`.
        colours: Stored label of each colour (r, g, b); where there are any, every mask is read by its
            colours, palettes and shades of grey too.
        palette: uint8 (256, 3), the colours that a palette mask must have for the labels that
            occur in it; None takes any, but the same in all files, since the indices are the labels.
        channels: Number of channels of masks that have one for each class; 0 where masks are labels.
        seen: Colour of each index in the palette masks that were read, and the file.
    """

    table: Table
    colours: Mapping[Colour, int] = field(default_factory=dict)
    palette: Pixels | None = None
    channels: int = 0
    seen: dict[int, tuple[Colour, Path]] = field(default_factory=dict)

    @classmethod
    def of(cls, source: LabelledSource) -> "LabelImages":
        """Masks whose labels the dataset's owner has declared."""
        colours: dict[Colour, int] = {
            ImageColor.getrgb(colour): label for colour, label in source.colours.items()
        }
        known = 2 if source.mode == MULTILABEL else len(source.classes)  # of one class, off and on
        table = class_table(known, source.void_labels, source.labels)
        return cls(table, colours, channels=len(source.classes) if source.one_hot else 0)

    def __call__(self, files: Sequence[Path]) -> Pixels:
        """Decode the mask in the one file, uint8 (H, W), void = 255.

        Raises:
            DatasetError: The file is no image, of another mode, wrongly coloured, or has labels
                that the table does not know.
        """
        [path] = files
        if self.channels:
            return _one_hot(path, self.channels)
        if path.suffix.lower() == ARRAY:
            return look_up(_numbers(path), self.table, path)
        mask = open_image(path)
        if self.colours and mask.mode in COLOUR_MODES:
            return look_up(self._labels(mask, path), self.table, path)
        if mask.mode in INDEX_MODES:
            stored = np.asarray(mask)
            labels = look_up(
                stored.astype(np.uint8) if mask.mode == "1" else stored, self.table, path
            )
            if mask.mode == "P":
                self._check_palette(mask, stored, path)
            return labels
        raise DatasetError(
            f"{path} has mode {mask.mode}; a mask must have one label a pixel (grey or palette). Save it "
            "so, or, where the layout has colours and one_hot, say which label each colour has, or "
            "that each class has a channel."
        )

    def _labels(self, mask: Image.Image, path: Path) -> NDArray[np.integer]:
        """Stored labels of a mask by its colours."""
        packed = _pack(np.asarray(mask.convert("RGB")))
        colours = _pack(np.array(list(self.colours), dtype=np.uint8))
        order = np.argsort(colours)
        rows = np.searchsorted(colours, packed, sorter=order).clip(max=len(order) - 1)
        nearest = order[rows]
        unknown = colours[nearest] != packed
        if unknown.any():
            wrong = ", ".join(f"#{colour:06x}" for colour in np.unique(packed[unknown])[:8])
            raise DatasetError(
                f"{path} has colours that stand for no label: {wrong}. Give each its label in colours, "
                f"{VOID} for void; where they are mixtures, save masks without smoothing or JPEG."
            )
        stored: NDArray[np.int64] = np.array(list(self.colours.values()))[nearest]
        return stored

    def _check_palette(self, mask: Image.Image, stored: Pixels, path: Path) -> None:
        colours = np.array(mask.getpalette("RGB"), dtype=np.uint8).reshape(-1, 3)
        for label in np.unique(stored).tolist():
            colour = tuple(colours[label].tolist()) if label < len(colours) else None
            if self.palette is None:
                self._check_alike(label, colour, path)
            elif colour != tuple(self.palette[label].tolist()):
                raise DatasetError(
                    f"{path} has another palette than the dataset's masks: label {label} is "
                    f"{colour}, not {tuple(self.palette[label].tolist())}. Its indices may be "
                    "no labels; take the original file."
                )

    def _check_alike(self, label: int, colour: Colour | None, path: Path) -> None:
        """Refuse a palette that shows an index in another colour than another file does."""
        if colour is None:
            return
        first, where = self.seen.setdefault(label, (colour, path))
        if first != colour:
            raise DatasetError(
                f"{path} shows the index {label} in #{bytes(colour).hex()}, and {where} in "
                f"#{bytes(first).hex()}: where palettes differ, indices may be no labels. Give each colour "
                'its label, colours={"#rrggbb": label}, or save the masks as grey.'
            )


def _numbers(path: Path) -> NDArray[np.integer]:
    """Labels (H, W) of an array's file."""
    stored = read_array(path)
    if stored.ndim != 2 or not np.issubdtype(stored.dtype, np.integer):
        raise DatasetError(
            f"{path} is {stored.dtype} of shape {stored.shape}; a mask must have one whole number a "
            "pixel, (H, W)."
        )
    return stored


def _one_hot(path: Path, channels: int) -> Pixels:
    """Labels (H, W) of a mask with a channel for each class; void where all are 0."""
    on = read_image(path, channels).pixels > 0
    several = int((on.sum(axis=2) > 1).sum())
    if several:
        raise DatasetError(
            f"{path} has {several} pixels where several channels are above 0; with one_hot each pixel "
            "belongs to one class at most."
        )
    return np.where(on.any(axis=2), on.argmax(axis=2), VOID).astype(np.uint8)


def _pack(colours: Pixels) -> NDArray[np.int64]:
    """(..., 3) colours as one number each, 0xRRGGBB."""
    packed: NDArray[np.int64] = colours.astype(np.int64) @ np.array([65536, 256, 1])
    return packed
