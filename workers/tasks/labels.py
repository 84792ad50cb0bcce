"""What a dataset's owner says of classes and masks: names, stored values, colours, regions; its checks."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

from pydantic import Field

from surrogate_zoo.modes import BINARY, MULTICLASS, MULTILABEL

VOID = 255
MOST_CLASSES = 255
MOST_CHARACTERS = 100  # of a class's name

Label = Annotated[int, Field(ge=0, le=255)]
Stored = Annotated[int, Field(ge=0, le=65_535)]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Mode = Literal["multiclass", "binary", "multilabel"]
Region = Annotated[tuple[Stored, ...], Field(min_length=1)]

IMAGE, CLASS, SPLIT = "{image}", "{class}", "{split}"
"""What stands in a pattern of names for the image's, the class's and the split's."""

MULTILABEL_LAYOUTS: Final = ("folder", "coco", "shapes")
"""Layouts whose masks can have several classes a pixel."""


def told_apart(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Class names without blanks around them, in one Unicode form; none is there twice.

    Raises:
        ValueError: There are too many, or one is empty, too long, cannot be printed, or is there twice.
    """
    names = tuple(unicodedata.normalize("NFC", name.strip()) for name in classes)
    if len(names) > MOST_CLASSES:
        raise ValueError(
            f"{len(names)} classes are more than the {MOST_CLASSES} that a mask of 8 bits can hold "
            f"beside void ({VOID}): give rare ones a label in common, labels={{stored: label}}"
        )
    places: dict[str, int] = {}
    for label, name in enumerate(names):
        if not name:
            raise ValueError(f"label {label} has no name: give each class one")
        if len(name) > MOST_CHARACTERS or not name.isprintable():
            raise ValueError(
                f"the name of label {label} has {len(name)} characters, or some that cannot be printed: take "
                f"at most {MOST_CHARACTERS} that can"
            )
        if name in places:
            raise ValueError(
                f"{name!r} is the name of the labels {places[name]} and {label}: give each class a "
                "name of its own, or map the stored values to one label, labels={stored: label}"
            )
        places[name] = label
    return names


def check_layout(layout: str, mode: str, *, instances: bool) -> None:
    """Refuse several classes a pixel where a layout's masks have one.

    Raises:
        ValueError: They have, or objects are to be told apart.
    """
    if mode != MULTILABEL:
        return
    if layout not in MULTILABEL_LAYOUTS:
        raise ValueError(
            f"masks of the layout {layout} have one class a pixel: leave mode=multilabel out, or take "
            f"{' or '.join(MULTILABEL_LAYOUTS)}"
        )
    if instances:
        raise ValueError("objects have one class a pixel: leave instances or mode=multilabel out")


def check_number(classes: int, mode: str) -> None:
    """Refuse too few classes for a mode, or too many.

    Raises:
        ValueError: Binary needs two, and a pixel that has one class needs two to choose from.
    """
    if mode == BINARY and classes != 2:
        raise ValueError(
            f"mode=binary has two classes, background first, and there are {classes}: name two, or leave "
            "mode out"
        )
    if mode == MULTICLASS and classes < 2:
        raise ValueError(
            "a pixel of one class has nothing to choose from: name what is around it too, first, such as "
            "background; or say mode=multilabel, where each class is on or off"
        )


def check_labels(classes: int, mode: str, labels: Mapping[int, int]) -> None:
    """Refuse labels that stored values are given and that are no class's, nor void.

    Raises:
        ValueError: Names one.
    """
    known = range(2 if mode == MULTILABEL else classes)
    wrong = sorted({label for label in labels.values() if label != VOID} - {*known})
    if not wrong:
        return
    if mode == MULTILABEL:
        raise ValueError(
            f"labels gives the label {wrong[0]}, and a class of a multi-label is off or on: name 0, 1, or "
            f"{VOID} for void"
        )
    raise ValueError(
        f"labels gives the label {wrong[0]}, and the last of the {classes} classes is {classes - 1}: name a "
        f"class, or {VOID} for void"
    )


def check_pattern(pattern: str, mode: str) -> None:
    """Refuse a pattern of masks' names that finds no mask, or one a class where a pixel has one.

    Raises:
        ValueError: It has no ``{image}``, or ``{class}`` without a multi-label.
    """
    if pattern.count(IMAGE) != 1 or pattern.count(CLASS) > 2:
        raise ValueError(
            f"mask_name must hold {IMAGE} once, such as {IMAGE}_mask, and not {pattern!r}"
        )
    if CLASS in pattern and mode != MULTILABEL:
        raise ValueError(
            f"mask_name with {CLASS} is a mask for each class: say mode=multilabel, or leave it out"
        )


def check_regions(
    regions: Mapping[str, Sequence[int]], classes: Sequence[str], labels: Mapping[int, int]
) -> None:
    """Refuse regions that are not those of the classes, and stored values that are on beside them.

    Raises:
        ValueError: Names the first that is missing or strange.
    """
    if strange_values := sorted(value for value, label in labels.items() if label == 1):
        raise ValueError(
            f"labels says that {strange_values[0]} is on, and regions say of which classes: give it 0 for "
            f"none, or {VOID} for void"
        )
    if missing := [name for name in classes if name not in regions]:
        raise ValueError(f"regions has no values of the class {missing[0]!r}: give each class some")
    if strange := [name for name in regions if name not in classes]:
        raise ValueError(f"regions names {strange[0]!r}, which is no class: name it in classes too")
