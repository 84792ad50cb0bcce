"""Masks of several classes a pixel: a file for each class, a channel for each, or labels that are regions."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogate_zoo.errors import DatasetError
from surrogate_zoo.modes import MULTILABEL
from workers.datasets.dataset import VOID, Pixels
from workers.datasets.decoding import Table, class_table, label_table, look_up
from workers.datasets.file_dataset import Mask, Reader
from workers.datasets.files import Listing, Missing, composed
from workers.datasets.image_files import ARRAY, read_array, read_image
from workers.datasets.layouts.label_images import LabelImages
from workers.tasks.datasets import FolderSource
from workers.tasks.labels import CLASS, IMAGE


@dataclass(frozen=True, eq=False)
class ClassFiles:
    """Reads a mask of each class of an image.

    Attributes:
        read: Decodes one of them to 0, off, 1, on, and void.
        own: The class of each file.
        classes: C; those that have no file are off everywhere.
        image: The image, which tells the size where there is no file at all.
        bands: How many bands it has.
    """

    read: LabelImages
    own: tuple[int, ...]
    classes: int
    image: Path
    bands: int | None

    def __call__(self, files: Sequence[Path]) -> Pixels:
        """Decode the masks, uint8 (H, W, C).

        Raises:
            DatasetError: One cannot be decoded, or they differ in size.
        """
        masks = [self.read((file,)) for file in files]
        size = masks[0].shape if masks else read_image(self.image, self.bands).pixels.shape[:2]
        whole = np.zeros((*size, self.classes), dtype=np.uint8)
        for label, mask, file in zip(self.own, masks, files, strict=True):
            if mask.shape != size:
                raise DatasetError(
                    f"{file} is {mask.shape[1]}x{mask.shape[0]} pixels and {files[0]}, a mask of the same "
                    f"image, {size[1]}x{size[0]}; they must agree."
                )
            whole[..., label] = mask
        return whole


@dataclass(frozen=True, eq=False)
class Channels:
    """Reads a mask file with a channel for each class.

    Attributes:
        table: Stored value -> 0, off, 1, on, or void.
        classes: C.
    """

    table: Table
    classes: int

    def __call__(self, files: Sequence[Path]) -> Pixels:
        """Decode the mask in the one file, uint8 (H, W, C).

        Raises:
            DatasetError: It cannot be read, has other channels, or holds values that mean nothing.
        """
        [path] = files
        if path.suffix.lower() == ARRAY:
            stored = read_array(path)
            if stored.ndim != 3 or stored.shape[2] != self.classes:
                raise DatasetError(
                    f"{path} has the shape {stored.shape}; a mask of {self.classes} classes must be (height, "
                    f"width, {self.classes})."
                )
        else:
            stored = read_image(path, self.classes).pixels
        return look_up(_whole(stored, path), self.table, path)


@dataclass(frozen=True, eq=False)
class Regions:
    """Reads a mask file with one label a pixel, of which classes that overlap are made.

    Attributes:
        values: Stored values of each class.
        table: Stored value -> 0, none or some of the classes, or void.
    """

    values: tuple[tuple[int, ...], ...]
    table: Table

    @classmethod
    def of(cls, source: FolderSource) -> "Regions":
        """Regions that the dataset's owner has declared."""
        values = tuple(source.regions[name] for name in source.classes)
        known = {0, *(value for own in values for value in own)}
        plain = dict.fromkeys(known, 0) | dict.fromkeys(set(source.void_labels) - known, VOID)
        return cls(values, label_table(plain | dict(source.labels)))

    def __call__(self, files: Sequence[Path]) -> Pixels:
        """Decode the mask in the one file, uint8 (H, W, C).

        Raises:
            DatasetError: It cannot be read, or holds values that are of no class, nor 0 or void.
        """
        [path] = files
        stored = _labels(path)
        void = look_up(stored, self.table, path) == VOID
        channels = np.stack([np.isin(stored, own) for own in self.values], axis=2).astype(np.uint8)
        channels[void] = VOID
        return channels


def _labels(path: Path) -> NDArray[np.integer]:
    """The stored labels of a file, (H, W)."""
    stored = read_array(path) if path.suffix.lower() == ARRAY else read_image(path, 1).pixels
    if stored.ndim == 3 and stored.shape[2] == 1:
        stored = stored[..., 0]
    if stored.ndim != 2:
        raise DatasetError(
            f"{path} has the shape {stored.shape}; a mask must have one label a pixel."
        )
    return _whole(stored, path)


def _whole(stored: NDArray[Any], path: Path) -> NDArray[np.integer]:
    """Stored values as whole numbers; bools as 0 and 1."""
    if stored.dtype.kind in "iu":
        return stored
    numbers = stored.astype(np.int64) if stored.dtype.kind in "bf" else None
    if numbers is None or not np.array_equal(numbers, stored):
        raise DatasetError(f"{path} holds {stored.dtype}; labels must be whole numbers.")
    return numbers


def mask_names(source: FolderSource, image: str) -> list[str]:
    """The names of an image's masks: one, or one for each class."""
    plain = composed(source.mask_name.replace(IMAGE, image))
    return [plain.replace(CLASS, name) for name in (source.classes if CLASS in plain else ("",))]


class MaskFiles:
    """Which files the mask of an image is read from, and how, as a folder's owner says.

    Args:
        source: What the owner says.
        images: The images.
        masks: The files of masks.
    """

    def __init__(self, source: FolderSource, images: Listing, masks: Listing) -> None:
        self._source, self._images, self._masks = source, images, masks
        self._labels = LabelImages.of(source)
        self._read = _reader(source, self._labels)
        self._by_class = CLASS in source.mask_name
        self._absent: dict[str, list[str]] = {}

    def of(self, image: str, listed: str | None = None) -> Mask | Missing:
        """The mask of an image.

        Args:
            image: The image's name.
            listed: The mask's name in a list; None, or the image's own, follows the pattern.
        """
        if self._by_class:
            return self._of_classes(image)
        [named] = mask_names(self._source, image)
        found = self._masks.find(named if listed in {None, image} else str(listed))
        return found if isinstance(found, Missing) else Mask((found,), self._read)

    def remarks(self) -> Iterator[str]:
        """Classes whose masks are missing for some images, in plain sentences."""
        for name, some in self._absent.items():
            yield (
                f"{len(some)} images have no mask of {name}, which is read as no pixel of it, such as "
                f"{some[0]}."
            )

    def _of_classes(self, image: str) -> Mask | Missing:
        files: dict[int, Path] = {}
        for label, name in enumerate(mask_names(self._source, image)):
            found = self._masks.find(name)
            if not isinstance(found, Missing):
                files[label] = found
            elif self._source.missing_masks == "refuse":
                return found
            else:
                self._absent.setdefault(self._source.classes[label], []).append(image)
        where = self._images.find(image)
        if isinstance(where, Missing):
            return Mask(
                (), self._read, named=f"the masks of {image}"
            )  # the image is told to be missing
        classes = len(self._source.classes)
        read = ClassFiles(self._labels, tuple(files), classes, where, self._source.bands)
        beside = json.dumps(list(files)).encode() if len(files) < classes else b""
        named = "" if files else f"the masks of {image}"
        return Mask(tuple(files.values()), read, beside, named)


def _reader(source: FolderSource, labels: LabelImages) -> Reader:
    """What decodes a mask's one file."""
    if source.mode != MULTILABEL:
        return labels
    if source.regions:
        return Regions.of(source)
    return Channels(class_table(2, source.void_labels, source.labels), len(source.classes))
