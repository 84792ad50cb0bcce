"""The registry of dataset layouts: one literal collection, one entry a layout."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from surrogate_zoo.errors import UnknownNameError
from workers.dataset_sources import DatasetSource
from workers.datasets.dataset import Dataset
from workers.datasets.folder import open_folder
from workers.datasets.segnet import open_segnet
from workers.datasets.shapes import ShapesDataset


@dataclass(frozen=True)
class Layout:
    """How datasets of one layout are opened; ``open`` takes the source spec of that layout."""

    title: str
    open: Callable[[Any], Dataset]


LAYOUTS: Mapping[str, Layout] = {
    "shapes": Layout("Generated textured shapes, two classes of them rare and thin", ShapesDataset),
    "segnet": Layout("SegNet layout as CamVid: <split>.txt, <split>/, <split>annot/", open_segnet),
    "folder": Layout("Folder of images and masks, split by name files or by ratio", open_folder),
}


def open_dataset(source: DatasetSource) -> Dataset:
    """Open a dataset; lists names, opens no image and no mask.

    Raises:
        UnknownNameError: No layout of that name.
        DatasetError: Folders, split files or pairs are missing or wrong.
    """
    if source.layout not in LAYOUTS:
        raise UnknownNameError("dataset layout", source.layout, LAYOUTS)
    return LAYOUTS[source.layout].open(source)
