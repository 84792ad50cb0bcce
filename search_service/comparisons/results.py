"""What follows from a comparison's trainings: rates, means with intervals, tests, ranks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from search_service.comparisons.cells import cells_of
from search_service.comparisons.request import ComparisonRequest
from search_service.significance import Difference, Estimate, difference, estimate, holm
from search_service.store.states import CELL
from surrogate_zoo.metrics.catalogue import METRICS

WORST = "worst_decile"
RANKSEG = "rankseg"
ALPHA = 0.05
"""A corrected p below it tells a loss from the best one."""

Outcome = Mapping[str, Any]


def tuning_stage(network: int, rate: float) -> str:
    """Stage of the evaluations that try a learning rate with a network."""
    return f"tune {network} {rate:g}"


@dataclass(frozen=True)
class Row:
    """One loss with one network.

    Attributes:
        loss: Its name.
        learning_rate: The one that it was retrained with.
        tuning: Learning rate -> score on the hold-out set; None where the training failed.
        outcomes: Seed -> what became of the retraining; those that are finished.
    """

    loss: str
    learning_rate: float
    tuning: Mapping[float, float | None]
    outcomes: Mapping[int, Outcome]

    def values(self, score: str) -> dict[int, float]:
        """A score by seed, of those that have it."""
        found = {seed: score_of(outcome, score) for seed, outcome in self.outcomes.items()}
        return {seed: value for seed, value in found.items() if value is not None}

    @property
    def failures(self) -> dict[int, str]:
        """Why retrainings failed, by seed."""
        return {seed: one["error"] for seed, one in self.outcomes.items() if one["error"]}

    @property
    def peak_memory(self) -> int | None:
        """Most bytes of a GPU that a retraining took; None on a CPU."""
        known = [one.get("peak_memory_bytes") for one in self.outcomes.values()]
        return max((one for one in known if one is not None), default=None)

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of all retrainings."""
        return float(sum(outcome["seconds"] for outcome in self.outcomes.values()))


def score_of(outcome: Outcome, score: str) -> float | None:
    """A metric, a measure near borders, :data:`WORST`, or ``rankseg.<metric>`` of one retraining."""
    family, _, name = score.partition(".")
    scores = outcome.get(RANKSEG) or {} if family == RANKSEG else outcome["metrics"]
    value: float | None = outcome.get(WORST) if score == WORST else scores.get(name or score)
    return value


def title_of(score: str) -> str:
    """What tables call a score."""
    family, _, name = score.partition(".")
    if family == RANKSEG and name:
        return f"{title_of(name)} by RankSEG"
    if score in METRICS:
        return METRICS[score].title
    special = {WORST: "worst tenth of images, mIoU", "mba": "mBA"}
    return special.get(score, score.replace("_", " "))


@dataclass(frozen=True)
class Standing:
    """How a loss stands in one score.

    Attributes:
        estimate: Mean over seeds, with its interval.
        to_best: Difference to the loss with the highest mean over the seeds that both have; None of
            that loss itself.
        p: That of the difference, corrected for the number of losses (Holm); None where seeds are
            too few to tell.
    """

    estimate: Estimate
    to_best: Difference | None
    p: float | None

    @property
    def among_best(self) -> bool:
        """Whether it is the best or cannot be told from it."""
        return self.to_best is None or self.p is None or self.p >= ALPHA


@dataclass(frozen=True)
class Table:
    """All losses with one network.

    Attributes:
        network: The network, as requested.
        rows: The losses, the best mean rank first; those without any score last.
        scores: Names of all scores that some row has.
        ranks: Loss -> mean rank in the request's metric; see :func:`mean_ranks`.
    """

    network: Mapping[str, Any]
    rows: Sequence[Row]
    scores: Sequence[str]
    ranks: Mapping[str, float]

    @property
    def name(self) -> str:
        """The network in a few words."""
        return f"{self.network['architecture']} with {self.network['encoder']}"

    def standings(self, score: str) -> dict[str, Standing]:
        """Every loss that has the score."""
        values = {row.loss: found for row in self.rows if (found := row.values(score))}
        means = {loss: estimate(list(found.values())) for loss, found in values.items()}
        if not means:
            return {}
        best = max(means, key=lambda loss: means[loss].mean)
        gaps = {loss: _gap(values[loss], values[best]) for loss in values if loss != best}
        known = {loss: gap.p for loss, gap in gaps.items() if gap and gap.p is not None}
        adjusted = dict(zip(known, holm(list(known.values())), strict=True))
        return {loss: Standing(means[loss], gaps.get(loss), adjusted.get(loss)) for loss in values}


