"""The registry of dataset layouts: one literal collection, one entry a layout."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from surrogate_zoo.errors import UnknownNameError
from workers.datasets.ade20k import open_ade20k
from workers.datasets.cityscapes import open_cityscapes
from workers.datasets.coco import open_coco
from workers.datasets.coco_panoptic import open_coco_panoptic
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


@dataclass(frozen=True)
class Layout:
    """How datasets of one layout are opened; ``open`` takes the source spec of that layout."""

    title: str
    open: Callable[[Any], Dataset]


LAYOUTS: Mapping[str, Layout] = {
    "shapes": Layout("Generated textured shapes, two classes of them rare and thin", ShapesDataset),
    "segnet": Layout("SegNet layout as CamVid: <split>.txt, <split>/, <split>annot/", open_segnet),
    "folder": Layout("Folder of images and masks, split by name files or by ratio", open_folder),
    "voc": Layout("PASCAL VOC 2012, also with SegmentationClassAug", open_voc),
    "voc-sbd": Layout("PASCAL VOC 2012 extended by SBD's benchmark_RELEASE", open_voc_sbd),
    "cityscapes": Layout("Cityscapes, leftImg8bit and gtFine: 19 classes", open_cityscapes),
    "ade20k": Layout("ADE20K as ADEChallengeData2016: 150 classes", open_ade20k),
    "nyu": Layout("NYU-Depth-v2 in image files: RGB/, Label/, 40 classes", open_nyu),
    "nyu-mat": Layout("NYU-Depth-v2 in MATLAB files: 40 classes", open_nyu_mat),
    "nuclei": Layout("Nuclei as label images: background, nucleus, border", open_nuclei),
    "dsb2018": Layout("Data Science Bowl 2018: a PNG file a nucleus", open_dsb2018),
    "coco-panoptic": Layout("COCO 2017 panoptic: things and stuff", open_coco_panoptic),
    "coco": Layout("COCO 2017 instances: background and things", open_coco),
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
