"""Nuclei with one label image of instances each, split by files of names."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from workers.datasets.decoding import read_instances
from workers.datasets.file_dataset import Annotation, FileDataset, pair_listed
from workers.datasets.files import DatasetFolder
from workers.datasets.instances import BORDER, CLASSES, NUCLEUS, Instances, border_classes
from workers.datasets.layouts.splits import listed_splits
from workers.tasks.datasets import NucleiSource
from workers.tasks.file_sources import BorderSource


def open_nuclei(source: NucleiSource, root: DatasetFolder) -> FileDataset:
    """Open images/, instances/ and the splits that ``<split>.txt`` lists."""
    images, masks = root.files("images"), root.files("instances")

    def read(files: Sequence[Path]) -> Annotation:
        return labelled_nuclei(read_instances(files[0]), source)

    pairs = {
        split: pair_listed(names, images, masks, read)
        for split, names in listed_splits(root, images, masks).items()
    }
    classes, border = nuclei_classes(source)
    return FileDataset(source, root, classes, pairs, things=(NUCLEUS,), border=border)


def nuclei_classes(source: BorderSource) -> tuple[tuple[str, ...], int | None]:
    """The classes of nuclei, and the border's label where there is one."""
    return (CLASSES, BORDER) if source.labels == "border" else (CLASSES[:BORDER], None)


def labelled_nuclei(instances: Instances, source: BorderSource) -> Annotation:
    """Labels of a label image of nuclei, (H, W) with 0 for background, and whole nuclei as objects."""
    whole = one_thing(instances)
    if source.labels == "border":
        return whole._replace(mask=border_classes(instances, source.border_width))
    return whole


def one_thing(instances: Instances) -> Annotation:
    """Label 1 where a label image (H, W) has an object, each number one; 0 = background."""
    _, places = np.unique(instances, return_inverse=True)  # numbers may be large, or below 0
    foreground = instances != 0
    numbers = places.reshape(instances.shape) + 1
    return Annotation(foreground.astype(np.uint8), np.where(foreground, numbers, 0))
