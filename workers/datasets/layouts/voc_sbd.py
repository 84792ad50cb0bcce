"""PASCAL VOC 2012 extended by the Semantic Boundaries Dataset, in its authors' files.

Training names are those of VOC's train and of SBD's train and val, less VOC's val: 10,582 images,
known as trainaug. Masks of VOC's own training images are VOC's, which are finer and have void
outlines; the others are SBD's, which have none.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from surrogate_zoo.errors import DatasetError
from workers.datasets.dataset import Pixels, compare_counts
from workers.datasets.decoding import class_table, look_up
from workers.datasets.file_dataset import FileDataset, pair
from workers.datasets.files import DatasetFolder
from workers.datasets.layouts.class_names import VOC
from workers.datasets.layouts.matlab import read_matlab
from workers.datasets.layouts.name_lists import read_names
from workers.datasets.layouts.voc import NO_TEST_LABELS, PUBLISHED, TRAINAUG, voc_pairs
from workers.tasks.datasets import VocSbdSource


def open_voc_sbd(source: VocSbdSource, root: DatasetFolder) -> FileDataset:
    """Open VOC 2012 with SBD's extension as its training split.

    Raises:
        DatasetError: The folder of VOC or of SBD is missing.
    """
    voc, sbd = root.below(source.voc), root.below(source.sbd).below("dataset")
    train, val = voc_pairs(voc, "train"), voc_pairs(voc, "val")
    images, masks = voc.files("JPEGImages"), sbd.files("cls", ".mat")
    listed = (read_names(sbd, f"{split}.txt", images, masks) for split in ("train", "val"))
    extension = {name for names in listed for name in names} - {*val, *train}
    added = {name: pair(name, images, masks, read_sbd_mask) for name in extension}
    pairs = {"train": dict(sorted((train | added).items())), "val": val}
    remarks = ["The split 'train' is trainaug: VOC's train and SBD.", NO_TEST_LABELS]
    remarks += compare_counts(pairs, PUBLISHED | {"train": TRAINAUG})
    return FileDataset(source, root, VOC, pairs, remarks=remarks)


def read_sbd_mask(files: Sequence[Path]) -> Pixels:
    """Labels of one ``cls/<name>.mat``, uint8 (H, W): ``GTcls.Segmentation``.

    Raises:
        DatasetError: The file is none of SBD's, or holds labels above 20.
    """
    [path] = files
    struct = read_matlab(path, "GTcls")["GTcls"]
    try:
        stored = np.asarray(struct["Segmentation"][0, 0])
    except (IndexError, TypeError, ValueError) as error:
        raise DatasetError(f"{path} holds no GTcls.Segmentation: {error}.") from error
    if stored.ndim != 2 or not np.issubdtype(stored.dtype, np.integer):
        raise DatasetError(f"{path}: GTcls.Segmentation is no matrix of labels.")
    return look_up(stored, class_table(len(VOC)), path)
