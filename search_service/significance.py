"""What a score over seeds is worth: intervals, paired differences, and correction for their number."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy import stats


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95% interval, in the unit of the values.

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

    def percent(self, *, signed: bool = False) -> str:
        """``43.2 ± 1.5``, for shares."""
        mean = f"{100 * self.mean:+.1f}" if signed else f"{100 * self.mean:.1f}"
        return mean if self.half is None else f"{mean} ± {100 * self.half:.1f}"


@dataclass(frozen=True)
class Difference(Estimate):
    """A mean difference of pairs.

    Attributes:
        p: Of the paired t-test, two-sided: how often chance alone would make a mean difference as
            large. None of a single pair.
    """

    p: float | None


def estimate(values: Sequence[float]) -> Estimate:
    """Mean of at least one value, and its interval."""
    if len(values) < 2:
        return Estimate(fmean(values), None)
    quantile = float(stats.t.ppf(0.975, len(values) - 1))
    return Estimate(fmean(values), quantile * stdev(values) / len(values) ** 0.5)


def difference(values: Sequence[float], base: Sequence[float]) -> Difference:
    """The difference to ``base``, pair by pair: values of the same place share their seed."""
    gaps = [value - other for value, other in zip(values, base, strict=True)]
    mean = estimate(gaps)
    if mean.half is None:
        return Difference(mean.mean, None, None)
    if mean.half == 0:  # no spread, of which the test could not tell anything
        return Difference(mean.mean, 0.0, float(mean.mean == 0))
    return Difference(mean.mean, mean.half, float(stats.ttest_1samp(gaps, 0.0).pvalue))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for their number, in their order (Holm, Scand. J. Statist. 1979).

    All adjusted values below 0.05 are together wrong with a probability of at most 0.05, whatever
    their dependence; Bonferroni's rule tells the same and finds fewer.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted
