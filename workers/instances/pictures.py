"""Pictures of objects: image, truth, and what every way finds, each object in a colour of its own."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn

from workers.datasets.dataset import Objects, Pixels
from workers.datasets.reports.band_statistics import as_picture
from workers.datasets.reports.picture import draw_objects
from workers.instances.cluster import cluster
from workers.instances.found import Found
from workers.instances.prediction import predict_image
from workers.instances.scoring import truths_of
from workers.learning.image_stack import Stack
from workers.tasks.instances import EMBEDDED, ClusteringSpec

ROWS = 4
HEIGHT = 220  # pixels of an image
LINE, GAP = 18, 6  # pixels of a line of text, and between pictures


def find_objects(
    network: nn.Module,
    image: Tensor,
    things: Sequence[int],
    ways: Mapping[str, ClusteringSpec],
    number: int,
) -> dict[str, Found]:
    """The objects of one image, way by way; the network sees it once.

    Args:
        network: In evaluation mode, on the image's device.
        image: uint8 (H, W, 3).
        things: Labels of the classes that have objects.
        ways: How pixels become objects, by name.
        number: The image's position among all of its split.

    Raises:
        InputError: As ``workers.instances.cluster.cluster``.
    """
    embedded = any(way.method in EMBEDDED for way in ways.values())
    prediction, _ = predict_image(network, image, embedded=embedded)
    return {name: cluster(*prediction, things, way, seed=number) for name, way in ways.items()}


def matched_numbers(found: Objects, true: Objects) -> Objects:
    """Number the objects that are found as the true ones that they share most pixels with.

    So they have their colours. A true object gives its number to one alone, that which shares most with
    it; others have numbers beyond the true ones.

    Args:
        found: (H, W), 1..P, 0 = none.
        true: (H, W), 1..K, 0 = none.
    """
    predicted, truths = int(found.max(initial=0)), int(true.max(initial=0))
    pairs = np.bincount(
        found.ravel().astype(np.int64) * (truths + 1) + true.ravel(),
        minlength=(predicted + 1) * (truths + 1),
    )
    shared = pairs.reshape(predicted + 1, truths + 1)[1:, 1:]
    numbers = np.arange(predicted + 1, dtype=np.int32)
    numbers[1:] += truths
    free = set(range(truths))
    for place in np.argsort(-shared, axis=None, kind="stable"):
        one, other = divmod(int(place), max(truths, 1))
        if not shared.size or shared[one, other] == 0 or not free:
            break
        if other in free and numbers[one + 1] > truths:
            numbers[one + 1] = other + 1
            free.remove(other)
    renumbered: Objects = numbers[found]
    return renumbered


def object_picture(found: Tensor, true: Objects | None, mask: Pixels) -> Pixels:
    """uint8 (H, W, 3): objects that are found in the colours of the true ones that they meet, void white.

    Args:
        found: Integer (H, W), 1..P, 0 = none.
        true: (H, W), 1..K, 0 = none; None where nobody knows them.
        mask: uint8 (H, W) true labels, void = 255.
    """
    numbers = found.cpu().numpy().astype(np.int32)
    return draw_objects(mask, numbers if true is None else matched_numbers(numbers, true))


def draw_found(
    network: nn.Module,
    stacks: Sequence[Stack],
    things: Sequence[int],
    ways: Mapping[str, ClusteringSpec],
) -> Image.Image:
    """Draw up to four samples, one a row: image, truth, and the objects that every way finds.

    The number of objects stands above each. Objects that are found have the colours of the true ones
    that they share most pixels with.

    Args:
        network: In evaluation mode, on the stacks' device.
        stacks: Samples with objects; rows are spread evenly over the largest stack.
        things: Labels of the classes that have objects.
        ways: How pixels become objects, by name.
    """
    stack = max(stacks, key=lambda candidate: len(candidate.positions))
    truths = truths_of(stack)
    rows = []
    for place in np.unique(np.linspace(0, len(truths) - 1, ROWS).round().astype(int)).tolist():
        image, truth = stack.images[place], truths[place]
        mask = truth.target.cpu().numpy().astype(np.uint8)
        true = truth.instances.cpu().numpy().astype(np.int32)
        found = find_objects(network, image, things, ways, stack.positions[place])
        panels = {
            "image": as_picture(image.cpu().numpy()),
            f"truth: {true.max()} objects": draw_objects(mask, true),
        }
        for name, objects in found.items():
            drawn = object_picture(objects.instances, true, mask)
            panels[f"{name}: {len(objects.labels)} found, {true.max()} true"] = drawn
        rows.append(_row(panels))
    picture = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)), "white")
    for number, row in enumerate(rows):
        picture.paste(row, (0, number * row.height))
    return picture


def _row(panels: Mapping[str, Pixels]) -> Image.Image:
    """Pictures of one size side by side, each below its title."""
    height, width = next(iter(panels.values())).shape[:2]
    size = (max(1, round(width * HEIGHT / height)), HEIGHT)
    row = Image.new("RGB", (len(panels) * (size[0] + GAP), LINE + HEIGHT + GAP), "white")
    for column, (title, pixels) in enumerate(panels.items()):
        left = column * (size[0] + GAP)
        font = ImageFont.load_default(12)
        ImageDraw.Draw(row).text((left, 1), title, fill="black", font=font)
        panel = Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST)
        row.paste(panel, (left, LINE))
    return row
