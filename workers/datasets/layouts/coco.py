"""COCO 2017 instances, drawn by pycocotools: background and the 80 categories of things."""

import json
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NotRequired

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, TypeAdapter
from typing_extensions import TypedDict

from surrogate_zoo.errors import DatasetError
from surrogate_zoo.modes import MULTILABEL
from workers.datasets.dataset import VOID, Lost, Pixels, compare_counts
from workers.datasets.extras import optional
from workers.datasets.file_dataset import Annotation, FileDataset, Mask, Pair
from workers.datasets.files import DatasetFolder, Listing
from workers.datasets.layouts.coco_files import (
    NO_TEST_LABELS,
    PUBLISHED,
    Category,
    CocoImage,
    check_sizes,
    common_names,
    label_of,
    labels_by_category,
    names_of,
    read_annotations,
)
from workers.tasks.datasets import CocoSource
from workers.tasks.labels import SPLIT

Coordinate = Annotated[float, Field(ge=-100_000, le=100_000)]
Polygon = Annotated[
    list[Coordinate],
    Field(min_length=6),
    AfterValidator(partial(array, "d")),  # a fourth of the memory while a file is parsed
]


class RunLengths(TypedDict):
    """A mask as run lengths, (height, width) first; compressed where ``counts`` is text."""

    size: tuple[int, int]
    counts: str | list[Annotated[int, Field(ge=0)]]


class InstanceAnnotation(TypedDict):
    """One instance, or a crowd of them: polygons, or run lengths."""

    image_id: int
    category_id: int
    segmentation: Annotated[list[Polygon], Field(min_length=1)] | RunLengths
    iscrowd: NotRequired[int]


class Instances(TypedDict):
    """What is read of ``instances_<split>2017.json``."""

    images: list[CocoImage]
    annotations: list[InstanceAnnotation]
    categories: list[Category]


INSTANCES = TypeAdapter(Instances)

Drawer = Callable[..., Pixels | Annotation]
"""Draws one image from JSON; takes that, what to call it in messages, and no files."""


def open_coco(source: CocoSource, root: DatasetFolder) -> FileDataset:
    """Open the splits ``train`` and ``val``, and ``test`` where it has annotations.

    Label 0 is background, then come the categories in order.

    A crowd is of its category. Pixels that instances of different categories claim are void. Where
    objects are read the later annotation is on top instead, and what a crowd has alone is void.
    Images without annotations are background. Of a multi-label there is none, the categories are channels,
    and annotations overlap as they do. Outlines are kept as JSON text and drawn when an image
    is read. The annotation files are parsed as a whole, which takes the most memory: about 30 kB an
    image of COCO's training split.

    Raises:
        DatasetError: An annotation file is missing or wrong, or there is no pycocotools.
    """
    optional("pycocotools.mask", "coco")
    pairs: dict[str, dict[str, Pair]] = {}
    categories: dict[Path, list[Category]] = {}
    for split, (folder, file) in _places(source, root).items():
        path = root.file(file)
        content = read_annotations(path, INSTANCES)
        categories[path] = content["categories"]
        pairs[split] = _pairs(root.files(folder), content, path, draw=_drawer(source, content))
    names = common_names(categories)
    classes = names if source.mode == MULTILABEL else ("background", *names)
    published = source.images == CocoSource.model_fields["images"].default
    remarks = [NO_TEST_LABELS, *compare_counts(pairs, PUBLISHED)] if published else []
    things = range(1, len(classes)) if source.instances else ()
    return FileDataset(source, root, classes, pairs, remarks=remarks, things=things)


def _places(source: CocoSource, root: DatasetFolder) -> dict[str, tuple[str, str]]:
    """Folder of the images and annotation file of each split; a test split where it has a file."""
    called = {"train": "train", "val": source.val_name, "test": "test"}
    places = {
        split: (source.images.replace(SPLIT, name), source.annotations.replace(SPLIT, name))
        for split, name in called.items()
    }
    return {
        split: place for split, place in places.items() if split != "test" or root.has(place[1])
    }


def _pairs(images: Listing, content: Instances, path: Path, *, draw: Drawer) -> dict[str, Pair]:
    check_sizes(path, content["images"])
    labels = labels_by_category(path, content["categories"])
    outlines: dict[int, list[tuple[Any, ...]]] = {image["id"]: [] for image in content["images"]}
    for annotation in content["annotations"]:
        if annotation["image_id"] not in outlines:
            raise DatasetError(f"{path} annotates image {annotation['image_id']}, but lists none.")
        label = 1 + label_of(annotation["category_id"], labels, path)
        crowd = (bool(annotation.get("iscrowd")),) if draw is draw_objects else ()
        outlines[annotation["image_id"]].append((label, annotation["segmentation"], *crowd))
    names = names_of(path, content["images"])
    pairs = {}
    for image in content["images"]:
        name = names[image["id"]]
        drawing = [image["height"], image["width"], outlines.pop(image["id"])]
        where = f"{path}, image {image['file_name']},"
        text = json.dumps(drawing, default=list).encode()
        read = partial(draw, text, where)
        pairs[name] = Pair(images.find(name), Mask((), read, text, where))
    return pairs


