"""NYU-Depth-v2 with 40 classes in image files, as RGB-D networks (CMX, DFormer) distribute it."""

from workers.datasets.dataset import compare_counts
from workers.datasets.decoding import labels_from_one
from workers.datasets.file_dataset import FileDataset, pair_listed
from workers.datasets.files import DatasetFolder
from workers.datasets.layouts.class_names import NYU
from workers.datasets.layouts.label_images import LabelImages
from workers.datasets.layouts.name_lists import read_names
from workers.tasks.datasets import NyuSource

PUBLISHED = {"train": 795, "test": 654}
NO_VAL = "There is no validation split; the official one is 'test'."


def open_nyu(source: NyuSource, root: DatasetFolder) -> FileDataset:
    """Open the splits ``train`` and ``test``; label 0 is void, label k the class k - 1.

    Names are listed plainly (``0001``) or with their folder (``RGB/0001.jpg``).
    """
    images, masks = root.files("RGB"), root.files("Label")
    read = LabelImages(labels_from_one(len(NYU)))
    named = {split: read_names(root, f"{split}.txt", images, masks) for split in PUBLISHED}
    pairs = {split: pair_listed(names, images, masks, read) for split, names in named.items()}
    return FileDataset(
        source, root, NYU, pairs, remarks=[NO_VAL, *compare_counts(pairs, PUBLISHED)]
    )
