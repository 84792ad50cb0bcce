"""PASCAL VOC 2012, with or without the masks of SBD as PNG files."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from workers.datasets.class_names import VOC
from workers.datasets.dataset import Pixels, compare_counts
from workers.datasets.decoding import LabelImages, class_table
from workers.datasets.file_dataset import FileDataset, Pair, pair
from workers.datasets.files import existing, folder_below, list_files, read_names
from workers.tasks.datasets import VocSource

LISTS = "ImageSets/Segmentation"
PUBLISHED = {"train": 1464, "val": 1449}
TRAINAUG = 10_582
NO_TEST_LABELS = "The test split has no public labels; it is left out."


def palette() -> Pixels:
    """(256, 3) colour of each label in VOC's masks: bits of the label, dealt out to R, G and B."""
    label = np.arange(256)[:, None]
    channel = np.arange(3)
    bits = [(label >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(3)]
    return np.asarray(sum(bits), dtype=np.uint8)


def voc_labels() -> LabelImages:
    """VOC's masks: labels 0..20 and 255 for void, in VOC's palette where they have one."""
    return LabelImages(class_table(len(VOC)), palette=palette())


def voc_pairs(
    root: Path, names: Iterable[str], masks: str = "SegmentationClass"
) -> dict[str, Pair]:
    """Samples of these names with masks from one folder of PNG files."""
    images = list_files(folder_below(root, "JPEGImages"), ".jpg")
    labels = list_files(folder_below(root, masks), ".png")
    read = voc_labels()
    return {name: pair(name, images, labels, read) for name in names}


def open_voc(source: VocSource) -> FileDataset:
    """Open VOC 2012 with its splits ``train`` (or trainaug in its place) and ``val``.

    Raises:
        DatasetError: A folder or a list of names is missing; trainaug holds an image of val.
    """
    root = existing(source.root)
    masks = "SegmentationClassAug" if source.train == "trainaug" else "SegmentationClass"
    pairs = {
        "train": voc_pairs(root, read_names(root, f"{LISTS}/{source.train}.txt"), masks),
        "val": voc_pairs(root, read_names(root, f"{LISTS}/val.txt")),
    }
    published = PUBLISHED | ({"train": TRAINAUG} if source.train == "trainaug" else {})
    remarks = [f"The split 'train' is VOC's {source.train}.", NO_TEST_LABELS]
    return FileDataset(VOC, source.size, pairs, remarks + compare_counts(pairs, published))
