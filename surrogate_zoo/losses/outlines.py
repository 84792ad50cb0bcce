"""Curves of a loss file as pages draw them: points and how to join them. Needs neither NumPy nor torch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from surrogate_zoo.curves.families import CURVE_FAMILIES
from surrogate_zoo.losses.document import Document

Point = tuple[float, float]


@dataclass(frozen=True)
class Outline:
    """One curve, from x = 0 to x = 1; both coordinates lie in 0..1.

    Attributes:
        shape: ``bezier``: every second point is the middle one of a quadratic Bezier segment;
            ``linear``: straight lines between the points.
        points: All points, in order.
    """

    shape: str
    points: Sequence[Point]


def outlines(document: Document) -> dict[str, Outline]:
    """The curves of a loss, by name; of a sum's surrogates as ``metric:name``. Handmade losses have none.

    Args:
        document: A loss file's content.
    """
    return dict(_curves(document))


def _curves(document: Document) -> Iterator[tuple[str, Outline]]:
    terms = [term["loss"] for term in document.get("terms", [{"loss": document}])]
    for loss in terms:
        if loss.get("kind") == "surrogate":
            for name, numbers in _control_points(loss).items():
                told = name if len(terms) == 1 else f"{loss['metric']}:{name}"
                yield told, _outline(loss["family"], numbers)


def _control_points(loss: Document) -> Mapping[str, Sequence[float]]:
    points: Mapping[str, Sequence[float]] = loss["control_points"]
    return points


def _outline(family: str, numbers: Sequence[float]) -> Outline:
    entry = CURVE_FAMILIES[family]
    if entry.shape == "linear":
        heights = [0.0, *numbers, 1.0] if entry.truth_table else list(numbers)
        last = len(heights) - 1
        return Outline("linear", [(i / last, height) for i, height in enumerate(heights)])
    points = list(zip(numbers[0::2], numbers[1::2], strict=True))
    return Outline("bezier", [(0.0, 0.0), *points, (1.0, 1.0)] if entry.truth_table else points)
