"""One row a layout that tells objects apart: a small dataset, and the objects that it must have."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tests.workers.datasets.folders import save
from tests.workers.datasets.layouts.coco_layouts import listed, run_lengths, save_ids
from tests.workers.datasets.layouts.object_layouts import dsb2018, nuclei, nuclei_instances
from tests.workers.datasets.layouts.rows import (
    CITYSCAPES_IDS,
    ROWS,
    save_palette,
    shapes,
)
from tests.workers.datasets.written import (
    HEIGHT,
    WIDTH,
    Labels,
    Truth,
    Written,
    image,
    numbered,
    stored,
    write_lines,
)
from workers.datasets.dataset import VOID
from workers.datasets.layouts.registry import open_dataset
from workers.tasks import datasets as sources

CROWD = (slice(0, 2), slice(10, 15))
RIM = (slice(11, 12), slice(0, 3))


@dataclass(frozen=True)
class InstanceRow:
    """How a layout with objects is tested.

    Attributes:
        write: Writes a small dataset below a folder; its source reads objects.
        plain: Fields of the source that leave the objects out; None where that cannot be.
        moved: Gives one pixel of a training image to another object, or a whole object to a crowd;
            None where there are no files.
    """

    write: Callable[[Path], Written]
    plain: Mapping[str, object] | None = None
    moved: Callable[[Path], None] | None = None


def scene(things: tuple[int, ...], stuff: int, seed: int) -> tuple[Labels, Labels]:
    """Labels and objects: four objects of these labels, of which two touch, and what is void."""
    _, objects = np.unique(nuclei_instances(seed), return_inverse=True)
    objects = objects.reshape(HEIGHT, WIDTH)
    labels = np.where(objects > 0, np.resize(things, 8)[objects], stuff)
    labels[CROWD], labels[RIM] = VOID, VOID
    return labels, objects


def scenes(
    names: Mapping[str, list[str]], things: tuple[int, ...], stuff: int
) -> tuple[Truth, Truth]:
    """Labels and objects of every name."""
    every = {
        split: {name: scene(things, stuff, seed) for seed, name in enumerate(some)}
        for split, some in names.items()
    }
    labels, objects = (
        {split: {name: both[part] for name, both in some.items()} for split, some in every.items()}
        for part in range(2)
    )
    return labels, objects


def foreground(write: Callable[[Path], Written]) -> Callable[[Path], Written]:
    """Nuclei with the classes background and nucleus."""

    def written(root: Path) -> Written:
        source = write(root).source.model_copy(update={"labels": "foreground"})
        objects = {
            split: {name: nuclei_instances(_seed(source, some, name)) for name in some}
            for split, some in open_dataset(source).splits.items()
        }
        return Written(source, _where_positive(objects), objects)

    return written


def _seed(source: sources.DatasetSource, names: tuple[str, ...], name: str) -> int:
    return names.index(name) if source.layout == "nuclei" else 0


def _where_positive(objects: Truth) -> Truth:
    return {
        split: {name: (one > 0).astype(np.int64) for name, one in some.items()}
        for split, some in objects.items()
    }


def cvppp(root: Path) -> Written:
    written = ROWS["cvppp"].write(root)
    found = {}
    for split, names in open_dataset(written.source).splits.items():
        stored = {name: Image.open(root / f"{name}_label.png") for name in names}
        found[split] = {name: np.asarray(one).astype(np.int64) for name, one in stored.items()}
    return Written(written.source, written.truth, found)


def drawn(root: Path) -> Written:
    """Shapes, whose objects are what the dataset itself says; the contract checks the rest."""
    written = shapes(root)
    dataset = open_dataset(written.source)
    objects = {
        split: {name: dataset.sample(split, index).instances for index, name in enumerate(names)}
        for split, names in dataset.splits.items()
    }
    return Written(written.source, written.truth, objects)  # type: ignore[arg-type]


def cityscapes(root: Path) -> Written:
    """A car, a person, ... have numbers; a group of persons and a caravan have no class."""
    names = numbered("aachen/aachen_{:06d}_000019")
    labels, objects = scenes(names, (11, 13, 18), 0)
    for split, some in names.items():
        for name in some:
            save(root / f"leftImg8bit/{split}/{name}_leftImg8bit.png", image(2))
            ids = stored(labels[split][name], CITYSCAPES_IDS, 3)
            ids[CROWD] = 24
            ids[RIM] = 29
            save(root / f"gtFine/{split}/{name}_gtFine_labelIds.png", ids.astype(np.uint8))
            alone = (objects[split][name] > 0) | (ids == 29)
            numbers = np.where(alone, 1000 * ids + objects[split][name], ids)
            save(root / f"gtFine/{split}/{name}_gtFine_instanceIds.png", numbers.astype(np.uint16))
    source = sources.CityscapesSource(root=str(root), instances=True)
    return Written(source, labels, objects)


def voc(root: Path) -> Written:
    """The crowd's place is void in both files, the rim in that of the objects alone."""
    names = numbered("2007_{:06d}")
    labels, objects = scenes(names, (3, 15), 0)
    for split, some in names.items():
        write_lines(root / f"ImageSets/Segmentation/{split}.txt", some)
        for name in some:
            save(root / f"JPEGImages/{name}.jpg", image(len(name)))
            classes, numbers = labels[split][name].copy(), objects[split][name].copy()
            numbers[classes == VOID] = VOID
            classes[RIM] = 0
            save_palette(root / f"SegmentationClass/{name}.png", classes)
            save_palette(root / f"SegmentationObject/{name}.png", numbers)
    return Written(sources.VocSource(root=str(root), instances=True), labels, objects)


