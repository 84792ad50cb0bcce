"""NYU-Depth-v2 with 40 classes in image files, as RGB-D networks (CMX, DFormer) distribute it."""

from workers.datasets.class_names import NYU
from workers.datasets.dataset import compare_counts
from workers.datasets.decoding import LabelImages, labels_from_one
from workers.datasets.file_dataset import FileDataset, pair
from workers.datasets.files import existing, folder_below, list_files, read_names
from workers.tasks.datasets import NyuSource

PUBLISHED = {"train": 795, "test": 654}
NO_VAL = "There is no validation split; the official one is 'test'."


def open_nyu(source: NyuSource) -> FileDataset:
    """Open the splits ``train`` and ``test``; label 0 is void, label k the class k - 1.

    Names are listed plainly (``0001``) or with their folder (``RGB/0001.jpg``).

    Raises:
        DatasetError: A folder or a list of names is missing.
    """
    root = existing(source.root)
    images, masks = (list_files(folder_below(root, name)) for name in ("RGB", "Label"))
    read = LabelImages(labels_from_one(len(NYU)))
    named = {split: read_names(root, f"{split}.txt") for split in PUBLISHED}
    pairs = {
        split: {name: pair(name.removeprefix("RGB/"), images, masks, read) for name in names}
        for split, names in named.items()
    }
    return FileDataset(NYU, source.size, pairs, [NO_VAL, *compare_counts(pairs, PUBLISHED)])
