"""Data Science Bowl 2018, stage1_train: a folder an image, and in it one PNG a nucleus."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from surrogate_zoo.errors import DatasetError
from workers.datasets.dataset import Lost
from workers.datasets.decoding import read_instances
from workers.datasets.file_dataset import Annotation, FileDataset, Mask, Pair
from workers.datasets.files import DatasetFolder, Missing
from workers.datasets.instances import NUCLEUS, Instances
from workers.datasets.layouts.nuclei import labelled_nuclei, nuclei_classes
from workers.datasets.layouts.splits import split_by_ratio
from workers.tasks.datasets import Dsb2018Source

Found = Mapping[tuple[str, str], Sequence[Path]]
"""(name of a sample, ``images`` or ``masks``) -> PNG files, in the order of their names."""


def open_dsb2018(source: Dsb2018Source, root: DatasetFolder) -> FileDataset:
    """Open ``<name>/images/<name>.png`` with ``<name>/masks/*.png``, split by ratio.

    Raises:
        DatasetError: There are too few images for the ratio, or files that have no place.
    """
    files = _find(root)
    splits = split_by_ratio(tuple(sorted({name for name, _ in files})), source.ratio, source.seed)

    def read(files: Sequence[Path]) -> Annotation:
        instances, lost = _instances(files)
        return labelled_nuclei(instances, source)._replace(lost=lost)

    def sample(name: str) -> Pair:
        images, masks = files.get((name, "images"), ()), tuple(files.get((name, "masks"), ()))
        image = images[0] if images else Missing(f"{root.given / name}/images/{name}.png")
        mask = Mask(masks, read) if masks else Missing(f"{root.given / name}/masks/*.png")
        return Pair(image, mask)

    pairs = {split: {name: sample(name) for name in names} for split, names in splits.items()}
    classes, border = nuclei_classes(source)
    return FileDataset(source, root, classes, pairs, things=(NUCLEUS,), border=border)


def _find(root: DatasetFolder) -> Found:
    files: dict[tuple[str, str], list[Path]] = {}
    for path in root.files(".", ".png").files.values():
        match path.relative_to(root.path).parts:
            case (name, ("images" | "masks") as kind, _):
                files.setdefault((name, kind), []).append(path)
            case _:
                raise DatasetError(
                    f"{path} is neither in <name>/images nor in <name>/masks below {root.given}; "
                    "give the folder stage1_train itself."
                )
    return files


def _instances(files: Sequence[Path]) -> tuple[Instances, Lost]:
    """One number a nucleus; where masks overlap, that of the later file."""
    instances = np.zeros_like(read_instances(files[0]))
    overlapping = np.zeros(instances.shape, dtype=bool)
    for number, path in enumerate(files, start=1):
        nucleus = read_instances(path) > 0
        if nucleus.shape != instances.shape:
            raise DatasetError(f"{path} has another size than {files[0]}; they must agree.")
        overlapping |= nucleus & (instances > 0)
        instances[nucleus] = number
    visible = len(np.unique(instances[instances > 0]))
    return instances, Lost(hidden=len(files) - visible, overlapping=int(overlapping.sum()))
