"""What a search ends with; needs pydantic alone."""

from typing import Literal

from pydantic import ConfigDict, Field

from search_service.loss_networks.result import SuppliedNetwork
from workers.tasks.described import Described, Setting
from workers.tasks.instances import ClusteringSpec


class Lead(Described):
    """By how much the winner of a race leads another loss, in the metric as it is measured.

    Attributes:
        mean: Over the seeds of the race; above 0 the winner is better.
        interval: At the race's level; null of a single seed.
        p: Of the paired t-test with this loss alone, not corrected; null of a single seed.
    """

    mean: float
    interval: tuple[float, float] | None
    p: float | None


class Runner(Described):
    """A loss in a heat of the race; its parameters stand beside these fields, by name.

    Attributes:
        number: Its trial; null of one that is none.
        scores: By fresh seed, in their order; null where a training failed.
    """

    model_config = ConfigDict(extra="allow")

    number: int | None
    scores: list[float | None]


class Finalist(Runner):
    """A loss in the rounds of the race; its parameters stand beside these fields, by name.

    Attributes:
        roles: Why it takes part: `candidate`, `handmade`, `cross-entropy`.
        winner: Whether it is the loss to use.
        mean: Mean score; null where it failed.
        lead: The winner's lead over it; null of the winner.
        rival: Whether the answer compares the winner with it.
    """

    roles: list[str]
    winner: bool
    mean: float | None
    lead: Lead | None
    rival: bool


class StageCost(Described):
    """What a part of the race took.

    Attributes:
        trainings: How many.
        seconds: Of one worker.
    """

    trainings: int
    seconds: float


class Race(Described):
    """The race at the end of a search.

    Attributes:
        rounds: How many were run, each with a fresh seed.
        heats: How many were run before them.
        level: Level of the intervals.
        entrants: Who ran in the rounds.
        in_heats: Who ran in the heats.
        verdict: Whether the winner beats the best handmade loss, is not told apart from it, or is handmade
            itself.
        cost: What heats and rounds took.
        hold_out: How the hold-out sets were cut, in a sentence.
        sentence: The answer, in a sentence.
    """

    rounds: int
    heats: int
    level: float
    entrants: list[Finalist]
    in_heats: list[Runner]
    verdict: Literal["better", "not told apart", "handmade"] | None = None
    cost: dict[str, StageCost]
    hold_out: str
    sentence: str


class FoundLoss(Described):
    """The loss that a search found for one of its metrics.

    Attributes:
        metric: The metric, or the weighted sum of some.
        loss: Its name in the zoo.
        version: Its version there.
        trial: The trial that it comes from; null of a sampler's mean, or of a loss that is no trial.
        theta: Its parameters as the search space numbers them; null of a loss outside of that.
        parameters: Its parameters by name.
        rate: Factor on the schedule's learning rate.
        embedding: Width of the network's embeddings, where that was searched too.
        clustering: How objects are found, where that was searched too.
        race: The race that it won; null without one.
    """

    metric: str
    loss: str
    version: int
    trial: int | None
    theta: list[float] | None = None
    parameters: dict[str, Setting]
    rate: float = 1.0
    embedding: int | None = None
    clustering: ClusteringSpec | None = None
    race: Race | None = None


class Best(Described):
    """The best that the sampler found, before the race.

    Attributes:
        generation: Index of its generation.
        trial: Its trial; null of a sampler's mean.
        score: On the hold-out set.
        theta: Its parameters as the search space numbers them.
        parameters: Its parameters by name.
    """

    generation: int
    trial: int | None
    score: float
    theta: list[float]
    parameters: dict[str, Setting]


class FrontMember(Described):
    """A trial that no other beats in all metrics.

    Attributes:
        trial: Its number.
        scores: Its score on each metric.
        weights: Weights of the surrogates in its loss.
        theta: Its parameters as the search space numbers them.
    """

    trial: int
    scores: dict[str, float]
    weights: dict[str, float]
    theta: list[float]


class Used(Described):
    """What the trials of a search with a budget took.

    Attributes:
        trainings: Whole trainings; one that was stopped early counts for its share.
        minutes: Minutes of one worker.
    """

    trainings: float
    minutes: float


class SearchOutcome(Described):
    """What a search ends with.

    Attributes:
        loss: Name in the zoo of the loss that was found, the first of several.
        version: Its version there.
        winners: The loss for each of the search's metrics.
        trials: How many were tried.
        failed: How many of them failed.
        rejected: How many were never trained, as hopeless.
        stopped: How many were stopped early.
        best: The best that the sampler found.
        mean_scores: Mean score of every generation; null where all of it failed.
        path: Where the sampler stood in every generation, in theta: its mean, or its best so far.
        hold_out: How the hold-out set was cut, in a sentence.
        stopped_by: What ended a search with a budget.
        used: What the trials of a search with a budget took.
        front: Of several metrics, the trials that no other beats in all of them.
        loss_networks: Those that the losses carry.
    """

    loss: str
    version: int
    winners: list[FoundLoss]
    trials: int
    failed: int
    rejected: int
    stopped: int
    best: Best | None = None
    mean_scores: list[float | None] = Field(default_factory=list)
    path: list[list[float]] = Field(default_factory=list)
    hold_out: str = ""
    stopped_by: Literal["trials", "budget"] | None = None
    used: Used | None = None
    front: list[FrontMember] | None = None
    loss_networks: list[SuppliedNetwork] = Field(default_factory=list)