def _drawer(source: CocoSource, content: Instances) -> Drawer:
    """What draws the images' annotations."""
    if source.mode == MULTILABEL:
        return partial(draw_channels, len(content["categories"]))
    return draw_objects if source.instances else draw_labels


def draw_channels(classes: int, drawing: bytes, where: str, _files: Sequence[Path] = ()) -> Pixels:
    """The categories of one image, uint8 (H, W, C), from JSON as in :func:`draw_labels`; they may overlap.

    Raises:
        DatasetError: An outline cannot be drawn; names ``where``.
    """
    height, width, outlines = json.loads(drawing)
    channels = np.zeros((height, width, classes), dtype=np.uint8)
    for label, outline in outlines:
        channels[_region(outline, height, width, where), label - 1] = 1
    return channels


def draw_labels(drawing: bytes, where: str, _files: Sequence[Path] = ()) -> Pixels:
    """Labels of one image, uint8 (H, W), from JSON of its height, width and labelled outlines.

    Raises:
        DatasetError: An outline cannot be drawn; names ``where``.
    """
    height, width, outlines = json.loads(drawing)
    labels = np.zeros((height, width), dtype=np.uint8)
    for label, outline in outlines:
        region = _region(outline, height, width, where)
        labels[region & (labels != 0) & (labels != label)] = VOID
        labels[region & (labels == 0)] = label
    return labels


def draw_objects(drawing: bytes, where: str, _files: Sequence[Path] = ()) -> Annotation:
    """Labels and objects of one image, from JSON as in :func:`draw_labels` that tells crowds too.

    Raises:
        DatasetError: An outline cannot be drawn; names ``where``.
    """
    height, width, outlines = json.loads(drawing)
    labels = np.zeros((height, width), dtype=np.uint8)
    objects = np.zeros((height, width), dtype=np.int32)
    overlapping, crowds = (np.zeros((height, width), dtype=bool) for _ in range(2))
    drawn = 0
    for label, outline, crowd in outlines:
        region = _region(outline, height, width, where)
        if crowd:
            crowds |= region
            continue
        drawn += 1
        overlapping |= region & (objects > 0)
        labels[region], objects[region] = label, drawn
    labels[crowds & (objects == 0)] = VOID
    hidden = drawn - len(np.unique(objects[objects > 0]))
    return Annotation(labels, objects, Lost(hidden=hidden, overlapping=int(overlapping.sum())))


def _region(outline: Any, height: int, width: int, where: str) -> NDArray[np.bool_]:
    """Pixels (H, W) inside of polygons or run lengths."""
    try:
        counts = _counts(outline, height, width)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise DatasetError(f"{where} has an outline that cannot be drawn: {error}.") from error
    size = [height, width] if isinstance(outline, list) else outline["size"]
    if size != [height, width] or min(counts) < 0 or sum(counts) != height * width:
        raise DatasetError(f"{where} has run lengths of another size than {width}x{height} pixels.")
    inside = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return inside.reshape(width, height).T


def _counts(outline: Any, height: int, width: int) -> list[int]:
    """Lengths of the runs, column by column, background first."""
    if isinstance(outline, list):
        masks = optional("pycocotools.mask", "coco")
        return run_lengths(masks.merge(masks.frPyObjects(outline, height, width))["counts"])
    counts: str | list[int] = outline["counts"]
    return run_lengths(counts.encode("ascii")) if isinstance(counts, str) else counts


def run_lengths(text: bytes) -> list[int]:
    """Lengths from COCO's compressed text: base 32, each from the fourth on less the one before last.

    Raises:
        ValueError: The text ends within a number, or has a character that is none of the code's.
    """
    counts: list[int] = []
    number, digits = 0, 0
    for character in text:
        digit = character - 48
        if not 0 <= digit < 64 or digits > 12:
            raise ValueError("its run lengths are no COCO code")
        number |= (digit & 31) << 5 * digits
        digits += 1
        if digit & 32:
            continue
        number -= (1 << 5 * digits) if digit & 16 else 0
        counts.append(number + (counts[-2] if len(counts) > 2 else 0))
        number, digits = 0, 0
    if digits or not counts:
        raise ValueError("its run lengths end within a number")
    return counts
