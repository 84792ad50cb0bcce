"""COCO's annotation files: JSON of images, categories and annotations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, NotRequired, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from surrogate_zoo.errors import DatasetError
from workers.datasets.files import composed, without_ending
from workers.datasets.image_files import MOST_PIXELS

PUBLISHED = {"train": 118_287, "val": 5000}
NO_TEST_LABELS = "The test split has no public labels; it is left out."

_SEGMENTATION = "segmentation"

Content = TypeVar("Content")
Side = Annotated[int, Field(ge=1, le=65_535)]


class Category(TypedDict):
    """A class; panoptic files tell whether it is of things or of stuff."""

    id: int
    name: str
    isthing: NotRequired[int]


class CocoImage(TypedDict):
    """An image; its file lies in the split's folder."""

    id: int
    file_name: str
    height: Side
    width: Side


def read_annotations(path: Path, kind: TypeAdapter[Content]) -> Content:
    """Parse an annotation file; fields that ``kind`` does not know are dropped while reading.

    Raises:
        DatasetError: It cannot be read, or is of another form; tells the first mistake.
    """
    try:
        return kind.validate_json(path.read_bytes())
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error}.") from error
    except ValidationError as error:
        raise DatasetError(f"{path} is no COCO annotation file: {_told(error)}.") from error


def _told(error: ValidationError) -> str:
    """The first mistake: its place in the file, and what is wrong there."""
    first = error.errors(include_url=False, include_input=False)[0]
    places = [str(part) for part in first["loc"]]
    if _SEGMENTATION in places:
        at = places.index(_SEGMENTATION)
        same = {tuple(one["loc"][:at]) for one in error.errors() if _SEGMENTATION in one["loc"]}
        bound = f" ({first['msg']})" if first["type"].endswith("_than_equal") else ""
        others = f", and {len(same) - 1} others like it" if len(same) > 1 else ""
        return (
            f"{'.'.join(places[: at + 1])} is no outline{bound}{others}. It must hold polygons, [[x, y, x, "
            "y, ...], ...] of three points or more, or run lengths, {size, counts}: draw it, or remove the "
            "annotation"
        )
    return f"{'.'.join(places) or 'the file'}: {first['msg']}"


def names_of(path: Path, images: Sequence[CocoImage]) -> dict[int, str]:
    """The name of each image's id: its file's, without ending, in Unicode's composed form.

    Raises:
        DatasetError: An id or a file is there twice.
    """
    names: dict[int, str] = {}
    places: dict[str, int] = {}
    for place, image in enumerate(images):
        name = composed(without_ending(image["file_name"]))
        if image["id"] in names:
            raise DatasetError(
                f"{path} lists two images with the id {image['id']}, {names[image['id']]} and {name}: give "
                "each an id of its own, or remove one."
            )
        if name in places:
            raise DatasetError(
                f"{path} lists {name!r} twice, as images[{places[name]}] and images[{place}]: join their "
                "annotations, or remove one."
            )
        names[image["id"]], places[name] = name, place
    return names


def check_sizes(path: Path, images: Sequence[CocoImage]) -> None:
    """Look at the sizes that a file gives its images, before anything is drawn in them.

    Raises:
        DatasetError: One is larger than an image may be.
    """
    for image in images:
        if image["height"] * image["width"] > MOST_PIXELS:
            raise DatasetError(
                f"{path} says that {image['file_name']} is {image['width']} x {image['height']}, more than "
                f"the {MOST_PIXELS:,} pixels that an image may have."
            )


def labels_by_category(path: Path, categories: Sequence[Category]) -> dict[int, int]:
    """The position of each category's id among ``categories``.

    Raises:
        DatasetError: An id or a name is there twice, or there are more than 254 categories.
    """
    labels = {category["id"]: label for label, category in enumerate(categories)}
    names = {category["name"] for category in categories}
    if not len(names) == len(labels) == len(categories) or not 0 < len(names) < 255:
        raise DatasetError(f"{path} must have 1 to 254 categories with ids and names of their own.")
    return labels


def label_of(category: int, labels: Mapping[int, int], path: Path) -> int:
    """The label of a category's id.

    Raises:
        DatasetError: The file at ``path`` does not list the category.
    """
    if category not in labels:
        raise DatasetError(
            f"{path} has an annotation of category {category}, which it does not list."
        )
    return labels[category]


def common_names(files: Mapping[Path, Sequence[Category]]) -> tuple[str, ...]:
    """The names of the categories that all annotation files have.

    Raises:
        DatasetError: Two files have different categories.
    """
    (first, categories), *others = files.items()
    for path, further in others:
        if further != categories:
            raise DatasetError(f"{path} has other categories than {first}; they must agree.")
    return tuple(category["name"] for category in categories)
