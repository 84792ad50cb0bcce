"""A comparison's table as a reader chooses it: some of the losses, ranked by one of the scores. Light."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Self

from search_service.comparisons.columns import Column
from search_service.comparisons.results import Table, mean_ranks
from search_service.comparisons.row import Row
from search_service.significance import Difference, difference, holm
from surrogate_zoo.errors import InputError, UnknownNameError


@dataclass(frozen=True)
class Pair:
    """Two rows and the difference between them, over the seeds that both have.

    Attributes:
        first: Name of the row with the better mean.
        second: Name of the other.
        gap: First minus second, as it is measured.
        p: That of the paired t-test, corrected for all pairs of the table (Holm); None of a single seed.
    """

    first: str
    second: str
    gap: Difference
    p: float | None


@dataclass(frozen=True)
class Choice:
    """What is shown of a comparison with one network.

    Attributes:
        table: The rows that were chosen, ranked by the score: marks and tests are among them alone.
        by: The column of that score, the first of the table.
    """

    table: Table
    by: Column

    @classmethod
    def of(cls, table: Table, score: str, losses: Collection[str]) -> Self:
        """Choose rows and a score.

        Args:
            table: All rows.
            score: Name of the column to rank by.
            losses: Names of losses; none takes all.

        Raises:
            UnknownNameError: There is no such score, or no such loss.
        """
        scores = {column.name: column for column in table.scores}
        if score not in scores:
            raise UnknownNameError("score of the comparison", score, list(scores))
        names = {row.loss for row in table.shown}
        if strange := sorted(set(losses) - names):
            raise UnknownNameError("loss of the comparison", strange[0], sorted(names))
        kept = set(losses) or names
        rows = [row for row in table.rows if row.loss in kept]
        ranks = mean_ranks({row.name: row.merits(scores[score]) for row in rows})
        rows.sort(key=lambda row: ranks.get(row.name, len(rows) + 1.0))
        oracles = [row for row in table.oracles if row.loss in kept]
        by = replace(scores[score], short=True)
        columns = [by, *(column for column in table.columns if column.name != score)]
        chosen = replace(table, rows=rows, columns=columns, ranks=ranks, oracles=oracles)
        return cls(chosen, by)

    @property
    def pairs(self) -> list[Pair]:
        """Every two rows that share a seed, the better first, as the table has them."""
        found = list(self._pairs())
        told = {index: gap.p for index, (*_, gap) in enumerate(found) if gap.p is not None}
        adjusted = dict(zip(told, holm(list(told.values())), strict=True))
        return [Pair(a, b, gap, adjusted.get(i)) for i, (a, b, gap) in enumerate(found)]

    def _pairs(self) -> Iterator[tuple[str, str, Difference]]:
        for one, other in combinations(self.table.rows, 2):
            if (gap := _gap(one, other, self.by)) is None:
                continue
            better = self.by.merit(gap.mean) >= 0
            first, second = (one, other) if better else (other, one)
            told = gap if better else _gap(other, one, self.by)
            assert told is not None  # noqa: S101  the same seeds the other way round
            yield first.name, second.name, told


def default_score(table: Table, metric: str) -> str:
    """The comparison's metric where the table has it; else its first score.

    Raises:
        InputError: No retraining has a score yet.
    """
    names = [column.name for column in table.scores]
    if not names:
        raise InputError("No retraining of the comparison has a score yet: ask again later.")
    return metric if metric in names else names[0]


def _gap(one: Row, other: Row, column: Column) -> Difference | None:
    values, base = one.values(column), other.values(column)
    seeds = sorted(set(values) & set(base))
    if not seeds:
        return None
    return difference([values[seed] for seed in seeds], [base[seed] for seed in seeds])
