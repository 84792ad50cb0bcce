"""PASCAL VOC 2012, with or without the masks of SBD as PNG files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from surrogate_zoo.errors import DatasetError
from workers.datasets.dataset import VOID, Lost, Pixels, compare_counts
from workers.datasets.decoding import class_table, label_table
from workers.datasets.file_dataset import Annotation, FileDataset, Mask, Pair, pair_listed
from workers.datasets.files import DatasetFolder, Listing, Missing
from workers.datasets.layouts.class_names import VOC
from workers.datasets.layouts.label_images import LabelImages
from workers.datasets.layouts.name_lists import Names, read_names
from workers.tasks.datasets import VocSource

THINGS = tuple(range(1, len(VOC)))
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


def voc_pairs(root: DatasetFolder, file: str, masks: str = "SegmentationClass") -> dict[str, Pair]:
    """Samples of the names in a list, with masks from one folder of PNG files."""
    images, labels = root.files("JPEGImages"), root.files(masks, ".png")
    names: Names = read_names(root, f"{LISTS}/{file}.txt", images, labels)
    return pair_listed(names, images, labels, voc_labels())


def voc_objects(root: DatasetFolder, pairs: dict[str, Pair]) -> dict[str, Pair]:
    """The same samples with objects from SegmentationObject."""
    objects = root.files("SegmentationObject", ".png")
    return {name: _with_objects(name, one, objects) for name, one in pairs.items()}


def _with_objects(name: str, one: Pair, objects: Listing) -> Pair:
    found = objects.find(name)
    if isinstance(one.mask, Missing):
        return one
    if isinstance(found, Missing):
        return Pair(one.image, found)
    return Pair(one.image, Mask((*one.mask.files, found), read_objects))


def read_objects(files: Sequence[Path]) -> Annotation:
    """Labels and objects from a file of SegmentationClass and one of SegmentationObject.

    Raises:
        DatasetError: One cannot be read, is of another palette, or they differ in size.
    """
    labels, objects = files
    numbers = LabelImages(label_table({number: number for number in range(256)}), palette=palette())
    mask, stored = voc_labels()([labels]), numbers([objects])
    if mask.shape != stored.shape:
        raise DatasetError(f"{objects} has another size than {labels}; they must agree.")
    return agreed(mask, stored)


def agreed(mask: Pixels, objects: Pixels) -> Annotation:
    """Put classes and objects together; what either has as void is void.

    An object is of the class that most of its pixels have. Where the two contradict each other (an
    object's pixel of another class, a thing without an object) the pixel is void, and counted.

    Args:
        mask: (H, W) labels, void = 255.
        objects: (H, W) number of each pixel's object, 0 = background, void = 255.
    """
    void = (mask == VOID) | (objects == VOID)
    votes = np.bincount((objects.astype(np.int64) * 256 + mask)[~void], minlength=256 * 256)
    classes = votes.reshape(256, 256).argmax(axis=1)
    classes[0] = 0
    disputed = ~void & (classes[objects] != mask)
    labels = np.where(void | disputed, VOID, mask).astype(np.uint8)
    stored, left = (np.setdiff1d(some, (0, VOID)) for some in (objects, objects[labels < VOID]))
    lost = Lost(hidden=len(stored) - len(left), disputed=int(disputed.sum()))
    return Annotation(labels, objects, lost)


def open_voc(source: VocSource, root: DatasetFolder) -> FileDataset:
    """Open VOC 2012 with its splits ``train`` (or trainaug in its place) and ``val``.

    Noted: a folder or a list of names is missing; trainaug holds an image of val.
    """
    masks = "SegmentationClassAug" if source.train == "trainaug" else "SegmentationClass"
    pairs = {
        "train": voc_pairs(root, source.train, masks),
        "val": voc_pairs(root, "val"),
    }
    if source.instances:
        pairs = {split: voc_objects(root, some) for split, some in pairs.items()}
    published = PUBLISHED | ({"train": TRAINAUG} if source.train == "trainaug" else {})
    remarks = [f"The split 'train' is VOC's {source.train}.", NO_TEST_LABELS]
    remarks += compare_counts(pairs, published)
    return FileDataset(
        source, root, VOC, pairs, remarks=remarks, things=THINGS if source.instances else ()
    )
