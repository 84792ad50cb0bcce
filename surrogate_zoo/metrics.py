"""The metrics, each written once, as arithmetic over a logic.

With Boolean logic on label maps a function below is the exact metric, with the product logic on
probabilities its naive surrogate, with curves the searched surrogate. Curve names, parameter
count, evaluator and loss follow from the one function. Totals are sums over all images and
pixels, so the ratios are those of the whole data set, not means over images.

This module needs no torch: the functions only use operators and methods of their arguments.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from surrogate_zoo.names import Registry
from surrogate_zoo.sites import curve_names

if TYPE_CHECKING:
    from torch import Tensor

    from surrogate_zoo.logic import Logic
    from surrogate_zoo.maps import Maps

_LI = "Li et al., Auto Seg-Loss, ICLR 2021"


@dataclass(frozen=True)
class Metric:
    """One entry of :data:`METRICS`.

    Attributes:
        name: The name that users write.
        title: The name that papers write.
        summary: What it measures, in one sentence.
        source: Paper and equation.
        function: The metric over a logic; returns a score in 0..1.
        segments: Bezier segments of every curve unless a search says otherwise.
    """

    name: str
    title: str
    summary: str
    source: str
    function: "Callable[[Logic, Maps], Tensor]"
    segments: int = 2

    @cached_property
    def curves(self) -> tuple[str, ...]:
        """Names of the curves that a parameterised logic needs, in the order of their control points."""
        return curve_names(self.function)


def miou(logic: "Logic", maps: "Maps") -> "Tensor":
    """Mean over classes of intersection over union (Auto Seg-Loss, eq. 2)."""
    return _mean_iou(logic, maps, within=None)


def biou(logic: "Logic", maps: "Maps") -> "Tensor":
    """Mean IoU inside the band around the target's boundaries (Auto Seg-Loss, eq. 4).

    This is a trimap mIoU; the Boundary IoU of Cheng et al. 2021 is another metric.
    """
    edge = logic.xor("edge", maps.target, maps.erode(maps.target))
    return _mean_iou(logic, maps, within=maps.band(edge))


def _mean_iou(logic: "Logic", maps: "Maps", within: "Tensor | None") -> "Tensor":
    intersection = maps.total(logic.and_("and", maps.pred, maps.target), within)
    union = maps.total(logic.or_("or", maps.pred, maps.target), within)
    return maps.class_mean(
        maps.ratio(intersection, union), maps.exists(maps.pred, maps.target, within)
    )


def fwiou(logic: "Logic", maps: "Maps") -> "Tensor":
    """IoU of the classes, weighted by their frequency in the target (Auto Seg-Loss, eq. 3)."""
    intersection = maps.total(logic.and_("and", maps.pred, maps.target))
    union = maps.total(logic.or_("or", maps.pred, maps.target))
    return maps.class_mean(maps.ratio(intersection, union), maps.total(maps.target))


def macc(logic: "Logic", maps: "Maps") -> "Tensor":
    """Mean over the target's classes of the share of their pixels that is found."""
    found = maps.total(logic.and_("and", maps.pred, maps.target))
    pixels = maps.total(maps.target)
    return maps.class_mean(maps.ratio(found, pixels), maps.occurs(pixels))


def gacc(logic: "Logic", maps: "Maps") -> "Tensor":
    """Share of all pixels whose class is right."""
    found = maps.total(logic.and_("and", maps.pred, maps.target))
    pixels = maps.total(maps.target)
    return maps.class_mean(maps.ratio(found, pixels), pixels)


def bf1(logic: "Logic", maps: "Maps") -> "Tensor":
    """Mean over classes of the F1 score of boundary pixels, with a tolerance (Auto Seg-Loss, eq. 5).

    Precision: predicted boundary pixels within the tolerance of the target's boundary of that
    class; recall: the reverse. Counts are pooled over the data set before the F1 score.
    """
    predicted, true = (logic.xor("edge", m, maps.erode(m)) for m in (maps.pred, maps.target))
    # The released implementation counts boundary pixels at void pixels too, in this metric alone.
    void = maps.as_released
    matched = maps.total(predicted * maps.dilate(true), include_void=void)
    precision = maps.ratio(matched, maps.total(predicted, include_void=void))
    recovered = maps.total(maps.dilate(predicted) * true, include_void=void)
    recall = maps.ratio(recovered, maps.total(true, include_void=void))
    f1 = maps.ratio(2 * precision * recall, precision + recall)
    return maps.class_mean(f1, maps.exists(predicted, true, include_void=void) * maps.foreground)


METRICS = Registry(
    "metric",
    (
        Metric(
            "miou", "mIoU", "Mean over classes of intersection over union.", f"{_LI}, eq. 2", miou
        ),
        Metric("fwiou", "FWIoU", "IoU weighted by class frequency.", f"{_LI}, eq. 3", fwiou),
        Metric(
            "biou",
            "BIoU",
            "mIoU inside a band around the target's boundaries.",
            f"{_LI}, eq. 4",
            biou,
        ),
        Metric(
            "bf1",
            "BF1",
            "F1 score of boundary pixels, mean over classes.",
            f"{_LI}, eq. 5",
            bf1,
            segments=1,
        ),
        Metric("macc", "mAcc", "Mean over classes of pixel recall.", f"{_LI}, Section 3", macc),
        Metric("gacc", "gAcc", "Share of pixels whose class is right.", f"{_LI}, Section 3", gacc),
    ),
)
"""All metrics by name."""
