"""Small datasets in layouts of objects: nuclei and leaves."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.workers.datasets.folders import save
from tests.workers.datasets.written import (
    HEIGHT,
    WIDTH,
    Labels,
    Truth,
    Written,
    image,
    numbered,
    write_lines,
)
from workers.datasets.layouts.registry import open_dataset
from workers.tasks import datasets as sources


def nuclei_instances(seed: int) -> np.ndarray:
    """Two nuclei that touch, one alone, and one at the image's edge; numbers have gaps."""
    instances = np.zeros((HEIGHT, WIDTH), dtype=np.uint16)
    instances[2:8, 1:5] = 300
    instances[2:7, 5:10] = 7
    instances[9:11, 3:9] = 41 + seed
    instances[4:, 12:] = 2
    return instances


def borders(instances: np.ndarray, width: int) -> Labels:
    """Background, nucleus and border, pixel by pixel."""
    labels = np.zeros(instances.shape, dtype=np.int64)
    for (row, column), own in np.ndenumerate(instances):
        near = instances[max(row - width, 0) : row + width + 1]
        near = near[:, max(column - width, 0) : column + width + 1]
        labels[row, column] = 0 if own == 0 else 1 + int((near != own).any())
    return labels


def nuclei(root: Path) -> Written:
    names = numbered("nucleus-{:02d}")
    made: Truth = {split: {} for split in names}
    for split, some in names.items():
        write_lines(root / f"{split}.txt", some)
        for seed, name in enumerate(some):
            save(root / f"images/{name}.png", image(6))
            save(root / f"instances/{name}.png", nuclei_instances(seed))
            made[split][name] = borders(nuclei_instances(seed), 1)
    return Written(sources.NucleiSource(root=str(root)), made)


def dsb2018(root: Path) -> Written:
    """Names are drawn into splits by the dataset itself; all images have the same nuclei."""
    for index in range(8):
        name = f"0000{index}"
        alpha = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
        save(root / f"{name}/images/{name}.png", np.concatenate([image(index), alpha], axis=-1))
        for number in np.unique(nuclei_instances(0))[1:]:
            nucleus = (nuclei_instances(0) == number) * np.uint8(255)
            save(root / f"{name}/masks/{number:04d}.png", nucleus)
    source = sources.Dsb2018Source(root=str(root), ratio=(0.5, 0.25, 0.25), border_width=2)
    labels = borders(nuclei_instances(0), 2)
    splits = open_dataset(source).splits
    return Written(source, {split: dict.fromkeys(some, labels) for split, some in splits.items()})


def save_leaves(path: Path, numbers: Labels) -> None:
    picture = Image.fromarray(numbers.astype(np.uint8), "P")
    picture.putpalette(bytes([0, 0, 0, *[90, 160, 60] * 255]))
    picture.save(path)


def cvppp(root: Path) -> Written:
    """Indices of a palette are numbers of leaves, and all leaves have the same colour."""
    stored = nuclei_instances(0) % 256
    for index in range(8):
        save(root / f"plant{index:03d}_rgb.png", image(index))
        save_leaves(root / f"plant{index:03d}_label.png", stored)
        save(root / f"plant{index:03d}_centers.png", stored.astype(np.uint8))
    source = sources.CvpppSource(root=str(root), ratio=(0.5, 0.25, 0.25))
    labels = (stored > 0).astype(np.int64)
    splits = open_dataset(source).splits
    return Written(source, {split: dict.fromkeys(some, labels) for split, some in splits.items()})
