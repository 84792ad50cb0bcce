"""What follows from retrainings with several losses: means with intervals, tests, ranks.

Light: neither the database nor torch is loaded, so that the command line reads results as well.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final, Literal, Self

from search_service.comparisons.columns import METRIC_SCORES, Column, columns_of
from search_service.comparisons.row import Row
from search_service.comparisons.tuning import Edge, edge_of
from search_service.comparisons.ways import ORACLES, of_each_loss, rows_by_way
from search_service.significance import Difference, Estimate, difference, estimate, holm
from workers.tasks.scoring import names_objects

ALPHA: Final = 0.05
"""A corrected p below it tells a loss from the best one."""

HEADING: Final = "Percent, mean ± half of the 95% interval (Student's t over seeds)"
"""What numbers in tables are."""

Mark = Literal["best", "tied"]
"""The best mean of a column, and what the test does not tell from it."""


@dataclass(frozen=True)
class Standing:
    """How a loss stands in one score.

    Attributes:
        estimate: Mean over seeds, with its interval.
        best: Whether it is the best: of those that have the most seeds, the one with the best mean.
        to_best: Difference to that loss over the seeds that both have, as it is measured; None of that
            loss itself, and of one that shares no seed with it.
        p: That of the difference, corrected for the number of losses (Holm); None where seeds are
            too few to tell.
    """

    estimate: Estimate
    best: bool
    to_best: Difference | None
    p: float | None

    @property
    def among_best(self) -> bool:
        """Whether it is the best or cannot be told from it by the seeds that both have."""
        return self.best or (self.to_best is not None and (self.p is None or self.p >= ALPHA))

    @property
    def mark(self) -> Mark | None:
        """How tables mark it."""
        if self.best or (self.to_best is not None and self.to_best.mean == 0):
            return "best"
        return "tied" if self.among_best else None


@dataclass(frozen=True)
class Text:
    """One cell of a table: its text, and how it is marked."""

    text: str
    mark: Mark | None = None


@dataclass(frozen=True)
class Table:
    """All losses with one network; where the metric scores objects, by the way that they are made.

    Attributes:
        network: The network, as requested.
        rows: The rows, the best mean rank first; those without any score last.
        columns: The columns that some row has a value in.
        ranks: Row's name -> mean rank in the comparison's metric; see :func:`mean_ranks`.
        metric: The comparison's metric.
        oracles: Rows that stand apart: they have values, and neither ranks nor tests.
    """

    network: Mapping[str, Any]
    rows: Sequence[Row]
    columns: Sequence[Column]
    ranks: Mapping[str, float]
    metric: str
    oracles: Sequence[Row] = ()

    @classmethod
    def of(
        cls,
        metric: str,
        network: Mapping[str, Any],
        rows: Sequence[Row],
        oracles: Sequence[Row] = (),
    ) -> Self:
        """Rank the rows by ``metric``, by way where that scores objects, and see what columns they have."""
        if names_objects(metric):
            rows, told = rows_by_way(metric, rows)
            oracles = [*told, *oracles]
        by_metric = METRIC_SCORES.column(metric)
        merits = {
            row.name: dict.fromkeys(row.failures, -math.inf) | scored  # which is last there
            for row in rows
            if by_metric.ranks and (scored := row.merits(by_metric))
        }
        ranks = mean_ranks(merits)
        ordered = sorted(rows, key=lambda row: ranks.get(row.name, len(rows) + 1.0))
        outcomes = [outcome for row in (*rows, *oracles) for outcome in row.outcomes.values()]
        return cls(network, ordered, columns_of(metric, outcomes), ranks, metric, oracles)

    @property
    def shown(self) -> list[Row]:
        """All rows in the order that tables show them: oracles stand below the others."""
        return [*self.rows, *self.oracles]

    @property
    def losses(self) -> list[Row]:
        """The best row of every loss."""
        return of_each_loss(self.rows)

    @property
    def name(self) -> str:
        """The network in a few words."""
        return f"{self.network['architecture']} with {self.network['encoder']}"

    @property
    def scores(self) -> list[Column]:
        """The columns that losses are told apart by."""
        return [column for column in self.columns if column.ranks]

    @property
    def short(self) -> list[Column]:
        """The columns of short tables."""
        return [column for column in self.columns if column.short]

    def edge(self, row: Row) -> Edge | None:
        """Which edge of the learning rates that were tried a loss's best one lies at."""
        return edge_of(row.tuning, self.metric)

    def standings(self, column: Column) -> dict[str, Standing]:
        """Every row that has the score, by name, in a column that losses are told apart by.

        A loss that failed with some seeds is not the best: one seed that is left tells nothing of others.
        """
        values = {row.name: scores for row in self.rows if (scores := row.values(column))}
        means = {loss: estimate(list(scores.values())) for loss, scores in values.items()}
        if not means:
            return {}
        most = max(map(len, values.values()))
        whole = [loss for loss, scores in values.items() if len(scores) == most]
        best = max(whole, key=lambda loss: column.merit(means[loss].mean))
        gaps = {loss: _gap(values[loss], values[best]) for loss in values if loss != best}
        told = {loss: gap.p for loss, gap in gaps.items() if gap and gap.p is not None}
        adjusted = dict(zip(told, holm(list(told.values())), strict=True))
        return {
            loss: Standing(means[loss], loss == best, gaps.get(loss), adjusted.get(loss))
            for loss in values
        }

    def texts(self, column: Column) -> dict[str, Text]:
        """What stands in a column, by the row's name; a row without a value is left out."""
        values = {row.name: list(row.values(column).values()) for row in self.shown}
        unit, told = column.unit, {loss: few for loss, few in values.items() if few}
        if unit.scores is None:
            return {loss: Text(unit.text(unit.combine(few))) for loss, few in told.items()}
        stands = self.standings(column) if column.ranks else {}
        return {
            name: Text(
                estimate(few).text(unit.scores), stands[name].mark if name in stands else None
            )
            for name, few in told.items()
        }

    def notes(self) -> Iterator[str]:
        """What a reader must know of the rows beside their numbers."""
        at_edges: dict[Edge, list[str]] = defaultdict(list)
        for row in self.losses:
            if (edge := self.edge(row)) is not None:
                at_edges[edge].append(f"{row.loss} ({row.learning_rate:.12g})")
        for edge, losses in at_edges.items():
            yield (
                f"The best learning rate is the {edge} one that was tried, so a better one may lie "
                f"beyond it: {', '.join(losses)}."
            )
        for row in self.losses:
            for seed, error in row.failures.items():
                yield f"{row.loss}, seed {seed}, failed: {error}"
        if self.oracles:
            yield ORACLES


