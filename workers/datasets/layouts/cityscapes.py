"""Cityscapes with fine annotations: labelIds become the 19 classes that are evaluated."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from workers.datasets.dataset import VOID, compare_counts
from workers.datasets.decoding import Table, label_table, look_up, read_instances
from workers.datasets.file_dataset import Annotation, FileDataset, Reader, pair_all
from workers.datasets.files import DatasetFolder
from workers.datasets.layouts.class_names import CITYSCAPES
from workers.datasets.layouts.label_images import LabelImages
from workers.tasks.datasets import CityscapesSource

EVALUATED = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""labelId of each class, in the order of the trainIds (cityscapesscripts, helpers/labels.py)."""

LABEL_IDS = 34
THINGS = tuple(label for label, stored in enumerate(EVALUATED) if stored >= 24)
"""Labels of the classes whose objects are told apart: persons, riders and vehicles."""

PUBLISHED = {"train": 2975, "val": 500}


def open_cityscapes(source: CityscapesSource, root: DatasetFolder) -> FileDataset:
    """Open the splits ``train`` and ``val``; an image's name is its city and its frame."""
    ids = dict.fromkeys(range(LABEL_IDS), VOID)
    table = label_table(ids | {stored: label for label, stored in enumerate(EVALUATED)})
    read: Reader = partial(read_objects, table) if source.instances else LabelImages(table)
    ending = "_gtFine_instanceIds.png" if source.instances else "_gtFine_labelIds.png"
    pairs = {
        split: pair_all(
            root,
            root.files(f"leftImg8bit/{split}", "_leftImg8bit.png"),
            root.files(f"gtFine/{split}", ending),
            read,
        )
        for split in PUBLISHED
    }
    remarks = ["The test split has no public labels; it is left out."]
    remarks += compare_counts(pairs, PUBLISHED)
    things = THINGS if source.instances else ()
    return FileDataset(source, root, CITYSCAPES, pairs, remarks=remarks, things=things)


def read_objects(table: Table, files: Sequence[Path]) -> Annotation:
    """Labels and objects of one instanceIds file: a labelId, or 1000 labelId + the object's number.

    A thing without a number is a group of them, and void.

    Raises:
        DatasetError: It cannot be read, or has labelIds that ``table`` does not know.
    """
    [path] = files
    stored = read_instances(path)
    alone = stored >= 1000
    mask = look_up(np.where(alone, stored // 1000, stored), table, path)
    mask[np.isin(mask, THINGS) & ~alone] = VOID
    return Annotation(mask, np.where(alone, stored, 0))
