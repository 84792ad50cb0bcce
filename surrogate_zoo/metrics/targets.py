"""What a search aims at: one metric, or a weighted sum of several. Needs no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.sums import is_sum, parse_sum


@dataclass(frozen=True)
class Target:
    """One metric by name, or a weighted sum such as ``miou+bf1`` or ``0.7*miou+0.3*biou``.

    Raises:
        UnknownNameError: No such metric.
        InputError: The expression is no weighted sum, or names a metric twice.

    Attributes:
        expression: As it was asked for.
    """

    expression: str

    def __post_init__(self) -> None:
        """Check the names."""
        for name in self.metrics:
            METRICS[name]
        if len(set(self.metrics)) < len(self.metrics):
            raise InputError(f"{self.expression!r} names a metric twice.")

    @cached_property
    def terms(self) -> tuple[tuple[float, str], ...]:
        """Weight and name of each metric."""
        if not is_sum(self.expression):
            return ((1.0, self.expression),)
        return tuple(parse_sum(self.expression))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics."""
        return tuple(name for _, name in self.terms)

    def parts(self, measured: Mapping[str, float]) -> dict[str, float]:
        """Those of the measured metrics that belong to the target."""
        return {name: measured[name] for name in self.metrics if name in measured}

    def score(self, measured: Mapping[str, float]) -> float | None:
        """Weighted mean of the metrics, in the range of theirs; None where one was not measured."""
        if not set(self.metrics) <= set(measured):
            return None
        whole = sum(weight for weight, _ in self.terms)
        return sum(weight * measured[name] for weight, name in self.terms) / whole
