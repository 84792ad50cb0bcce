"""Successive halving of a generation: who goes on after a rung, and what is told of the others.

Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization",
AISTATS 2016. A rung is a number of iterations after which candidates are scored, in the middle of
their schedule; the better part goes on. Pure functions, needs pydantic alone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Annotated

from pydantic import Field, model_validator

from surrogate_zoo.metrics.targets import Target
from workers.tasks.base import Fraction, Spec


class HalvingSpec(Spec):
    """When the worst of a generation are stopped.

    Attributes:
        rungs: Shares of the iterations after which the candidates that are left are compared, rising.
        keep: Share of them that goes on, rounded up. The sampler's mean goes on in any case.
    """

    rungs: Annotated[tuple[Fraction, ...], Field(min_length=1, max_length=8)] = (0.25, 0.5)
    keep: Fraction = 0.5

    @model_validator(mode="after")
    def _rungs_rise(self) -> "HalvingSpec":
        if any(low >= high for low, high in zip(self.rungs, self.rungs[1:], strict=False)):
            raise ValueError("rungs must rise, such as [0.25, 0.5]")
        return self

    def iterations(self, total: int) -> tuple[int, ...]:
        """The rungs of a schedule of ``total`` iterations; fewer where it is short."""
        rungs = {max(1, round(share * total)) for share in self.rungs}
        return tuple(sorted(rung for rung in rungs if rung < total))


@dataclass(frozen=True)
class Rung:
    """A rung that the candidates who reached it have been scored on.

    Attributes:
        scores: Trial number -> score after the rung's iterations, higher is better; None where a
            candidate failed.
        better: Those of the better part.
        going_on: Those that go on: the better part, and the sampler's mean.
    """

    scores: Mapping[int, float | None]
    better: frozenset[int]
    going_on: frozenset[int]

    @classmethod
    def of(
        cls, scores: Mapping[int, float | None], share: float, always: Collection[int] = ()
    ) -> "Rung":
        """Part the candidates; of equals the earlier one is better.

        Args:
            scores: As above.
            share: Of those that have a score goes on.
            always: Those that go on whatever they scored, unless they failed.
        """
        scored = [(-score, number) for number, score in scores.items() if score is not None]
        ranked = [number for _, number in sorted(scored)]
        better = frozenset(ranked[: ceil(share * len(ranked))])
        return cls(scores, better, better | (set(ranked) & set(always)))

    @property
    def stopped(self) -> dict[int, float]:
        """Those that end here, with their score on this rung."""
        return {
            number: score
            for number, score in self.scores.items()
            if score is not None and number not in self.going_on
        }


def standings(
    measured: Mapping[int, Mapping[str, float]], objectives: Sequence[Target]
) -> dict[int, float | None]:
    """What candidates are ranked by on a rung: their merit; of several objectives, their best place.

    Args:
        measured: Trial number -> its metrics; none of one that failed.
        objectives: What is searched for.

    Returns:
        By number; higher is better, None where there is nothing to rank by.
    """
    columns = [
        {number: objective.merit(metrics) for number, metrics in measured.items()}
        for objective in objectives
    ]
    if len(columns) == 1:
        return columns[0]
    places: dict[int, float | None] = dict.fromkeys(measured)
    for column in columns:
        scored = sorted((-score, number) for number, score in column.items() if score is not None)
        for place, (_, number) in enumerate(scored):
            best = places[number]
            places[number] = -place if best is None else max(best, -place)
    return places


def imputed_scores(rungs: Sequence[Rung], last: Mapping[int, float | None]) -> dict[int, float]:
    """The score that a sampler gets for every candidate that was stopped; higher is better in all.

    Scores after few iterations are lower than after many, so those of a rung cannot stand beside
    those of whole trainings. What can be compared is the distance on the rung: a stopped candidate
    gets the lowest score of the better part, lowered by as much as it lay below the lowest of them
    on the rung. So it ranks below everyone who was better there, the order and the distances on the
    rung are kept, and the scale is that of whole trainings. With several rungs this goes down from
    the last one. Of several objectives the better part holds some that are worse in one of them: there
    only those count who were better than the stopped one in it. Where nobody of the better part came
    to an end, the rung's own scores are told.

    Args:
        rungs: From the first to the last.
        last: Trial number -> score of those that came to an end; None where one failed.
    """
    scores = {number: score for number, score in last.items() if score is not None}
    stopped: dict[int, float] = {}
    for rung in reversed(rungs):
        ended = {
            number: score
            for number, score in rung.scores.items()
            if number in rung.better and number in scores and score is not None
        }
        imputed = {
            number: score + _shift(score, ended, scores) for number, score in rung.stopped.items()
        }
        scores |= imputed
        stopped |= imputed
    return stopped


def _shift(score: float, ended: Mapping[int, float], last: Mapping[int, float]) -> float:
    """What takes a score on a rung to the scale of whole trainings.

    Args:
        score: Of one that was stopped.
        ended: Scores on the rung of the better part, as far as it came to an end.
        last: Scores at the end.
    """
    if not ended:
        return 0.0
    above = [number for number, other in ended.items() if other >= score] or list(ended)
    return min(last[number] for number in above) - min(ended[number] for number in above)
