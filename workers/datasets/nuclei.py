"""Nuclei with one label image of instances each, split by files of names."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surrogate_zoo.errors import DatasetError
from workers.datasets.dataset import Pixels
from workers.datasets.decoding import open_image
from workers.datasets.file_dataset import FileDataset, pair
from workers.datasets.files import existing, folder_below, list_files
from workers.datasets.instances import CLASSES, border_classes
from workers.datasets.splits import listed_splits
from workers.tasks.datasets import NucleiSource

INSTANCE_MODES = frozenset({"L", "P", "I", "I;16"})


def open_nuclei(source: NucleiSource) -> FileDataset:
    """Open images/, instances/ and the splits that ``<split>.txt`` lists.

    Raises:
        DatasetError: A folder or ``train.txt`` is missing.
    """
    root = existing(source.root)
    images, masks = (list_files(folder_below(root, name)) for name in ("images", "instances"))

    def read(files: Sequence[Path]) -> Pixels:
        return border_classes(read_instances(files[0]), source.border_width)

    pairs = {
        split: {name: pair(name, images, masks, read) for name in names}
        for split, names in listed_splits(root).items()
    }
    return FileDataset(CLASSES, source.size, pairs)


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
