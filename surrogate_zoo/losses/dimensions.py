"""Parameters of losses that a search may walk along. Needs nothing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dimension:
    """One parameter of a space.

    Attributes:
        name: What people call it.
        low: Its smallest value.
        high: Its largest value.
        log: Whether equal ratios, rather than equal differences, are equally far apart.
    """

    name: str
    low: float
    high: float
    log: bool = False

    def holds(self, value: float) -> bool:
        """Whether a value lies in the range; NaN does not."""
        return self.low <= value <= self.high
