"""Small datasets in COCO's layouts."""

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import pycocotools.mask

from tests.workers.datasets.folders import save
from tests.workers.datasets.written import (
    HEIGHT,
    WIDTH,
    Labels,
    Written,
    image,
    numbered,
    stored,
    truth,
)
from workers.datasets.dataset import VOID
from workers.tasks import datasets as sources

CATEGORIES = [{"id": 7 * (label + 1), "name": f"thing {label}", "isthing": 1} for label in range(6)]


def listed(some: Sequence[str]) -> list[dict[str, object]]:
    return [
        {"id": index, "file_name": f"{name}.jpg", "height": HEIGHT, "width": WIDTH, "license": 1}
        for index, name in enumerate(some)
    ]


def save_ids(path: Path, ids: Labels) -> None:
    ids = ids.astype(np.int64)
    save(path, np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1).astype(np.uint8))


def coco_panoptic(root: Path) -> Written:
    names = numbered("{:012d}")
    made = truth(len(CATEGORIES), names)
    segments = [70_000 + 300 * label for label in range(len(CATEGORIES))]
    info = [
        {"id": segment, "category_id": category["id"], "iscrowd": 0, "area": 1}
        for segment, category in zip(segments, CATEGORIES, strict=True)
    ]
    for split, some in names.items():
        folder = root / f"annotations/panoptic_{split}2017"
        annotations = []
        for index, name in enumerate(some):
            save(root / f"{split}2017/{name}.jpg", image(7))
            save_ids(folder / f"{name}.png", stored(made[split][name], segments, 0))
            annotations.append(
                {"image_id": index, "file_name": f"{name}.png", "segments_info": info}
            )
        content = {"images": listed(some), "annotations": annotations, "categories": CATEGORIES}
        folder.with_suffix(".json").write_text(json.dumps(content))
    return Written(sources.CocoPanopticSource(root=str(root)), made)


def run_lengths(region: np.ndarray) -> dict[str, object]:
    """Uncompressed run lengths: column by column, background first."""
    flat = region.T.ravel()
    counts = [len(list(run)) for _, run in groupby(flat)]
    return {"size": list(region.shape), "counts": [0, *counts] if flat[0] else counts}


def compressed(region: np.ndarray) -> dict[str, object]:
    found = pycocotools.mask.encode(np.asfortranarray(region.astype(np.uint8)))
    return {"size": list(region.shape), "counts": found["counts"].decode()}


def outlines(index: int, labels: Labels) -> list[dict[str, object]]:
    """Annotations of one image; void is what the first two categories both claim."""
    found = []
    both = {1, 2} if (labels == VOID).any() else set()
    for label in sorted({*np.unique(labels).tolist(), *both} - {0, VOID}):
        region = (labels == label) | ((labels == VOID) & (label < 3))
        outline = compressed(region) if label % 2 else run_lengths(region)
        known = CATEGORIES[label - 1]["id"] if label <= len(CATEGORIES) else label
        found.append(
            {"id": label, "image_id": index, "category_id": known, "segmentation": outline}
            | {"iscrowd": label % 2, "area": 1.5, "bbox": [0, 0, 1, 1]}
        )
    return found


def save_coco(path: Path, *every: Labels) -> None:
    """The annotation file of images 0, 1, ... of a split; those of no labels are left as they are."""
    content = json.loads(path.read_text()) if path.exists() else {"categories": CATEGORIES}
    for index, labels in enumerate(every):
        of_others = [one for one in content["annotations"] if one["image_id"] != index]
        content["annotations"] = of_others + outlines(index, labels)
        content["images"][index] |= {"height": labels.shape[0], "width": labels.shape[1]}
    path.write_text(json.dumps(content))


def coco(root: Path) -> Written:
    names = numbered("{:012d}")
    made = truth(1 + len(CATEGORIES), names)
    (root / "annotations").mkdir(parents=True)
    for split, some in names.items():
        path = root / f"annotations/instances_{split}2017.json"
        content = {"images": listed(some), "annotations": [], "categories": CATEGORIES}
        path.write_text(json.dumps(content))
        save_coco(path, *made[split].values())
        for name in some:
            save(root / f"{split}2017/{name}.jpg", image(8))
    return Written(sources.CocoSource(root=str(root)), made)
