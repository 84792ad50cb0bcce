"""What a metric is: a name, a source, and one function over a logic. Needs no torch."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.sites import curve_names

if TYPE_CHECKING:
    from torch import Tensor

    from surrogate_zoo.metrics.logic import Logic
    from surrogate_zoo.metrics.maps import Maps


@dataclass(frozen=True)
class Metric:
    """One entry of :data:`METRICS`.

    Attributes:
        name: The name that users write.
        title: The name that papers write.
        summary: What it measures, in one sentence.
        source: Paper and equation.
        function: The metric over a logic; returns a score of 1 at most, 1 where all is right.
        multilabel: What it sums up of a multi-label: the class ``on`` of each channel, ``both`` classes of
            each, or ``none``, where it has no meaning.
        segments: Bezier segments of every curve unless a search says otherwise.
        package: The package that brings it; empty for those of this module.
        least: The least score that there may be.
    """

    name: str
    title: str
    summary: str
    source: str
    function: "Callable[[Logic, Maps], Tensor]"
    segments: int = 2
    multilabel: Literal["on", "both", "none"] = "on"
    package: str = ""
    least: float = 0.0

    @cached_property
    def curves(self) -> tuple[str, ...]:
        """Names of the curves that a parameterised logic needs, in the order of their control points."""
        return curve_names(self.function)


def check_multilabel(metric: Metric, as_released: bool) -> None:
    """Check that a metric has a meaning where each channel is on or off by itself.

    Args:
        metric: The metric.
        as_released: Whether it is to be as the released implementation has it.

    Raises:
        InputError: It has none, or the released implementation has no multi-labels.
    """
    if metric.multilabel == "none":
        raise InputError(
            f"{metric.name} compares the classes of a pixel, of which a multi-label has several or none: "
            "take a metric of regions, such as dice or miou."
        )
    if as_released:
        raise InputError("as_released is of one class a pixel: leave it out of a multi-label.")
