"""What the API answers with where it sums up: jobs in one list, answers of searches, tables of comparisons.

Needs neither the database nor torch.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from search_service.comparisons.chosen import Choice
from search_service.comparisons.results import Table
from search_service.comparisons.row import Row
from search_service.store.states import State
from surrogate_zoo.metrics.titles import higher_is_better, unit_of


class JobSummary(BaseModel):
    """A job of any kind, in one line."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    kind: str
    path: str = Field(description="Its collection below `/v1`.")
    state: State
    owner: str = Field(description="Who asked for it.")
    priority: int
    about: str = Field(description="What it is about: `mIoU on camvid`.")
    headline: str = Field(
        description="How it stands: its answer, why it failed, or what it waits for; may be empty."
    )
    score: str = Field(
        "",
        description="What it scored, or a search's best trial so far: `mIoU 41.3`; may be empty.",
    )
    progress: dict[str, Any] | None = Field(description="Of a job that is not over.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class LeadView(BaseModel):
    """By how much the winner of a race leads another loss, in the metric as it is measured."""

    mean: float
    interval: tuple[float, float] | None = Field(description="Null of a single seed.")
    p: float | None


class EntrantView(BaseModel):
    """A loss in the race at the end of a search."""

    name: str
    trial: int | None = Field(description="The trial that it comes from; null of one that is none.")
    rate: float = Field(description="Factor on the schedule's learning rate.")
    roles: list[str]
    scores: list[float | None] = Field(description="By fresh seed, in their order.")
    mean: float | None = Field(description="Null where it failed.")
    lead: LeadView | None = Field(description="The winner's lead over it; null of the winner.")
    winner: bool
    rival: bool = Field(description="Whether the answer compares the winner with it.")


class AnswerView(BaseModel):
    """The answer of a search for one metric."""

    metric: str
    title: str = Field(description="The metric, as papers write it.")
    factor: float = Field(description="What scores are multiplied by to be shown.")
    unit: str = Field(description="What differences are counted in: points, objects.")
    higher_is_better: bool
    loss: str
    version: int
    sentence: str
    facts: dict[str, str] = Field(description="What else is to be known, by name.")
    verdict: Literal["better", "tied", "handmade"] | None = Field(
        description="Whether the loss beats the best handmade one, is not told apart from it, or is "
        "handmade itself; null without a race."
    )
    level: float | None = Field(description="Level of the intervals; null without a race.")
    entrants: list[EntrantView] = Field(
        description="The race, the best mean first; empty without one."
    )

    @classmethod
    def of(cls, winner: Mapping[str, Any]) -> Self:
        """The answer that a winner in a search's result is."""
        # Spaces load NumPy, which the client does without.
        from search_service.searches.racing.answers import answer, by_mean, named  # noqa: PLC0415

        told = answer(winner, winner["loss"], winner["version"])
        race, unit = winner.get("race") or {}, unit_of(winner["metric"])
        verdict = race.get("verdict")
        ranked = by_mean(winner["metric"], race.get("entrants", ()))
        return cls(
            metric=winner["metric"],
            title=told.metric,
            factor=unit.factor,
            unit=unit.differences,
            higher_is_better=higher_is_better(winner["metric"]) is not False,
            loss=told.loss,
            version=winner["version"],
            sentence=told.sentence,
            facts=dict(told.facts),
            verdict=verdict if verdict in {"better", "handmade", None} else "tied",
            level=race.get("level"),
            entrants=[
                EntrantView(
                    name=named(entrant, ranked, shown=("rate",)),
                    trial=entrant["number"],
                    rate=entrant.get("rate", 1.0),
                    **{key: entrant[key] for key in ("roles", "scores", "mean", "winner", "rival")},
                    lead=entrant["lead"],
                )
                for entrant in ranked
            ],
        )


class ColumnView(BaseModel):
    """A column of a comparison's table."""

    name: str
    title: str
    factor: float | None = Field(
        description="What a score is multiplied by to be shown; null of what is no score."
    )
    higher_is_better: bool | None = Field(description="Null of what tells no losses apart.")
    short: bool = Field(description="Whether it stands in short tables.")


class EntryView(BaseModel):
    """One cell of a table: a loss in a column."""

    text: str
    mark: Literal["best", "tied"] | None = Field(
        description="The best mean, or what the test does not tell from it."
    )
    mean: float | None = Field(description="Of a score.")
    half_interval: float | None = Field(description="Half of the 95% interval; null of one seed.")
    p: float | None = Field(description="Against the best, corrected (Holm).")
    seeds: dict[int, float] = Field(description="The value of every seed.")


class RowView(BaseModel):
    """A loss in a comparison's table, by way to make objects where there are several."""

    name: str
    loss: str
    clustering: str | None
    oracle: bool = Field(description="Whether it stands apart, without ranks and tests.")
    rank: float | None = Field(description="Mean rank over seeds; 1 is the best.")
    learning_rate: float
    failures: dict[int, str] = Field(description="Why retrainings failed, by seed.")
    entries: dict[str, EntryView] = Field(description="By the column's name.")


class PairView(BaseModel):
    """Two losses of a table, the better one first, and the difference over the seeds of both."""

    first: str
    second: str
    difference: float
    half_interval: float | None
    p: float | None = Field(description="Corrected for all pairs (Holm); null of a single seed.")


class TableView(BaseModel):
    """A comparison's losses with one network, ranked by one score."""

    network: str
    score: str = Field(description="The column that ranks and pairs are by.")
    columns: list[ColumnView]
    rows: list[RowView]
    pairs: list[PairView]
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