@dataclass(frozen=True)
class Results:
    """A comparison as far as it is recorded.

    Attributes:
        request: What was asked for.
        tables: One for each network.
    """

    request: ComparisonRequest
    tables: Sequence[Table]

    @property
    def rates(self) -> dict[tuple[int, str], float]:
        """The learning rate of every network and loss."""
        return {
            (index, row.loss): row.learning_rate
            for index, table in enumerate(self.tables)
            for row in table.rows
        }

    def summary(self) -> dict[str, Any]:
        """The comparison in short, as JSON: the ranking by the request's metric."""
        finished = sum(len(row.outcomes) for table in self.tables for row in table.rows)
        return {
            "metric": self.request.metric,
            "cells": finished,
            "failed": sum(len(row.failures) for table in self.tables for row in table.rows),
            "seconds": sum(row.seconds for table in self.tables for row in table.rows),
            "networks": [
                {
                    "network": dict(table.network),
                    "losses": list(_ranking(table, self.request.metric)),
                }
                for table in self.tables
            ],
        }


def results_of(request: ComparisonRequest, recorded: Mapping[tuple[str, int], Outcome]) -> Results:
    """Derive the results from what is recorded, by stage and number."""
    tables = [_table(request, index, recorded) for index in range(len(request.networks))]
    return Results(request, tables)


def _table(
    request: ComparisonRequest, network: int, recorded: Mapping[tuple[str, int], Outcome]
) -> Table:
    rows = [
        _row(request, network, place, loss, recorded) for place, loss in enumerate(request.losses)
    ]
    ranks = mean_ranks({row.loss: row.values(request.metric) for row in rows})
    rows.sort(key=lambda row: ranks.get(row.loss, len(rows) + 1.0))
    asked = request.networks[network].model_dump(mode="json")
    return Table(asked, rows, list(_scores(request, rows)), ranks)


def _row(
    request: ComparisonRequest,
    network: int,
    place: int,
    loss: str,
    recorded: Mapping[tuple[str, int], Outcome],
) -> Row:
    tried = {
        rate: recorded.get((tuning_stage(network, rate), place)) for rate in request.learning_rates
    }
    tuning = {rate: outcome["score"] for rate, outcome in tried.items() if outcome is not None}
    scored = {rate: score for rate, score in tuning.items() if score is not None}
    rate = max(scored, key=lambda one: scored[one]) if scored else request.training.learning_rate
    outcomes = {
        cell.seed: recorded[CELL, cell.number]
        for cell in cells_of(request)
        if (cell.network, cell.loss) == (network, loss) and (CELL, cell.number) in recorded
    }
    return Row(loss, rate, tuning, outcomes)


def mean_ranks(values: Mapping[str, Mapping[int, float]]) -> dict[str, float]:
    """Mean rank of every loss over the seeds that all losses with a score have; 1 is the best.

    Equal scores share the mean of their ranks (Demsar, JMLR 2006).
    """
    there = {loss: found for loss, found in values.items() if found}
    common = set.intersection(*(set(found) for found in there.values())) if there else set()
    ranks: dict[str, list[float]] = {loss: [] for loss in there}
    for seed in common:
        scores = [found[seed] for found in there.values()]
        for loss, found in there.items():
            higher = sum(score > found[seed] for score in scores)
            equal = sum(score == found[seed] for score in scores)
            ranks[loss].append(higher + (equal + 1) / 2)
    return {loss: fmean(own) for loss, own in ranks.items() if own}


def _scores(request: ComparisonRequest, rows: Sequence[Row]) -> Iterator[str]:
    """Names of scores: the request's metric, other metrics, measures near borders, further ones."""
    found = {name for row in rows for one in row.outcomes.values() for name in one["metrics"]}
    first = [request.metric, *(name for name in METRICS if name != request.metric)]
    yield from (name for name in first if name in found)
    yield from sorted(found - set(METRICS), key=_naturally)
    if any(row.values(WORST) for row in rows):
        yield WORST
    control = f"{RANKSEG}.{request.metric}"
    if any(row.values(control) for row in rows):
        yield control


def _naturally(name: str) -> tuple[str, int]:
    """Order of names that end in numbers: ``trimap_5`` before ``trimap_10``."""
    stem, _, number = name.rpartition("_")
    return (stem, int(number)) if number.isdecimal() else (name, 0)


def _gap(values: Mapping[int, float], best: Mapping[int, float]) -> Difference | None:
    seeds = sorted(set(values) & set(best))
    if not seeds:
        return None
    return difference([values[seed] for seed in seeds], [best[seed] for seed in seeds])


def _ranking(table: Table, metric: str) -> Iterator[dict[str, Any]]:
    standings = table.standings(metric)
    for row in table.rows:
        standing = standings.get(row.loss)
        yield {
            "loss": row.loss,
            "learning_rate": row.learning_rate,
            "mean": standing.estimate.mean if standing else None,
            "half_interval": standing.estimate.half if standing else None,
            "rank": table.ranks.get(row.loss),
            "among_best": standing.among_best if standing else False,
            "failures": {str(seed): error for seed, error in row.failures.items()},
        }
