"""One row a layout: a small dataset written the way its owners have it, and what it must read as."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from PIL import Image
from scipy.io import savemat

from tests.workers.datasets import folders
from tests.workers.datasets.folders import save
from tests.workers.datasets.layouts.coco_layouts import coco, coco_panoptic, save_coco, save_ids
from tests.workers.datasets.layouts.object_layouts import cvppp, dsb2018, nuclei
from tests.workers.datasets.written import (
    HEIGHT,
    WIDTH,
    Labels,
    Truth,
    Written,
    image,
    numbered,
    stored,
    truth,
    write_lines,
)
from workers.datasets.dataset import VOID
from workers.datasets.layouts.registry import open_dataset
from workers.tasks import datasets as sources
from workers.tasks.datasets import DatasetSource

# The first 21 colours and the void of the VOC development kit.
VOC_COLOURS = ",".join(
    [
        "000000,800000,008000,808000,000080,800080,008080,808080,400000,c00000,408000,c08000,400080",
        "c00080,408080,c08080,004000,804000,00c000,80c000,004080",
    ]
).split(",")
VOC_VOID = "e0e0c0"


@dataclass(frozen=True)
class Row:
    """How a layout is tested.

    Attributes:
        write: Writes a small dataset below a folder.
        image: File of one training image, below that folder; empty where there are no files.
        mask: File of its labels.
        store: Writes labels, as they are stored, over ``mask``.
        unknown: A stored label that the layout does not know; None where it knows all.
        colour: Writes a mask over ``mask`` whose mode (RGB or not) has no place in the layout.
        gone: What to remove so that an image has no labels; ``mask`` where empty.
        lists: File of names that holds training names; empty where there is none.
    """

    write: Callable[[Path], Written]
    image: str = ""
    mask: str = ""
    store: Callable[[Path, Labels], None] = save
    unknown: int | None = 200
    colour: Callable[[Path], None] | None = lambda path: save(path, image(0))
    gone: str = ""
    lists: str = ""


def plain(write: Callable[[Path], DatasetSource]) -> Callable[[Path], Written]:
    """Layouts that store labels as they are, with ``folders.VOID_LABEL`` for void."""

    def written(root: Path) -> Written:
        source = write(root)
        masks = "{split}annot" if source.layout == "segnet" else "masks"
        found: Truth = {}
        for split, names in open_dataset(source).splits.items():
            files = {name: root / masks.format(split=split) / f"{name}.png" for name in names}
            labels = {name: np.asarray(Image.open(path)) for name, path in files.items()}
            found[split] = {
                name: np.where(one == folders.VOID_LABEL, VOID, one) for name, one in labels.items()
            }
        return Written(source, found)

    return written


def save_palette(path: Path, labels: Labels, colours: Sequence[str] = VOC_COLOURS) -> None:
    picture = Image.fromarray(labels.astype(np.uint8), "P")
    table = [*colours, *["000000"] * (255 - len(colours)), VOC_VOID]
    picture.putpalette(bytes.fromhex("".join(table)))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def voc(root: Path) -> Written:
    names = numbered("2007_{:06d}")
    made = truth(21, names)
    for split, some in names.items():
        write_lines(root / f"ImageSets/Segmentation/{split}.txt", some)
        for name in some:
            save(root / f"JPEGImages/{name}.jpg", image(len(name)))
            save_palette(root / f"SegmentationClass/{name}.png", made[split][name])
    return Written(sources.VocSource(root=str(root)), made)


def save_sbd(path: Path, labels: Labels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = {"Boundaries": np.zeros((20, 1)), "CategoriesPresent": np.array([[1]])}
    savemat(path, {"GTcls": parts | {"Segmentation": labels.astype(np.uint8)}})


def voc_sbd(root: Path) -> Written:
    """SBD's lists hold VOC's training images and one of VOC's validation images too."""
    made = voc(root / "VOCdevkit/VOC2012").truth
    added = truth(21, {"train": ["2008_000001", "2008_000002"]}, void=False)["train"]
    sbd = root / "benchmark_RELEASE/dataset"
    for name, labels in added.items():
        save(root / f"VOCdevkit/VOC2012/JPEGImages/{name}.jpg", image(1))
        save_sbd(sbd / f"cls/{name}.mat", labels)
    for name in [*made["train"], *made["val"]]:
        save_sbd(sbd / f"cls/{name}.mat", np.zeros((HEIGHT, WIDTH)))
    write_lines(sbd / "train.txt", ["2008_000001", *made["train"], next(iter(made["val"]))])
    write_lines(sbd / "val.txt", ["2008_000002"])
    source = sources.VocSbdSource(root=str(root))
    return Written(source, made | {"train": made["train"] | added})


CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, *range(19, 29), 31, 32, 33)


def cityscapes(root: Path) -> Written:
    names = numbered("aachen/aachen_{:06d}_000019")
    made = truth(19, names)
    for split, some in names.items():
        for name in some:
            save(root / f"leftImg8bit/{split}/{name}_leftImg8bit.png", image(2))
            ids = stored(made[split][name], CITYSCAPES_IDS, 3).astype(np.uint8)
            save(root / f"gtFine/{split}/{name}_gtFine_labelIds.png", ids)
            save(root / f"gtFine/{split}/{name}_gtFine_color.png", image(3))
            save(root / f"gtFine/{split}/{name}_gtFine_instanceIds.png", ids.astype(np.uint16))
    save(root / "gtFine/test/berlin/berlin_000000_000019_gtFine_labelIds.png", ids)
    return Written(sources.CityscapesSource(root=str(root)), made)


