"""COCO 2017 with panoptic masks: PNG files of segment ids, and their categories in JSON."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, NotRequired

import numpy as np
from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from surrogate_zoo.errors import DatasetError
from workers.datasets.dataset import VOID, Pixels, compare_counts
from workers.datasets.file_dataset import Annotation, FileDataset, Mask, Pair
from workers.datasets.files import DatasetFolder, Missing
from workers.datasets.image_files import open_image
from workers.datasets.layouts.coco_files import (
    NO_TEST_LABELS,
    PUBLISHED,
    Category,
    CocoImage,
    common_names,
    label_of,
    labels_by_category,
    names_of,
    read_annotations,
)
from workers.tasks.datasets import CocoPanopticSource


class Segment(TypedDict):
    """A thing, a crowd of them, or a region of stuff."""

    id: Annotated[int, Field(ge=1, lt=2**24)]
    category_id: int
    iscrowd: NotRequired[int]


class PanopticAnnotation(TypedDict):
    """The segments of one image."""

    image_id: int
    file_name: str
    segments_info: list[Segment]


class Panoptic(TypedDict):
    """What is read of ``panoptic_<split>2017.json``."""

    images: list[CocoImage]
    annotations: list[PanopticAnnotation]
    categories: list[Category]


PANOPTIC = TypeAdapter(Panoptic)


def open_coco_panoptic(source: CocoPanopticSource, root: DatasetFolder) -> FileDataset:
    """Open the splits ``train`` and ``val``: classes are the categories, things and stuff alike.

    A pixel without a segment (id 0) is void; a crowd is of its category, or void where objects are
    read. The annotation files are parsed as a whole, and of each image the ids of its segments are
    kept.

    Raises:
        DatasetError: An annotation file is missing or wrong.
    """
    pairs: dict[str, dict[str, Pair]] = {}
    categories: dict[Path, list[Category]] = {}
    for split in PUBLISHED:
        path = root.file(f"annotations/panoptic_{split}2017.json")
        content = read_annotations(path, PANOPTIC)
        categories[path] = content["categories"]
        pairs[split] = _pairs(root, split, content, path, objects=source.instances)
    remarks = [NO_TEST_LABELS, *compare_counts(pairs, PUBLISHED)]
    names = common_names(categories)
    things = _things(categories) if source.instances else ()
    return FileDataset(source, root, names, pairs, remarks=remarks, things=things)


def _things(files: Mapping[Path, Sequence[Category]]) -> tuple[int, ...]:
    """The labels of things, by the categories that all annotation files have."""
    path, categories = next(iter(files.items()))
    unknown = [category["name"] for category in categories if "isthing" not in category]
    things = [label for label, category in enumerate(categories) if category.get("isthing")]
    if unknown or not things:
        raise DatasetError(
            f"{path} does not tell which categories are things: each needs 'isthing', and one at "
            "least a 1. Read it with instances=false otherwise."
        )
    return tuple(things)


def _pairs(
    root: DatasetFolder, split: str, content: Panoptic, path: Path, *, objects: bool
) -> dict[str, Pair]:
    images = root.files(f"{split}2017")
    masks = root.files(f"annotations/panoptic_{split}2017", ".png")
    labels = labels_by_category(path, content["categories"])
    names = names_of(path, content["images"])
    pairs: dict[str, Pair] = {}
    for annotation in content["annotations"]:
        name = names.get(annotation["image_id"])
        if name is None:
            raise DatasetError(f"{path} annotates image {annotation['image_id']}, but lists none.")
        if name in pairs:
            raise DatasetError(f"{path} annotates image {name} twice: remove one of both.")
        mask = masks.find(annotation["file_name"].removesuffix(".png"))
        segments = _segments(annotation, labels, path, objects=objects)
        read = partial(read_objects if objects else read_segments, segments)
        pairs[name] = Pair(
            images.find(name),
            mask if isinstance(mask, Missing) else Mask((mask,), read, beside=segments),
        )
    return pairs


def _segments(
    annotation: PanopticAnnotation, labels: Mapping[int, int], path: Path, *, objects: bool
) -> bytes:
    """(segment id, label) of each segment by id, little-endian int64; id 0 is void.

    So is a crowd where ``objects`` are read.
    """
    labels_by_id = {
        segment["id"]: VOID
        if objects and segment.get("iscrowd")
        else label_of(segment["category_id"], labels, path)
        for segment in annotation["segments_info"]
    }
    return np.array(sorted(({0: VOID} | labels_by_id).items()), dtype="<i8").tobytes()


def read_segments(segments: bytes, files: Sequence[Path]) -> Pixels:
    """Labels of one panoptic PNG, uint8 (H, W): see :func:`read_objects`."""
    return read_objects(segments, files).mask


def read_objects(segments: bytes, files: Sequence[Path]) -> Annotation:
    """Labels and segments of one panoptic PNG: id = R + 256 G + 65536 B, looked up in ``segments``.

    Raises:
        DatasetError: It cannot be read, is not RGB, or has ids that the annotation does not list.
    """
    [path] = files
    image = open_image(path)
    if image.mode not in {"RGB", "RGBA"}:
        raise DatasetError(f"{path} has mode {image.mode}; panoptic masks are RGB.")
    stored = np.asarray(image.convert("RGB")).astype(np.int64) @ np.array([1, 256, 65536])
    ids, labels = np.frombuffer(segments, dtype="<i8").reshape(-1, 2).T
    rows = np.searchsorted(ids, stored).clip(max=len(ids) - 1)
    unknown = ids[rows] != stored
    if unknown.any():
        wrong = ", ".join(map(str, np.unique(stored[unknown])[:8]))
        raise DatasetError(f"{path} holds segments that its annotation does not list: {wrong}.")
    return Annotation(np.asarray(labels[rows], dtype=np.uint8), rows)  # row 0 is that of no segment
