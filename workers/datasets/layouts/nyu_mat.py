"""NYU-Depth-v2 as its authors distribute it: one HDF5 file, its splits, and the 40 classes."""

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogate_zoo.errors import DatasetError
from workers.datasets.dataset import VOID, Dataset, Pixels, Sample, compare_counts
from workers.datasets.decoding import Table, look_up
from workers.datasets.extras import optional
from workers.datasets.file_dataset import resize
from workers.datasets.files import DatasetFolder
from workers.datasets.image_files import MOST_PIXELS
from workers.datasets.layouts.class_names import NYU
from workers.datasets.layouts.matlab import read_matlab
from workers.datasets.layouts.nyu import NO_VAL, PUBLISHED
from workers.tasks.datasets import NyuMatSource

MOST_BYTES = 3 * MOST_PIXELS
"""Of an image as it is stored; a chunk, which is read as a whole, may hold several smaller ones."""


def open_nyu_mat(source: NyuMatSource, root: DatasetFolder) -> "NyuMatDataset":
    """Open the splits ``train`` and ``test`` of ``splits.mat``.

    Raises:
        DatasetError: A file is missing or of another form, or there is no h5py.
    """
    if source.bands is not None:
        raise DatasetError("The layout nyu-mat reads RGB alone: leave bands out.")
    path = root.file("nyu_depth_v2_labeled.mat")
    table = _class_table(root.file("classMapping40.mat"))
    return NyuMatDataset(path, _splits(root.file("splits.mat")), table, source.size)


def _class_table(path: Path) -> Table:
    """(895,) label of each of the 894 stored labels, 0 = void (Gupta et al., CVPR 2013)."""
    classes = np.asarray(read_matlab(path, "mapClass")["mapClass"]).ravel().astype(np.int64)
    if classes.min(initial=len(NYU)) < 1 or classes.max(initial=0) > len(NYU):
        raise DatasetError(f"{path}: mapClass must hold classes from 1 to {len(NYU)}.")
    return np.concatenate([[VOID], classes - 1]).astype(np.int16)


def _splits(path: Path) -> dict[str, tuple[str, ...]]:
    """Names by split: the numbers that MATLAB counts images with, from 0001."""
    numbers = read_matlab(path, "trainNdxs", "testNdxs")
    splits = {split: np.unique(numbers[f"{split}Ndxs"]) for split in PUBLISHED}
    if np.intersect1d(splits["train"], splits["test"]).size:
        raise DatasetError(f"{path} has an image in both splits; an image may be in one only.")
    return {
        split: tuple(f"{int(number):04d}" for number in indices)
        for split, indices in splits.items()
    }


class NyuMatDataset(Dataset):
    """Images and labels in HDF5; a sample is read alone, the file is open only meanwhile.

    Args:
        path: ``nyu_depth_v2_labeled.mat``.
        splits: Split -> names, each the image's number from 0001.
        table: Stored label -> label.
        size: (height, width) to resize to, or None.
    """

    def __init__(
        self,
        path: Path,
        splits: dict[str, tuple[str, ...]],
        table: Table,
        size: tuple[int, int] | None,
    ) -> None:
        self.classes, self.splits = NYU, splits
        self._path, self._table, self._size = path, table, size
        self.remarks = (NO_VAL, *compare_counts(splits, PUBLISHED))

    def sample(self, split: str, index: int) -> Sample:
        """Read one image and its labels, and turn them upright."""
        name, image, stored = self._stored(split, index)
        labels = look_up(stored.T, self._table, f"{self._path}, image {name},")
        return resize(np.ascontiguousarray(image.T), labels, self._size)

    def files(self, split: str, index: int) -> tuple[Path, ...]:  # noqa: ARG002
        """The one file that holds all."""
        return (self._path,)

    def beside(self, split: str, index: int) -> bytes:  # noqa: ARG002
        """What the labels mean."""
        return self._table.tobytes()

    def digest(self, split: str, index: int) -> bytes:
        """SHA-256 of the stored pixels and labels, and of what the labels mean."""
        _, image, stored = self._stored(split, index)
        parts = (image.tobytes(), stored.tobytes(), self._table.tobytes())
        return hashlib.sha256(b"".join(parts)).digest()

    def _stored(self, split: str, index: int) -> tuple[str, Pixels, NDArray[np.integer]]:
        """Name, image (3, W, H) and labels (W, H), as MATLAB stores them."""
        name = self.names(split)[index]
        h5py = optional("h5py", "nyu")
        try:
            with h5py.File(self._path, "r") as file:
                images, labels = (_array(h5py, file, key) for key in ("images", "labels"))
                _check_size(images)
                _check_size(labels)
                image, stored = images[int(name) - 1], labels[int(name) - 1]
        except (OSError, RuntimeError, ValueError, LookupError) as error:
            raise DatasetError(f"{self._path}, image {name}, cannot be read: {error}.") from error
        if image.ndim != 3 or image.shape != (3, *stored.shape) or image.dtype != np.uint8:
            raise DatasetError(
                f"{self._path}, image {name}, is {image.dtype} {image.shape} and its labels are "
                f"{stored.shape}; they must be uint8 (3, W, H) and (W, H)."
            )
        return name, image, stored


def _array(h5py: Any, file: Any, name: str) -> Any:
    """An array whose bytes lie in the file itself; HDF5 can also point into others.

    Raises:
        ValueError: There is none of that name, or its bytes lie elsewhere.
    """
    link = file.get(name, getlink=True)
    array = file[name] if isinstance(link, h5py.HardLink) else None
    if not isinstance(array, h5py.Dataset) or array.external or array.is_virtual:
        raise ValueError(f"it holds no array {name!r} of its own")
    return array


def _check_size(array: Any) -> None:
    """Look at what an array says of itself, before any of it is decoded: one slice, and one chunk.

    Raises:
        ValueError: An image of it would be larger than one may be.
    """
    for shape in (array.shape[1:], array.chunks or ()):
        if math.prod(shape) * array.dtype.itemsize > MOST_BYTES:
            raise ValueError(
                f"{array.name} says that a part of it is {shape}, more than an image may be"
            )
