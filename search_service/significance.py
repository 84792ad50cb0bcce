"""What a score over seeds is worth: intervals, paired differences, and correction for their number.

SciPy is loaded when a first interval is computed: commands that compute none start without it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from surrogate_zoo.metrics.titles import SHARES, ScoreUnit

LEVEL = 0.95
"""Level of an interval unless another is asked for."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval, in the unit of the values.

    Attributes:
        mean: Arithmetic mean.
        half: Half of the interval (Student's t); None of a single value, which tells no spread.
    """

    mean: float
    half: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends of the interval."""
        return None if self.half is None else (self.mean - self.half, self.mean + self.half)

    def text(self, unit: ScoreUnit, *, signed: bool = False) -> str:
        """``43.2 ± 1.5``, in the unit of a score."""
        mean = unit.difference(self.mean) if signed else unit.text(self.mean)
        return mean if self.half is None else f"{mean} ± {unit.text(self.half)}"

    def percent(self, *, signed: bool = False) -> str:
        """``43.2 ± 1.5``, for shares."""
        return self.text(SHARES, signed=signed)


@dataclass(frozen=True)
class Difference(Estimate):
    """A mean difference of pairs.

    Attributes:
        p: Of the paired t-test, two-sided: how often chance alone would make a mean difference as
            large. None of a single pair.
    """

    p: float | None


def estimate(values: Sequence[float], *, level: float = LEVEL) -> Estimate:
    """Mean of at least one value, and its interval of that level."""
    if len(values) < 2:
        return Estimate(fmean(values), None)
    return Estimate(fmean(values), _quantile(len(values) - 1, level) * _standard_error(values))


def difference(
    values: Sequence[float], base: Sequence[float], *, level: float = LEVEL
) -> Difference:
    """The difference to ``base``, pair by pair: values of the same place share their seed.

    Args:
        values: Of what is compared.
        base: Of what it is compared with.
        level: Of the interval.
    """
    gaps = [value - other for value, other in zip(values, base, strict=True)]
    mean = estimate(gaps, level=level)
    if mean.half is None:
        return Difference(mean.mean, None, None)
    if mean.half == 0:  # no spread, of which the test could not tell anything
        return Difference(mean.mean, 0.0, float(mean.mean == 0))
    p = _tail(abs(mean.mean) / _standard_error(gaps), len(gaps) - 1)
    return Difference(mean.mean, mean.half, p)


def pooled_margin(rows: Sequence[Sequence[float]], *, level: float = LEVEL) -> float | None:
    """How far apart two of several means must lie to be told apart, by the spread of all of them.

    Scores by row and round, in pairs over rounds (a two-way layout without interaction): the spread is
    what is left once rows and rounds have their means, with ``(rows - 1) (rounds - 1)`` degrees of
    freedom, so that two rounds of many rows tell more than those of two. Supposes that all rows spread
    alike. Of two rows it is the half-width of :func:`difference`'s interval.

    Args:
        rows: At least two, all of the same length.
        level: Of the interval.

    Returns:
        The margin; None of a single round.
    """
    count, rounds = len(rows), len(rows[0])
    if rounds < 2:
        return None
    means = [fmean(row) for row in rows]
    columns = [fmean(column) for column in zip(*rows, strict=True)]
    whole = fmean(means)
    left = (
        value - mean - column + whole
        for row, mean in zip(rows, means, strict=True)
        for value, column in zip(row, columns, strict=True)
    )
    freedom = (count - 1) * (rounds - 1)
    variance = math.fsum(residual**2 for residual in left) / freedom
    return _quantile(freedom, level) * math.sqrt(2 * variance / rounds)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for their number, in their order (Holm, Scand. J. Statist. 1979).

    All adjusted values below 0.05 are together wrong with a probability of at most 0.05, whatever
    their dependence; Bonferroni's rule tells the same and finds fewer.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def _standard_error(values: Sequence[float]) -> float:
    """That of the mean of at least two values."""
    return stdev(values) / math.sqrt(len(values))


def _quantile(freedom: int, level: float) -> float:
    """Where Student's t with ``freedom`` degrees of freedom lies with probability ``level``, either way."""
    from scipy.special import stdtrit  # noqa: PLC0415  (see the module's docstring)

    return float(stdtrit(freedom, (1 + level) / 2))


def _tail(t: float, freedom: int) -> float:
    """How often t is at least as large by chance: the two-sided p."""
    from scipy.special import stdtr  # noqa: PLC0415  (see the module's docstring)

    return float(2 * stdtr(freedom, -t))
