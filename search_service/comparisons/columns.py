"""The columns of a comparison's report: one literal table, which every form of the report reads.

Markdown, CSV, JSON, HTML, the API's cells and the command line take names, titles, values and units
from :data:`COLUMNS`. A new measurement is one number in a retraining's ``metrics.json`` and one row
here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from search_service.comparisons.outcome import CellOutcome
from surrogate_zoo.metrics.titles import (
    COUNTS,
    SHARES,
    ScoreUnit,
    heading_of,
    higher_is_better,
    scores_in,
    unit_of,
)

Value = Callable[[CellOutcome], float | None]


@dataclass(frozen=True)
class Unit:
    """How a loss's values over seeds become one cell of a table.

    Attributes:
        combine: Makes one value of those of all seeds.
        text: Writes that value.
        scores: How a score, its interval and differences are written; None of what is no score.
    """

    combine: Callable[[Sequence[float]], float]
    text: Callable[[float], str]
    scores: ScoreUnit | None = None


SHARE: Final = Unit(fmean, SHARES.text, SHARES)
"""A score in 0..1: percent, with its interval, and tested against the best."""
COUNT: Final = Unit(fmean, COUNTS.text, COUNTS)
"""A score that counts objects: as it is, with its interval, and tested against the best."""
RATE: Final = Unit(fmean, lambda rate: f"{rate:.12g}")
SECONDS: Final = Unit(fmean, lambda seconds: f"{seconds:.0f}")
GIBIBYTES: Final = Unit(max, lambda size: f"{size / 2**30:.1f}")


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: In files for machines, and in the API.
        title: In tables for people.
        value: Takes it out of an outcome; None where the outcome has none.
        unit: How it is combined over seeds and written.
        short: Whether it stands in the short tables, Markdown and terminal.
        higher_is_better: Which way is better; None of what has no better way and tells no losses apart.
    """

    name: str
    title: str
    value: Value
    unit: Unit
    short: bool = False
    higher_is_better: bool | None = True

    @property
    def is_score(self) -> bool:
        """Whether it is a score, whose mean has an interval."""
        return self.unit.scores is not None

    @property
    def ranks(self) -> bool:
        """Whether losses are told apart by it."""
        return self.is_score and self.higher_is_better is not None

    def merit(self, value: float) -> float:
        """A value as what is compared, higher is better: negated where lower is better."""
        return -value if self.higher_is_better is False else value


@dataclass(frozen=True)
class Scores:
    """Columns that follow from the outcomes: one for every score of a mapping.

    The comparison's metric comes first, then the other metrics and scores of objects in the order of
    their catalogues, then what is in none, such as the measures near borders.

    Attributes:
        name: Name of a column, with ``{}`` for the score's.
        title: Its title, with ``{}`` for the score's.
        scores: Takes the mapping out of an outcome.
        short: Names of scores that stand in short tables; the comparison's metric always does.
        metric_only: Whether there is a column of the comparison's metric alone.
    """

    name: str
    title: str
    scores: Callable[[CellOutcome], Mapping[str, float]]
    short: tuple[str, ...] = ()
    metric_only: bool = False

    def columns(self, metric: str, outcomes: Iterable[CellOutcome]) -> Iterator[Column]:
        """The columns of a comparison by ``metric``."""
        if self.metric_only:
            yield self.column(metric, short=True)
            return
        names = {name for outcome in outcomes for name in self.scores(outcome)}
        first = list(dict.fromkeys([metric, *scores_in(names)]))
        for name in [*first, *sorted(names - set(first), key=_naturally)]:
            yield self.column(name, short=name == metric or name in self.short)

    def column(self, score: str, *, short: bool = False) -> Column:
        """The column of one score."""
        name, title = self.name.format(score), self.title.format(heading_of(score))
        unit = COUNT if unit_of(score) is COUNTS else SHARE
        better = higher_is_better(score)
        return Column(name, title, lambda cell: self.scores(cell).get(score), unit, short, better)


METRIC_SCORES: Final = Scores(
    "{}",
    "{}",
    lambda cell: cell.metrics,
    short=("miou", "fwiou", "biou", "bf1", "macc", "gacc", "boundary-iou", "mba"),
)

RANKSEG_SCORES: Final = Scores(
    "rankseg.{}", "{} by RankSEG", lambda cell: cell.rankseg, metric_only=True
)

COLUMNS: Final[tuple[Column | Scores, ...]] = (
    Column("learning_rate", "learning rate", lambda cell: cell.learning_rate, RATE, short=True),
    METRIC_SCORES,
    Column(
        "worst_decile",
        "worst tenth of images, mIoU",
        lambda cell: cell.measures.get("worst_decile"),
        SHARE,
        short=True,
    ),
    RANKSEG_SCORES,
    Column("seconds", "seconds a training", lambda cell: cell.seconds or None, SECONDS),
    Column(
        "peak_memory_bytes",
        "GPU memory, GiB",
        lambda cell: cell.measures.get("peak_memory_bytes"),
        GIBIBYTES,
    ),
)
"""All columns, in their order. Loss, seed, rank and failures stand before them in every table."""


def columns_of(metric: str, outcomes: Sequence[CellOutcome]) -> list[Column]:
    """The columns that some outcome of a comparison by ``metric`` has a value in."""
    columns: list[Column] = []
    for entry in COLUMNS:
        columns += [entry] if isinstance(entry, Column) else entry.columns(metric, outcomes)
    return [
        column
        for column in columns
        if any(column.value(outcome) is not None for outcome in outcomes)
    ]


def values_of(metric: str, outcome: CellOutcome) -> dict[str, float]:
    """What one outcome has in the columns of a comparison by ``metric``, by their names."""
    values = {column.name: column.value(outcome) for column in columns_of(metric, [outcome])}
    return {name: value for name, value in values.items() if value is not None}


def is_near_borders(column: Column) -> bool:
    """Whether it is told by the distance to borders: mean boundary accuracy, mIoU in and off trimaps."""
    return column.name == "mba" or column.name.startswith(("trimap_", "outside_"))


def _naturally(name: str) -> tuple[str, int]:
    """Order of names that end in numbers: ``trimap_5`` before ``trimap_10``."""
    stem, _, number = name.rpartition("_")
    return (stem, int(number)) if number.isdecimal() else (name, 0)
