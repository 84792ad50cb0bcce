"""Which trainings of the user's own code are stopped early: pure functions of their reports.

Successive halving compares a generation on its rungs (``search_service.searches.halving``); the user's code
trains one candidate to its end before it asks for the next, so a generation never stands on a rung
together. Here a candidate is compared with those of the generations before its own, which are all over when
it is proposed: who is stopped follows from its own reports and from theirs, never from who trains what at
the same time, nor from the order in which workers tell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from search_service.searches.halving import HalvingSpec, Rung, imputed_scores, standings
from surrogate_zoo.metrics.targets import Target
from surrogate_zoo.metrics.titles import merit_of

LEAST: Final = 4
"""Fewer earlier candidates on a rung tell nothing: everyone goes on."""

OWN: Final = -1
"""Stands for the candidate among the numbers of earlier trials."""

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Report:
    """What was measured on the way.

    Attributes:
        step: After so many steps.
        metrics: What.
    """

    step: int
    metrics: Metrics


@dataclass(frozen=True)
class Earlier:
    """A trial of an earlier generation.

    Attributes:
        number: Its number.
        reports: Its reports, by step.
        last: Its metrics at the end, or what it was told to have come to; none of one that failed.
    """

    number: int
    reports: Sequence[Report]
    last: Metrics


def stopped_at(
    spec: HalvingSpec,
    steps: int,
    reports: Sequence[Report],
    earlier: Sequence[Earlier],
    objectives: Sequence[Target],
) -> dict[str, float] | None:
    """Whether the newest report ends a training, and what it is told to have come to.

    Args:
        spec: The rungs, and the share that goes on from each.
        steps: Of a whole training.
        reports: The candidate's own, by step; the newest is the last.
        earlier: All of the generations before its own.
        objectives: What is searched for.

    Returns:
        Its metrics on the scale of whole trainings, as ``halving.imputed_scores`` tells them; None where it
        goes on. The first report on or after a rung counts there.
    """
    before = reports[-2].step if len(reports) > 1 else 0
    for rung in spec.iterations(steps):
        if before < rung <= reports[-1].step:
            told = _told(spec.keep, rung, reports[-1].metrics, earlier, objectives)
            if told is not None:
                return told
    return None


def come_to(step: int, own: Metrics, others: Sequence[Earlier]) -> dict[str, float]:
    """What a training would have come to that somebody else stopped, by its distance to the others.

    Args:
        step: Steps that it was trained for.
        own: Its metrics then.
        others: Trials that are over; those count that reported after as many steps or more.

    Returns:
        Its metrics on the scale of whole trainings, as :func:`stopped_at` tells them; its own where nobody
        got as far.
    """
    reached = _reached(others, step)
    everyone = frozenset(reached)
    return _imputed_all(Rung({}, everyone, everyone), own, reached, others)


def _told(
    keep: float,
    step: int,
    own: Metrics,
    earlier: Sequence[Earlier],
    objectives: Sequence[Target],
) -> dict[str, float] | None:
    """What a candidate that is stopped on a rung is told to have come to; None where it goes on."""
    reached = _reached(earlier, step)
    if len(reached) < LEAST:
        return None
    rung = Rung.of(standings(reached | {OWN: own}, objectives), keep)
    return None if OWN in rung.going_on else _imputed_all(rung, own, reached, earlier)


def _reached(trials: Sequence[Earlier], step: int) -> dict[int, Metrics]:
    """What those measured on a rung that came to a score and reported there."""
    return {
        trial.number: report.metrics
        for trial in trials
        if trial.last and (report := _first(trial.reports, step)) is not None
    }


def _imputed_all(
    rung: Rung, own: Metrics, reached: Mapping[int, Metrics], trials: Sequence[Earlier]
) -> dict[str, float]:
    """The metrics of the stopped candidate that everyone has, on the scale of whole trainings."""
    measured = {**reached, OWN: own}
    last = {trial.number: trial.last for trial in trials if trial.number in reached}
    names = [name for name in own if all(name in m for m in (*measured.values(), *last.values()))]
    return {name: _imputed(name, rung, measured, last) for name in names}


def _imputed(
    name: str, rung: Rung, measured: Mapping[int, Metrics], last: Mapping[int, Metrics]
) -> float:
    """One metric of the stopped candidate, on the scale of whole trainings."""
    scores = {number: merit_of(name, metrics[name]) for number, metrics in measured.items()}
    ends = {number: merit_of(name, metrics[name]) for number, metrics in last.items()}
    return merit_of(name, imputed_scores([replace(rung, scores=scores)], ends)[OWN])


def _first(reports: Sequence[Report], step: int) -> Report | None:
    """The first report after so many steps or more."""
    return next((report for report in reports if report.step >= step), None)