def ade20k(root: Path) -> Written:
    folder = {"train": "training", "val": "validation"}
    names = numbered("ADE_{:08d}")
    made = truth(150, names)
    for split, some in names.items():
        for name in some:
            save(root / f"images/{folder[split]}/{name}.jpg", image(4))
            ids = stored(made[split][name], range(1, 151), 0)
            save(root / f"annotations/{folder[split]}/{name}.png", ids.astype(np.uint8))
    return Written(sources.Ade20kSource(root=str(root)), made)


NYU_COUNTS = {"train": 5, "test": 2}


def nyu(root: Path) -> Written:
    names = numbered("{:04d}", NYU_COUNTS)
    made = truth(40, names)
    for split, some in names.items():
        write_lines(root / f"{split}.txt", some)
        for name in some:
            save(root / f"RGB/{name}.jpg", image(5))
            save(root / f"Depth/{name}.png", np.zeros((HEIGHT, WIDTH), np.uint16))
            ids = stored(made[split][name], range(1, 41), 0)
            save(root / f"Label/{name}.png", ids.astype(np.uint8))
    return Written(sources.NyuSource(root=str(root)), made)


def save_nyu_mat(path: Path, labels: Labels) -> None:
    """As MATLAB 7.3 saves: 512 bytes of its own before HDF5, and axes the other way round."""
    count = sum(NYU_COUNTS.values())
    labels = labels if labels.ndim == 3 else np.stack([labels] * count)
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        file["images"] = np.stack([image(index).transpose(2, 1, 0) for index in range(count)])
        file["labels"] = labels.transpose(0, 2, 1).astype(np.uint16)


def nyu_mat(root: Path) -> Written:
    """894 stored labels, of which each class has several; label 0 has none."""
    made = truth(40, numbered("{:04d}", NYU_COUNTS))
    classes = np.random.default_rng(0).permutation(np.arange(894) % 40)
    first = [int(np.flatnonzero(classes == label)[-1]) + 1 for label in range(40)]
    every = [one for some in made.values() for one in some.values()]
    save_nyu_mat(
        root / "nyu_depth_v2_labeled.mat", np.stack([stored(one, first, 0) for one in every])
    )
    savemat(root / "classMapping40.mat", {"mapClass": classes[None] + 1.0})
    numbers = {f"{split}Ndxs": [[int(name)] for name in some] for split, some in made.items()}
    savemat(root / "splits.mat", {name: np.array(some) for name, some in numbers.items()})
    return Written(sources.NyuMatSource(root=str(root)), made)


def shapes(_root: Path) -> Written:
    return generated(sources.ShapesSource(height=16, width=24, train=9, val=3, test=2))


def dry_run(_root: Path) -> Written:
    return generated(sources.DryRunSource(height=16, width=24, train=9, val=3, test=2))


def generated(source: sources.ShapesSource | sources.DryRunSource) -> Written:
    dataset = open_dataset(source)
    return Written(
        source,
        {
            split: dict(zip(names, dataset.read(split).masks, strict=True))
            for split, names in dataset.splits.items()
        },
    )


def grey(path: Path) -> None:
    save(path, np.zeros((HEIGHT, WIDTH), np.uint8))


ROWS: Mapping[str, Row] = {
    "shapes": Row(shapes),
    "dry-run": Row(dry_run),
    "segnet": Row(
        plain(folders.segnet), "train/train-1.png", "trainannot/train-1.png", lists="train.txt"
    ),
    "folder": Row(plain(folders.folder), "images/03.png", "masks/03.png"),
    "voc": Row(
        voc,
        "JPEGImages/2007_000002.jpg",
        "SegmentationClass/2007_000002.png",
        save_palette,
        unknown=21,
        lists="ImageSets/Segmentation/train.txt",
    ),
    "voc-sbd": Row(
        voc_sbd,
        "VOCdevkit/VOC2012/JPEGImages/2008_000001.jpg",
        "benchmark_RELEASE/dataset/cls/2008_000001.mat",
        save_sbd,
        unknown=21,
        colour=None,
        lists="benchmark_RELEASE/dataset/train.txt",
    ),
    "cityscapes": Row(
        cityscapes,
        "leftImg8bit/train/aachen/aachen_000002_000019_leftImg8bit.png",
        "gtFine/train/aachen/aachen_000002_000019_gtFine_labelIds.png",
        unknown=34,
    ),
    "ade20k": Row(
        ade20k,
        "images/training/ADE_00000002.jpg",
        "annotations/training/ADE_00000002.png",
        unknown=151,
    ),
    "nyu": Row(nyu, "RGB/0002.jpg", "Label/0002.png", unknown=41, lists="train.txt"),
    "nyu-mat": Row(
        nyu_mat,
        "nyu_depth_v2_labeled.mat",
        "nyu_depth_v2_labeled.mat",
        save_nyu_mat,
        unknown=895,
        colour=None,
    ),
    "nuclei": Row(
        nuclei,
        "images/nucleus-02.png",
        "instances/nucleus-02.png",
        unknown=None,
        lists="train.txt",
    ),
    "dsb2018": Row(
        dsb2018,
        "00001/images/00001.png",
        "00001/masks/0002.png",
        unknown=None,
        gone="00001/masks",
    ),
    "cvppp": Row(cvppp, "plant002_rgb.png", "plant002_label.png", unknown=None),
    "coco-panoptic": Row(
        coco_panoptic,
        "train2017/000000000002.jpg",
        "annotations/panoptic_train2017/000000000002.png",
        save_ids,
        colour=grey,
    ),
    "coco": Row(
        coco,
        "train2017/000000000001.jpg",
        "annotations/instances_train2017.json",
        save_coco,
        colour=None,
    ),
}
