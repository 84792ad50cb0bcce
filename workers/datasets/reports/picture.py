"""A picture of nine samples of a dataset with their labels, for its owner to look at."""

import colorsys
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from surrogate_zoo.modes import MULTILABEL
from workers.datasets.dataset import VOID, Dataset, Objects, Pixels, Sample
from workers.datasets.reports.band_statistics import as_picture
from workers.datasets.reports.label_counts import added, count_labels

GRID = 3  # samples a row, and rows
BOX = (216, 162)  # width and height that an image is fitted into
GAP, LINE = 8, 18  # pixels between samples, and height of a line of text
SWATCH = 12
NAME_LENGTH = 60


def palette() -> Pixels:
    """(256, 3) colour of each label: hues by the golden ratio, void white."""
    colours = [
        colorsys.hsv_to_rgb(
            label * 0.618034 % 1, 0.75 - 0.3 * (label % 2), 0.5 + 0.45 * (label > 0)
        )
        for label in range(256)
    ]
    table = np.round(255 * np.array(colours)).astype(np.uint8)
    table[VOID] = 255
    return table


def class_colours(count: int, mode: str) -> list[tuple[int, ...]]:
    """(r, g, b) of each class; of a multi-label black is no class, and what overlaps is mixed."""
    first = 1 if mode == MULTILABEL else 0
    return [tuple(colour) for colour in palette()[first : first + count].tolist()]


def colours_of(classes: Sequence[str], mode: str) -> dict[str, str]:
    """Class -> its colour in pictures, ``#rrggbb``."""
    colours = class_colours(len(classes), mode)
    return {name: f"#{bytes(rgb).hex()}" for name, rgb in zip(classes, colours, strict=True)}


def coloured(mask: NDArray[np.integer]) -> Pixels:
    """uint8 (H, W, 3) of labels (H, W), or of the channels of a multi-label (H, W, C): void is white."""
    picture: Pixels
    if mask.ndim == 2:
        picture = palette()[mask]
        return picture
    colours = palette()[1 : 1 + mask.shape[2]].astype(np.float32)
    on = (mask == 1).astype(np.float32)
    picture = np.round(on @ colours / np.maximum(on.sum(2, keepdims=True), 1)).astype(np.uint8)
    picture[(mask == VOID).any(2) & (on.sum(2) == 0)] = 255
    return picture


def object_palette(count: int) -> Pixels:
    """(count + 1, 3) colour of each object of an image: hues by the golden ratio, 0 black."""
    colours = [
        colorsys.hsv_to_rgb(
            number * 0.618034 % 1, 0.4 + 0.2 * (number % 4), 1 - 0.15 * (number % 3)
        )
        for number in range(1, count + 1)
    ]
    table = np.zeros((count + 1, 3), dtype=np.uint8)
    table[1:] = np.round(255 * np.array(colours).reshape(-1, 3))
    return table


def draw_objects(mask: Pixels, instances: Objects) -> Pixels:
    """uint8 (H, W, 3): each object in a colour of its own, void white, the rest black."""
    colours = object_palette(int(instances.max(initial=0)))[instances]
    colours[mask == VOID] = 255
    return colours


def draw_samples(
    dataset: Dataset, split: str = "train", neighbours: Sequence[str] = ()
) -> Image.Image:
    """Draw nine samples, spread evenly over a split, then a key of colours.

    Each has its name above, its image, its labels, and its objects where the dataset has things.

    Args:
        dataset: The dataset.
        split: Which split.
        neighbours: Names of images of the split that are near duplicates; a few of them make a last
            row, without their labels.

    Raises:
        DatasetError: A sample cannot be read.
    """
    names = dataset.names(split)
    chosen = np.unique(np.linspace(0, len(names) - 1, GRID**2).round().astype(int)).tolist()
    samples = [dataset.sample(split, index) for index in chosen]
    across = (3 if dataset.things else 2) * BOX[0] + GAP  # from sample to sample
    key = _key(_entries(dataset, samples), GRID * across + GAP)
    rows = -(-len(samples) // GRID)
    alike = [as_picture(dataset.sample(split, names.index(name)).image) for name in neighbours]
    below = LINE + BOX[1] + GAP if alike else 0
    height = rows * (LINE + BOX[1] + GAP) + below + key.height + 2 * GAP
    picture = Image.new("RGB", (key.width, height), "white")
    for cell, (index, sample) in enumerate(zip(chosen, samples, strict=True)):
        left, top = GAP + cell % GRID * across, GAP + cell // GRID * (LINE + BOX[1] + GAP)
        _write(picture, (left, top), f"{split}: {names[index]}"[:NAME_LENGTH])
        for part in _parts(sample):
            left += _paste(picture, Image.fromarray(part), (left, top + LINE))
    for column, (name, image) in enumerate(zip(neighbours, alike, strict=True)):
        left, top = GAP + column * (BOX[0] + GAP), GAP + rows * (LINE + BOX[1] + GAP)
        _write(picture, (left, top), f"alike: {name}"[: NAME_LENGTH // 2])
        _paste(picture, Image.fromarray(image), (left, top + LINE))
    picture.paste(key, (0, height - key.height))
    return picture


def _parts(sample: Sample) -> Iterator[Pixels]:
    """What is drawn of a sample, from left to right."""
    yield as_picture(sample.image)
    yield coloured(sample.mask)
    if sample.instances is not None:
        yield draw_objects(sample.mask, sample.instances)


def _paste(picture: Image.Image, part: Image.Image, corner: tuple[int, int]) -> int:
    """Fit ``part`` into a box and return its width; no colours are mixed, since some are labels."""
    factor = min(BOX[0] / part.width, BOX[1] / part.height)
    size = (max(round(part.width * factor), 1), max(round(part.height * factor), 1))
    picture.paste(part.resize(size, Image.Resampling.NEAREST), corner)
    return size[0]


def _write(picture: Image.Image, corner: tuple[int, int], text: str) -> None:
    ImageDraw.Draw(picture).text(corner, text, fill="black", font=ImageFont.load_default(12))


def _entries(dataset: Dataset, samples: Sequence[Sample]) -> list[tuple[str, tuple[int, ...]]]:
    """Name and colour of each class that samples have, and of void."""
    classes = len(dataset.classes)
    counts = added((count_labels(sample.mask, classes) for sample in samples), classes)
    named = zip(dataset.classes, class_colours(classes, dataset.mode), strict=True)
    entries = [one for one, number in zip(named, counts.pixels, strict=True) if number]
    return entries + ([("void", (255, 255, 255))] if counts.void else [])


def _key(entries: Sequence[tuple[str, tuple[int, ...]]], across: int) -> Image.Image:
    """Name and colour of each class, line by line, ``across`` pixels wide."""
    font = ImageFont.load_default(12)
    places, left, line = [], GAP, 0
    for name, _ in entries:
        width = SWATCH + 4 + round(font.getlength(name)) + 2 * GAP
        if left + width > across:
            left, line = GAP, line + 1
        places.append((left, line * LINE))
        left += width
    key = Image.new("RGB", (across, (line + 1) * LINE), "white")
    for (name, colour), (left, top) in zip(entries, places, strict=True):
        swatch = [left, top + 2, left + SWATCH, top + 2 + SWATCH]
        ImageDraw.Draw(key).rectangle(swatch, fill=colour, outline="grey")
        _write(key, (left + SWATCH + 4, top), name)
    return key
