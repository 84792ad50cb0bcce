"""Small datasets on disk, in the layouts that the product reads."""

from pathlib import Path

import numpy as np
from PIL import Image

from workers.tasks.datasets import FolderSource, SegNetSource

CLASSES = ("road", "tree", "car")
VOID_LABEL = 11


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def pixels(seed: int, height: int = 12, width: int = 16) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    mask = random.integers(0, len(CLASSES), (height, width), dtype=np.uint8)
    mask[0] = VOID_LABEL
    return image, mask


def segnet(root: Path, counts: dict[str, int] | None = None) -> SegNetSource:
    for number, (split, count) in enumerate((counts or {"train": 5, "val": 2, "test": 2}).items()):
        names = [f"{split}-{index}" for index in range(count)]
        for index, name in enumerate(names):
            image, mask = pixels(100 * number + index)
            save(root / split / f"{name}.png", image)
            save(root / f"{split}annot" / f"{name}.png", mask)
        (root / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
    return SegNetSource(root=str(root), classes=CLASSES, void_labels=(VOID_LABEL,))


def folder(root: Path, count: int = 10) -> FolderSource:
    for index in range(count):
        image, mask = pixels(index)
        save(root / "images" / f"{index:02d}.png", image)
        save(root / "masks" / f"{index:02d}.png", mask)
    return FolderSource(
        root=str(root), classes=CLASSES, void_labels=(VOID_LABEL,), ratio=(0.6, 0.2, 0.2)
    )