PANOPTIC = [
    {"id": 10, "name": "grass", "isthing": 0},
    {"id": 20, "name": "cat", "isthing": 1},
    {"id": 30, "name": "dog", "isthing": 1},
]


def coco_panoptic(root: Path) -> Written:
    names = numbered("{:012d}")
    labels, objects = scenes(names, (1, 2), 0)
    for split, some in names.items():
        folder = root / f"annotations/panoptic_{split}2017"
        annotations = []
        for index, name in enumerate(some):
            save(root / f"{split}2017/{name}.jpg", image(7))
            ids = 70_000 + 300 * objects[split][name]
            ids[CROWD], ids[RIM] = 90_000, 0
            save_ids(folder / f"{name}.png", ids)
            segments = [(70_000, 10, 0), (90_000, 20, 1)] + [
                (70_000 + 300 * number, (10, 20, 30)[(1, 2)[number % 2]], 0)
                for number in range(1, 5)
            ]
            keys = ("id", "category_id", "iscrowd")
            info = [dict(zip(keys, segment, strict=True)) for segment in segments]
            annotations.append(
                {"image_id": index, "file_name": f"{name}.png", "segments_info": info}
            )
        content = {"images": listed(some), "annotations": annotations, "categories": PANOPTIC}
        folder.with_suffix(".json").write_text(json.dumps(content))
    return Written(sources.CocoPanopticSource(root=str(root), instances=True), labels, objects)


def coco(root: Path) -> Written:
    """The first object reaches below the second; a crowd covers a part of the fourth."""
    names = numbered("{:012d}")
    labels, objects = scenes(names, (1, 2), 0)
    (root / "annotations").mkdir(parents=True)
    for split, some in names.items():
        annotations = []
        for index, name in enumerate(some):
            save(root / f"{split}2017/{name}.jpg", image(8))
            labels[split][name][RIM] = 0
            regions = [objects[split][name] == number for number in range(1, 5)]
            categories = [
                20 if region.any() and labels[split][name][region][0] == 1 else 30
                for region in regions
            ]
            regions[0] = regions[0] | (regions[1] & (np.arange(WIDTH) < 7))
            crowd = np.zeros((HEIGHT, WIDTH), dtype=bool)
            crowd[CROWD] = True
            annotations += [
                {"image_id": index, "category_id": category, "segmentation": run_lengths(region)}
                | {"iscrowd": int(region is crowd)}
                for region, category in zip([*regions, crowd], [*categories, 20], strict=True)
            ]
        content = {"images": listed(some), "annotations": annotations, "categories": PANOPTIC[1:]}
        path = root / f"annotations/instances_{split}2017.json"
        path.write_text(json.dumps(content))
    return Written(sources.CocoSource(root=str(root), instances=True), labels, objects)


def move(name: str) -> Callable[[Path], None]:
    """Give a pixel of the second nucleus to the first, in a file of numbers, ids or colours."""

    def moved(root: Path) -> None:
        with Image.open(root / name) as picture:
            picture.load()
        here, there = picture.getpixel((2, 5)), picture.getpixel((5, 5))
        assert here != there
        assert here is not None
        picture.putpixel((5, 5), here)
        picture.save(root / name)

    return moved


def make_a_crowd(root: Path) -> None:
    path = root / "annotations/instances_train2017.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["iscrowd"] = 1
    path.write_text(json.dumps(content))


NONE = {"instances": False}

INSTANCE_ROWS: Mapping[str, InstanceRow] = {
    "shapes": InstanceRow(drawn),
    "dry-run": InstanceRow(drawn),
    "nuclei": InstanceRow(foreground(nuclei), None, move("instances/nucleus-02.png")),
    "dsb2018": InstanceRow(foreground(dsb2018), None, move("00001/masks/0300.png")),
    "cvppp": InstanceRow(cvppp, None, move("plant002_label.png")),
    "voc": InstanceRow(voc, NONE, move("SegmentationObject/2007_000002.png")),
    "cityscapes": InstanceRow(
        cityscapes,
        NONE,
        move("gtFine/train/aachen/aachen_000002_000019_gtFine_instanceIds.png"),
    ),
    "coco-panoptic": InstanceRow(
        coco_panoptic, NONE, move("annotations/panoptic_train2017/000000000002.png")
    ),
    "coco": InstanceRow(coco, NONE, make_a_crowd),
}
