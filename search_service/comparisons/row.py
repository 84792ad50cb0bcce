"""One row of a comparison's table: a loss with one network, and what became of its retrainings."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from search_service.comparisons.columns import Column
from search_service.comparisons.outcome import CellOutcome
from search_service.comparisons.tuning import Tried


@dataclass(frozen=True)
class Row:
    """One loss with one network, and with one way to make objects where rows are by way.

    Attributes:
        loss: The loss's name.
        learning_rate: The one that it is retrained with.
        outcomes: Seed -> what became of the retraining; those that are finished.
        tuning: What was tried for its learning rate; empty where that was not tuned.
        clustering: The way that objects are made, or the oracle; None where rows are by loss alone.
    """

    loss: str
    learning_rate: float
    outcomes: Mapping[int, CellOutcome]
    tuning: Tried = field(default_factory=dict)
    clustering: str | None = None

    @property
    def name(self) -> str:
        """What tables call it: the loss, and the way."""
        return self.loss if self.clustering is None else f"{self.loss} · {self.clustering}"

    def values(self, column: Column) -> dict[int, float]:
        """A column by seed, of the retrainings that have a value in it."""
        values = {seed: column.value(outcome) for seed, outcome in self.outcomes.items()}
        return {seed: value for seed, value in values.items() if value is not None}

    def merits(self, column: Column) -> dict[int, float]:
        """These values as what is compared: higher is better."""
        return {seed: column.merit(value) for seed, value in self.values(column).items()}

    @property
    def failures(self) -> dict[int, str]:
        """Why retrainings failed, by seed."""
        return {seed: cell.error for seed, cell in self.outcomes.items() if cell.error}

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of all retrainings."""
        return sum(cell.seconds for cell in self.outcomes.values())