@dataclass(frozen=True)
class Results:
    """Everything that a comparison showed.

    Attributes:
        metric: Name of the metric that the losses are ranked by.
        tables: One for each network.
        hold_out: What learning rates were tuned on, in one sentence; empty where they were not.
    """

    metric: str
    tables: Sequence[Table]
    hold_out: str = ""

    def summary(self) -> dict[str, Any]:
        """The comparison in short, as JSON: the ranking by the comparison's metric."""
        rows = [row for table in self.tables for row in table.losses]
        return {
            "metric": self.metric,
            "cells": sum(len(row.outcomes) for row in rows),
            "failed": sum(len(row.failures) for row in rows),
            "seconds": sum(row.seconds for row in rows),
            "hold_out": self.hold_out,
            "networks": [
                {"network": dict(table.network), "losses": list(_ranking(table, self.metric))}
                for table in self.tables
            ],
        }


def mean_ranks(values: Mapping[str, Mapping[int, float]]) -> dict[str, float]:
    """Mean rank of every loss over the seeds that all losses have a value for; 1 is the best.

    Higher values are better: see :meth:`Row.merits`. One that failed with a seed is last there.

    Equal scores share the mean of their ranks (Demsar, JMLR 2006).
    """
    scored = {loss: by_seed for loss, by_seed in values.items() if by_seed}
    common = set.intersection(*(set(by_seed) for by_seed in scored.values())) if scored else set()
    ranks: dict[str, list[float]] = {loss: [] for loss in scored}
    for seed in common:
        scores = [by_seed[seed] for by_seed in scored.values()]
        for loss, by_seed in scored.items():
            higher = sum(score > by_seed[seed] for score in scores)
            equal = sum(score == by_seed[seed] for score in scores)
            ranks[loss].append(higher + (equal + 1) / 2)
    return {loss: fmean(over_seeds) for loss, over_seeds in ranks.items() if over_seeds}


def _gap(values: Mapping[int, float], best: Mapping[int, float]) -> Difference | None:
    seeds = sorted(set(values) & set(best))
    if not seeds:
        return None
    return difference([values[seed] for seed in seeds], [best[seed] for seed in seeds])


def _ranking(table: Table, metric: str) -> Iterator[dict[str, Any]]:
    standings = table.standings(METRIC_SCORES.column(metric))
    for row in table.rows:
        standing = standings.get(row.name)
        yield {
            "loss": row.loss,
            "clustering": row.clustering,
            "learning_rate": row.learning_rate,
            "edge": table.edge(row),
            "mean": standing.estimate.mean if standing else None,
            "half_interval": standing.estimate.half if standing else None,
            "rank": table.ranks.get(row.name),
            "among_best": standing.among_best if standing else False,
            "failures": {str(seed): error for seed, error in row.failures.items()},
        }
