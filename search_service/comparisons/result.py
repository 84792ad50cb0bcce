"""What a comparison ends with; needs pydantic alone."""

from typing import Literal

from pydantic import Field

from search_service.loss_networks.result import SuppliedNetwork
from workers.tasks.described import Described
from workers.tasks.networks import NetworkSpec


class RankedLoss(Described):
    """A loss in the ranking by the comparison's metric.

    Attributes:
        loss: Name of the loss, or the weighted sum.
        clustering: Name of the way to make objects; null where there is one.
        learning_rate: Peak learning rate that it was trained with.
        edge: Where that lies at an end of the learning rates that were tried, or is the only one: which.
        mean: Mean score over the seeds; null where all failed.
        half_interval: Half of the 95% interval; null of one seed.
        rank: Mean rank over the seeds; 1 is the best.
        among_best: Whether it is the best, or not told apart from it.
        failures: Why retrainings failed, by seed.
    """

    loss: str
    clustering: str | None = None
    learning_rate: float
    edge: Literal["lowest", "highest", "only"] | None = None
    mean: float | None
    half_interval: float | None
    rank: float | None
    among_best: bool
    failures: dict[str, str]


class RankedNetwork(Described):
    """The losses with one network.

    Attributes:
        network: The network.
        losses: The best mean rank first.
    """

    network: NetworkSpec
    losses: list[RankedLoss]


class ComparisonOutcome(Described):
    """What a comparison ends with; `/table` has all scores.

    Attributes:
        metric: The metric that the ranking is by.
        cells: Retrainings.
        failed: How many of them failed.
        seconds: Wall time of all of them.
        hold_out: What learning rates were chosen on, in a sentence.
        networks: The ranking with each network.
        files: The job's files.
        loss_networks: Those that losses carry.
    """

    metric: str
    cells: int
    failed: int
    seconds: float
    hold_out: str
    networks: list[RankedNetwork]
    files: list[str] = Field(default_factory=list)
    loss_networks: list[SuppliedNetwork] = Field(default_factory=list)
