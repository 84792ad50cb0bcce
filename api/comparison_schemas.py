"""What the API answers of a comparison: its retrainings, and its table as a reader chooses it.

Needs neither the database nor torch.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from search_service.comparisons.chosen import Choice
from search_service.comparisons.results import Table
from search_service.comparisons.row import Row
from workers.tasks.described import Answer, DescribedAs
from workers.tasks.objects import ObjectReport


class CellView(Answer):
    """One finished retraining of a comparison."""

    number: int = Field(description="Its position in the grid.")
    network: int = Field(description="Position of its network in the request.")
    loss: str = Field(description="Name of the loss, or the weighted sum.")
    seed: int = Field(description="Of its training.")
    learning_rate: float = Field(description="Peak learning rate that it was trained with.")
    metrics: dict[str, float] = Field(description="All scores on the split; empty if it failed.")
    columns: dict[str, float] = Field(
        description="What it has in each column of the report, by the column's name: all scores, the "
        "worst tenth of the images, seconds, and GPU memory in bytes where there is a GPU."
    )
    objects: Annotated[dict[str, Any], DescribedAs(ObjectReport)] = Field(
        description="How objects were made, and their scores by way and by oracle; empty where none "
        "were made."
    )
    error: str | None = Field(description="Why it failed, in one line.")
    seconds: float = Field(description="Wall time of its training and scoring.")
    finished_at: datetime = Field(description="When it was recorded.")


class Cells(Answer):
    """Retrainings of a comparison that are finished, by number."""

    items: list[CellView] = Field(description="The finished ones, by number.")
    total: int = Field(description="How many there will be.")


class ColumnView(Answer):
    """A column of a comparison's table."""

    name: str = Field(description="What it is asked for by.")
    title: str = Field(description="What it is called in tables.")
    factor: float | None = Field(
        description="What a score is multiplied by to be shown; null of what is no score."
    )
    higher_is_better: bool | None = Field(description="Null of what tells no losses apart.")
    short: bool = Field(description="Whether it stands in short tables.")


class EntryView(Answer):
    """One cell of a table: a loss in a column."""

    text: str = Field(description="As tables write it.")
    mark: Literal["best", "tied"] | None = Field(
        description="The best mean, or what the test does not tell from it."
    )
    mean: float | None = Field(description="Of a score.")
    half_interval: float | None = Field(description="Half of the 95% interval; null of one seed.")
    p: float | None = Field(description="Against the best, corrected (Holm).")
    seeds: dict[int, float] = Field(description="The value of every seed.")


class RowView(Answer):
    """A loss in a comparison's table, by way to make objects where there are several."""

    name: str = Field(description="The loss, and the way to make objects where there are several.")
    loss: str = Field(description="Name of the loss, or the weighted sum.")
    clustering: str | None = Field(description="Name of the way to make objects.")
    oracle: bool = Field(description="Whether it stands apart, without ranks and tests.")
    rank: float | None = Field(description="Mean rank over seeds; 1 is the best.")
    learning_rate: float = Field(description="Peak learning rate that it was trained with.")
    failures: dict[int, str] = Field(description="Why retrainings failed, by seed.")
    entries: dict[str, EntryView] = Field(description="By the column's name.")


class PairView(Answer):
    """Two losses of a table, the better one first, and the difference over the seeds of both."""

    first: str = Field(description="Name of the better row.")
    second: str = Field(description="Name of the other row.")
    difference: float = Field(description="Mean lead of the first, in the score as it is measured.")
    half_interval: float | None = Field(description="Half of the 95% interval; null of one seed.")
    p: float | None = Field(description="Corrected for all pairs (Holm); null of a single seed.")


class TableView(Answer):
    """A comparison's losses with one network, ranked by one score."""

    network: str = Field(description="Name of the network that all rows have in common.")
    score: str = Field(description="The column that ranks and pairs are by.")
    columns: list[ColumnView] = Field(description="What is told of every loss.")
    rows: list[RowView] = Field(description="The losses, the best first.")
    pairs: list[PairView] = Field(description="How any two of them differ.")
    notes: list[str] = Field(description="What is to be known beside the numbers.")

    @classmethod
    def of(cls, choice: Choice) -> Self:
        """What was chosen of a comparison."""
        table = choice.table
        columns = [
            ColumnView(
                name=column.name,
                title=column.title,
                factor=column.unit.scores.factor if column.unit.scores else None,
                higher_is_better=column.higher_is_better,
                short=column.short,
            )
            for column in table.columns
        ]
        pairs = [
            PairView(
                first=pair.first,
                second=pair.second,
                difference=pair.gap.mean,
                half_interval=pair.gap.half,
                p=pair.p,
            )
            for pair in choice.pairs
        ]
        return cls(
            network=table.name,
            score=choice.by.name,
            columns=columns,
            rows=_rows(table),
            pairs=pairs,
            notes=list(table.notes()),
        )


def _rows(table: Table) -> list[RowView]:
    entries = _entries(table)
    return [
        RowView(
            name=row.name,
            loss=row.loss,
            clustering=row.clustering,
            oracle=row in table.oracles,
            rank=table.ranks.get(row.name),
            learning_rate=row.learning_rate,
            failures=row.failures,
            entries=entries[row.name],
        )
        for row in table.shown
    ]


def _entries(table: Table) -> dict[str, dict[str, EntryView]]:
    """By row, then by column."""
    found: dict[str, dict[str, EntryView]] = {row.name: {} for row in table.shown}
    rows: dict[str, Row] = {row.name: row for row in table.shown}
    for column in table.columns:
        stands = table.standings(column) if column.ranks else {}
        for name, text in table.texts(column).items():
            standing = stands.get(name)
            found[name][column.name] = EntryView(
                text=text.text,
                mark=text.mark,
                mean=standing.estimate.mean if standing else None,
                half_interval=standing.estimate.half if standing else None,
                p=standing.p if standing else None,
                seeds=rows[name].values(column),
            )
    return found
