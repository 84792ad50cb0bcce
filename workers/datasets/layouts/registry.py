"""The registry of dataset layouts: one literal collection, one entry a layout."""

from collections.abc import Callable, Mapping
from typing import Any

from surrogate_zoo.errors import DatasetError, UnknownNameError
from surrogate_zoo.modes import BINARY
from workers.datasets.dataset import Dataset, refusal
from workers.datasets.files import DatasetFolder
from workers.datasets.layouts.ade20k import open_ade20k
from workers.datasets.layouts.cityscapes import open_cityscapes
from workers.datasets.layouts.coco import open_coco
from workers.datasets.layouts.coco_panoptic import open_coco_panoptic
from workers.datasets.layouts.cvppp import open_cvppp
from workers.datasets.layouts.dsb2018 import open_dsb2018
from workers.datasets.layouts.folder import open_folder
from workers.datasets.layouts.nuclei import open_nuclei
from workers.datasets.layouts.nyu import open_nyu
from workers.datasets.layouts.nyu_mat import open_nyu_mat
from workers.datasets.layouts.segnet import open_segnet
from workers.datasets.layouts.shapes import ShapesDataset
from workers.datasets.layouts.voc import open_voc
from workers.datasets.layouts.voc_sbd import open_voc_sbd
from workers.tasks.datasets import DatasetSource, GeneratedSource
from workers.tasks.file_sources import Registered

Opener = Callable[[Any, Any], Dataset]
"""Opens a dataset; takes the source of its layout, and its folder, where it notes what is wrong (a
``DatasetFolder``; None where nothing lies in files)."""

LAYOUTS: Mapping[str, Opener] = {
    "shapes": lambda source, _folder: ShapesDataset(source),
    "dry-run": lambda source, _folder: ShapesDataset(source),
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
        DatasetError: Folders, split files or pairs are missing or wrong; has all that is.
    """
    dataset, faults = opened(source)
    if dataset is None or faults:
        raise refusal(faults)
    return dataset


def opened(source: DatasetSource) -> tuple[Dataset | None, tuple[str, ...]]:
    """Open a dataset as far as it goes, and tell what is wrong with it.

    Returns:
        The dataset, None where nothing can be read of it, and the faults that were seen.

    Raises:
        UnknownNameError: No layout of that name.
    """
    if source.layout not in LAYOUTS:
        raise UnknownNameError("dataset layout", source.layout, LAYOUTS)
    faults: list[str] = []
    if isinstance(source, GeneratedSource):
        return LAYOUTS[source.layout](source, None), ()
    known = source.registered or Registered()
    try:
        root = DatasetFolder(source.root, known.links)
        faults = root.faults
        dataset = LAYOUTS[source.layout](source, root)
    except DatasetError as error:
        return None, tuple(dict.fromkeys([*faults, *error.faults]))
    dataset.registered = known.splits
    if source.mode == BINARY and len(dataset.classes) != 2:
        faults.append(
            f"mode=binary has two classes, and the layout {source.layout} has {len(dataset.classes)}: leave "
            "mode out."
        )
    return dataset, tuple(dict.fromkeys(faults))
