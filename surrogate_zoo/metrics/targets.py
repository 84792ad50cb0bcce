"""What a search aims at: one metric or score of objects, or a weighted sum. Needs no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from surrogate_zoo.errors import InputError, UnknownNameError
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.metrics.instances.scores import INSTANCE_SCORES
from surrogate_zoo.metrics.titles import higher_is_better, merit_of
from surrogate_zoo.sums import is_sum, parse_sum


@dataclass(frozen=True)
class Target:
    """One metric or score of objects by name, or a weighted sum of some: ``0.7*miou+0.3*biou``.

    Scores are stored and shown as they are. What compares them (samplers, halving, races, rankings,
    tests) compares merits, of which the higher is better in any case.

    Raises:
        UnknownNameError: There is no such metric and no such score of objects.
        InputError: The expression is no weighted sum, names a metric twice, has a score that ranks
            nothing, or joins scores that are better when higher with others that are better when lower.

    Attributes:
        expression: As it was asked for.
    """

    expression: str

    def __post_init__(self) -> None:
        """Check the names and that they agree about which way is better."""
        names = self.metrics
        if len(set(names)) < len(names):
            raise InputError(f"{self.expression!r} names a metric twice.")
        for name in names:
            _check(name)
        lower = [name for name in names if not higher_is_better(name)]
        if 0 < len(lower) < len(names):
            raise InputError(
                f"{self.expression!r} adds {', '.join(lower)}, of which lower is better, to scores of "
                "which higher is better: aim at one of them, or leave it out."
            )

    @cached_property
    def terms(self) -> tuple[tuple[float, str], ...]:
        """Weight and name of each metric."""
        if not is_sum(self.expression):
            return ((1.0, self.expression),)
        return tuple(parse_sum(self.expression))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics and scores of objects."""
        return tuple(name for _, name in self.terms)

    @cached_property
    def higher_is_better(self) -> bool:
        """Which way the score is better."""
        return bool(higher_is_better(self.metrics[0]))

    def parts(self, measured: Mapping[str, float]) -> dict[str, float]:
        """Those of the measured metrics that belong to the target."""
        return {name: measured[name] for name in self.metrics if name in measured}

    def score(self, measured: Mapping[str, float]) -> float | None:
        """Weighted mean of the metrics, in the range of theirs; None where one was not measured."""
        if not set(self.metrics) <= set(measured):
            return None
        whole = sum(weight for weight, _ in self.terms)
        return sum(weight * measured[name] for weight, name in self.terms) / whole

    def merits(self, measured: Mapping[str, float]) -> dict[str, float]:
        """:meth:`parts`, each negated where lower is better: their weighted mean is the merit."""
        return {name: merit_of(name, score) for name, score in self.parts(measured).items()}

    def merit(self, measured: Mapping[str, float]) -> float | None:
        """The score, negated where lower is better; None where a metric was not measured."""
        score = self.score(measured)
        return None if score is None else self.merit_of(score)

    def merit_of(self, score: float) -> float:
        """A score as what is compared: negated where lower is better. Of a merit, the score."""
        return merit_of(self.expression, score)


def _check(name: str) -> None:
    """Refuse a name that can be no part of a target."""
    if name not in METRICS and name not in INSTANCE_SCORES:
        raise UnknownNameError("metric", name, [*METRICS, *INSTANCE_SCORES])
    if higher_is_better(name) is None:
        ranking = ", ".join(
            score.name for score in INSTANCE_SCORES.values() if score.higher_is_better is not None
        )
        raise InputError(f"{name} has no better way and ranks nothing: take one of {ranking}.")
