"""Cityscapes with fine annotations: labelIds become the 19 classes that are evaluated."""

from workers.datasets.class_names import CITYSCAPES
from workers.datasets.dataset import VOID, compare_counts
from workers.datasets.decoding import LabelImages, label_table
from workers.datasets.file_dataset import FileDataset, pair_all
from workers.datasets.files import existing, folder_below, list_files
from workers.tasks.datasets import CityscapesSource

EVALUATED = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""labelId of each class, in the order of the trainIds (cityscapesscripts, helpers/labels.py)."""

LABEL_IDS = 34
PUBLISHED = {"train": 2975, "val": 500}


def open_cityscapes(source: CityscapesSource) -> FileDataset:
    """Open the splits ``train`` and ``val``; an image's name is its city and its frame.

    Raises:
        DatasetError: A folder is missing.
    """
    root = existing(source.root)
    ids = dict.fromkeys(range(LABEL_IDS), VOID)
    read = LabelImages(label_table(ids | {stored: label for label, stored in enumerate(EVALUATED)}))
    pairs = {
        split: pair_all(
            list_files(folder_below(root, f"leftImg8bit/{split}"), "_leftImg8bit.png"),
            list_files(folder_below(root, f"gtFine/{split}"), "_gtFine_labelIds.png"),
            read,
        )
        for split in PUBLISHED
    }
    remarks = ["The test split has no public labels; it is left out."]
    return FileDataset(CITYSCAPES, source.size, pairs, remarks + compare_counts(pairs, PUBLISHED))
