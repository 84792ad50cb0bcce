"""Leaf segmentation of CVPPP: photographs of plants whose leaves are numbered, split by ratio."""

from collections.abc import Sequence
from pathlib import Path

from surrogate_zoo.errors import DatasetError
from workers.datasets.decoding import read_instances
from workers.datasets.file_dataset import Annotation, FileDataset, pair
from workers.datasets.files import DatasetFolder
from workers.datasets.layouts.nuclei import one_thing
from workers.datasets.layouts.splits import split_by_ratio
from workers.tasks.datasets import CvpppSource

CLASSES = ("background", "leaf")
THINGS = (1,)


def open_cvppp(source: CvpppSource, root: DatasetFolder) -> FileDataset:
    """Open ``<name>_rgb.png`` with ``<name>_label.png``, split by ratio.

    Raises:
        DatasetError: There are too few images for the ratio.
    """
    images, labels = root.files(".", "_rgb.png"), root.files(".", "_label.png")
    names = tuple(sorted(images.files.keys() | labels.files.keys()))
    if not names:
        raise DatasetError(f"{root.given} holds no image (*{images.ending}).")
    pairs = {
        split: {name: pair(name, images, labels, read_leaves) for name in some}
        for split, some in split_by_ratio(names, source.ratio, source.seed).items()
    }
    return FileDataset(source, root, CLASSES, pairs, things=THINGS)


def read_leaves(files: Sequence[Path]) -> Annotation:
    """Background, leaf and the leaves of one label image; a palette's indices are their numbers.

    Raises:
        DatasetError: It cannot be read, or has not one number a pixel.
    """
    [path] = files
    return one_thing(read_instances(path))
