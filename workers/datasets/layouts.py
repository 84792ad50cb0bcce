"""The registry of dataset layouts: one literal collection, one entry a layout."""

from collections.abc import Callable, Mapping
from typing import Any

from surrogate_zoo.errors import UnknownNameError
from workers.datasets.ade20k import open_ade20k
from workers.datasets.cityscapes import open_cityscapes
from workers.datasets.coco import open_coco
from workers.datasets.coco_panoptic import open_coco_panoptic
from workers.datasets.cvppp import open_cvppp
from workers.datasets.dataset import Dataset
from workers.datasets.dsb2018 import open_dsb2018
from workers.datasets.folder import open_folder
from workers.datasets.nuclei import open_nuclei
from workers.datasets.nyu import open_nyu
from workers.datasets.nyu_mat import open_nyu_mat
from workers.datasets.segnet import open_segnet
from workers.datasets.shapes import ShapesDataset
from workers.datasets.voc import open_voc
from workers.datasets.voc_sbd import open_voc_sbd
from workers.tasks.datasets import DatasetSource

Opener = Callable[[Any], Dataset]
"""Opens a dataset; takes the source of its layout."""

LAYOUTS: Mapping[str, Opener] = {
    "shapes": ShapesDataset,
    "segnet": open_segnet,
    "folder": open_folder,
    "voc": open_voc,
    "voc-sbd": open_voc_sbd,
    "cityscapes": open_cityscapes,
    "ade20k": open_ade20k,
    "nyu": open_nyu,
    "nyu-mat": open_nyu_mat,
    "nuclei": open_nuclei,
    "dsb2018": open_dsb2018,
    "cvppp": open_cvppp,
    "coco-panoptic": open_coco_panoptic,
    "coco": open_coco,
}
"""Layout's name -> what opens its datasets; what it looks like is told by its source."""


def open_dataset(source: DatasetSource) -> Dataset:
    """Open a dataset; lists names, opens no image and no mask.

    Raises:
        UnknownNameError: No layout of that name.
        DatasetError: Folders, split files or pairs are missing or wrong.
    """
    if source.layout not in LAYOUTS:
        raise UnknownNameError("dataset layout", source.layout, LAYOUTS)
    return LAYOUTS[source.layout](source)
