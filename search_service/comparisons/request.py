"""What a caller may ask of a comparison; needs pydantic alone."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from search_service.jobs.fields import DatasetName, LossTerms, Name, Priority, Version
from search_service.retrainings.request import RetrainingRequest
from surrogate_zoo.sums import is_sum, parse_sum
from workers.tasks.base import Fraction, Spec
from workers.tasks.networks import NetworkSpec
from workers.tasks.retraining import EarlyStopSpec
from workers.tasks.scoring import InferenceSpec, ScoringSpec
from workers.tasks.training import Devices, TrainingSpec, check_devices

MOST_RATE = 1000.0
"""The highest learning rate that is tried."""


class ComparisonRequest(Spec):
    """Trainings with several losses and networks over several seeds, all alike, and their comparison.

    Attributes:
        losses: Names of losses in the zoo, or weighted sums.
        versions: Versions of losses and of terms of sums, by name; one that is left out takes the
            newest at the time of the request.
        dataset: Name of a registered dataset.
        networks: The networks; every loss trains every one of them.
        training: Their schedule.
        learning_rates: Peak learning rates to try for every loss and network, on a hold-out set that
            is cut from the training split, with one seed; retrainings take the best. None of them
            leaves that of the schedule.
        rate_extensions: How often the grid of a loss and network goes on beyond its best rate while
            that is the lowest or the highest, by the ratio of the two outermost rates on that side
            (2 where there is one rate). A rate whose training fails bounds the grid; where all fail
            it goes down.
        rate_refinements: How often, once the best rate lies inside, the geometric mean of it and its
            better neighbour is tried too.
        hold_out: Share of the training split that tuning holds out.
        metric: The metric that learning rates are tuned for and that the losses are ranked by.
        scoring: Options of the metrics.
        inference: How the predictions that are scored are made.
        rankseg: Also score every network with the decoding ``rankseg``: a control that needs no
            training.
        split: Split that the results are scored on.
        seeds: How many retrainings of every loss and network.
        seed: The first seed; the others follow it. Tuning takes the first.
        images: Images in the gallery of predictions.
        checkpoint_every: Steps between two checkpoints.
        devices: As of a retraining.
        early_stop: As of a retraining: each ends by a hold-out set of its own.
        priority: See :data:`Priority`.
    """

    losses: Annotated[tuple[LossTerms, ...], Field(min_length=1, max_length=100)]
    versions: dict[Name, Version] = Field(default_factory=dict)
    dataset: DatasetName
    networks: Annotated[tuple[NetworkSpec, ...], Field(min_length=1, max_length=16)] = (
        NetworkSpec(),
    )
    training: TrainingSpec = TrainingSpec()
    learning_rates: Annotated[
        tuple[Annotated[float, Field(gt=0, le=MOST_RATE)], ...], Field(max_length=16)
    ] = ()
    rate_extensions: Annotated[int, Field(ge=0, le=16)] = 4
    rate_refinements: Annotated[int, Field(ge=0, le=8)] = 0
    hold_out: Fraction = 0.2
    metric: str = "miou"
    scoring: ScoringSpec = ScoringSpec()
    inference: InferenceSpec = InferenceSpec()
    rankseg: bool = False
    split: Literal["val", "test"] = "val"
    seeds: Annotated[int, Field(ge=1, le=100)] = 3
    seed: Annotated[int, Field(ge=0, lt=2**31 - 100)] = 0
    images: Annotated[int, Field(ge=0, le=50)] = 6
    checkpoint_every: Annotated[int, Field(ge=1)] = 200
    devices: Devices = 1
    early_stop: EarlyStopSpec | None = None
    priority: Priority = 0

    @model_validator(mode="after")
    def _nothing_twice(self) -> Self:
        for field in ("losses", "networks", "learning_rates"):
            values = [str(value) for value in getattr(self, field)]
            if len(set(values)) < len(values):
                raise ValueError(f"{field} names something twice")
        return self

    @model_validator(mode="after")
    def _versions_fit(self) -> Self:
        named = {name for loss in self.losses for name in self.retraining(loss).terms or (loss,)}
        if strange := sorted(set(self.versions) - named):
            raise ValueError(f"versions names what is not compared: {', '.join(strange)}")
        return self

    @model_validator(mode="after")
    def _shares_are_alike(self) -> Self:
        check_devices(self.training, self.devices)
        return self

    def retraining(self, loss: str) -> RetrainingRequest:
        """The request of a retraining with one of the losses, with the versions that are fixed."""
        if not is_sum(loss):
            return RetrainingRequest(
                loss=loss, version=self.versions.get(loss), dataset=self.dataset
            )
        terms = {name for _, name in parse_sum(loss)}
        versions = {name: self.versions[name] for name in self.versions if name in terms}
        return RetrainingRequest(loss=loss, versions=versions, dataset=self.dataset)

    @property
    def trainings(self) -> int:
        """How many trainings it takes, those of tuning included."""
        each = self.seeds + len(self.learning_rates)
        return len(self.losses) * len(self.networks) * each
