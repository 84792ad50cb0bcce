"""What the small datasets of the tests are written from: names, images and labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from workers.datasets.dataset import VOID
from workers.tasks.datasets import DatasetSource

HEIGHT, WIDTH = 12, 16
COUNTS = {"train": 5, "val": 2}

Labels = np.ndarray
Truth = dict[str, dict[str, Labels]]  # split -> name -> labels that the dataset must have


@dataclass(frozen=True)
class Written:
    """A dataset on disk, and the labels that it must have, and the objects where it has things."""

    source: DatasetSource
    truth: Truth
    objects: Truth = field(default_factory=dict)


def image(seed: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def truth(classes: int, names: Mapping[str, Sequence[str]], *, void: bool = True) -> Truth:
    """Random labels for every name, some of them void."""
    random = np.random.default_rng(classes)
    made = {
        split: {name: random.integers(0, classes, (HEIGHT, WIDTH)) for name in some}
        for split, some in names.items()
    }
    for labels in (one for some in made.values() for one in some.values()):
        labels[0] = VOID if void else 0
    return made


def numbered(pattern: str, counts: Mapping[str, int] = COUNTS) -> dict[str, list[str]]:
    """Names by split, numbered from 1 on through all splits."""
    numbers = iter(range(1, 100))
    return {
        split: [pattern.format(next(numbers)) for _ in range(count)]
        for split, count in counts.items()
    }


def stored(labels: Labels, ids: Sequence[int], void: int) -> np.ndarray:
    """Labels as a dataset stores them: ``ids[label]``, and ``void``."""
    return np.where(labels == VOID, void, np.array(ids)[np.where(labels == VOID, 0, labels)])


def write_lines(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
