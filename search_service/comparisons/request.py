"""What a caller may ask of a comparison; needs pydantic alone."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import ConfigDict, Field, model_validator

from search_service.jobs.fields import (
    DatasetName,
    JobRequest,
    LossNetworks,
    LossNetworkSpecs,
    LossTerms,
    Name,
    Version,
)
from search_service.presets import filled
from search_service.retrainings.presets import RETRAINING_PRESETS, RetrainingPreset
from surrogate_zoo.sums import term_names
from workers.tasks.hold_out import HoldOut
from workers.tasks.networks import NetworkSpec, check_statistics_are_there
from workers.tasks.retraining import RetrainingOptions
from workers.tasks.scoring import (
    check_embeddings_are_given,
    check_objects_are_scored,
    names_objects,
)

MOST_RATE = 1000.0
"""The highest learning rate that is tried."""

PRESETS: Mapping[str, dict[str, Any]] = {
    name: {field: value for field, value in preset.items() if field != "network"}
    | {"networks": (preset["network"],)}
    for name, preset in RETRAINING_PRESETS.items()
}
"""Those of retrainings, each with its network as the only one."""


class ComparisonRequest(RetrainingOptions, JobRequest):
    """Trainings with several losses and networks over several seeds, all alike, and their comparison.

    By a score of objects, what is compared is a loss with a way to make objects of its network's
    predictions: every way of ``scoring.clustering`` and ``clusterings`` is a row of each loss. Ways that
    group embeddings are those of losses that train them.

    Attributes:
        losses: Names of losses in the zoo, aliases, or weighted sums.
        versions: Versions of losses and of terms of sums, by name; one that is left out takes the
            newest at the time of the request.
        loss_networks: The loss networks that a loss is to carry, by loss and kind: their SHA-256, or how
            they are trained. Networks of one kind are compared by losses of several names: an entry can
            be added under as many as it takes.
        loss_network_specs: How the other ones are trained, as of a retraining.
        dataset: Name of a registered dataset.
        preset: What networks, training, scoring and inference are where they are not given, as of a
            retraining; None takes the defaults.
        networks: The networks; every loss trains every one of them.
        learning_rates: Peak learning rates to try for every loss and network, on the hold-out set,
            with one seed; retrainings take the best. None of them leaves that of the schedule.
        rate_extensions: How often the grid of a loss and network goes on beyond its best rate while
            that is the lowest or the highest, by the ratio of the two outermost rates on that side
            (2 where there is one rate). A rate whose training fails bounds the grid; where all fail
            it goes down.
        rate_refinements: How often, once the best rate lies inside, the geometric mean of it and its
            better neighbour is tried too.
        hold_out: What tuning scores on, most often a part of the training split.
        metric: The metric that learning rates are tuned for and that the losses are ranked by.
        rankseg: Also score every network with the decoding ``rankseg``: a control that needs no
            training.
        seeds: How many retrainings of every loss and network.
        seed: The first seed; the others follow it. Tuning takes the first.
        images: Images in the gallery of predictions.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "losses": ["cross-entropy", "dice", "lovasz"],
                    "dataset": "shapes",
                    "preset": "quick",
                    "seeds": 3,
                },
            ]
        }
    )

    pinned: ClassVar[tuple[str, ...]] = ("versions",)
    named: ClassVar[tuple[str, ...]] = ("losses", "versions", "loss_networks")

    losses: Annotated[tuple[LossTerms, ...], Field(min_length=1, max_length=100)]
    versions: dict[Name, Version] = Field(default_factory=dict)
    loss_networks: dict[LossTerms, LossNetworks] = Field(default_factory=dict)
    loss_network_specs: LossNetworkSpecs = ()
    dataset: DatasetName
    preset: RetrainingPreset | None = None
    networks: Annotated[tuple[NetworkSpec, ...], Field(min_length=1, max_length=16)] = (
        NetworkSpec(),
    )
    learning_rates: Annotated[
        tuple[Annotated[float, Field(gt=0, le=MOST_RATE)], ...], Field(max_length=16)
    ] = ()
    hold_out: HoldOut = HoldOut()
    rate_extensions: Annotated[int, Field(ge=0, le=16)] = 4
    rate_refinements: Annotated[int, Field(ge=0, le=8)] = 0
    metric: str = "miou"
    rankseg: bool = False
    seeds: Annotated[int, Field(ge=1, le=100)] = 3
    seed: Annotated[int, Field(ge=0, lt=2**31 - 100)] = 0
    images: Annotated[int, Field(ge=0, le=50)] = 6

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, body: object) -> object:
        return filled(body, PRESETS)

    @model_validator(mode="after")
    def _nothing_twice(self) -> Self:
        for field in ("losses", "networks", "learning_rates"):
            values = [str(value) for value in getattr(self, field)]
            if len(set(values)) < len(values):
                raise ValueError(f"{field} names something twice")
        return self

    @model_validator(mode="after")
    def _objects_are_what_is_compared(self) -> Self:
        check_objects_are_scored(self.metric, self.scoring)
        if self.scoring.clustering is not None and not names_objects(self.metric):
            raise ValueError(
                f"scoring.clustering makes objects, which {self.metric} does not compare: set metric to "
                "a score of objects, to sbd say, or leave clustering out"
            )
        for network in self.networks:
            for clustering in self.ways.values():
                check_embeddings_are_given(clustering, network)
        return self

    @model_validator(mode="after")
    def _frozen_statistics_were_learned(self) -> Self:
        check_statistics_are_there(self.training, *self.networks)
        return self

    @model_validator(mode="after")
    def _scored_split_is_not_tuned_on(self) -> Self:
        if self.hold_out.split == self.split:
            raise ValueError(
                f"hold_out tunes on the split {self.split}, which the comparison is scored on: leave "
                "its split out, or score another one"
            )
        return self

    @model_validator(mode="after")
    def _rates_are_above_the_floor(self) -> Self:
        floor = self.training.minimum_learning_rate
        if low := [rate for rate in self.learning_rates if rate < floor]:
            raise ValueError(
                f"learning_rates must not be below training.minimum_learning_rate ({floor:g}), as "
                f"{low[0]:g} is"
            )
        return self

    @model_validator(mode="after")
    def _versions_fit(self) -> Self:
        named = {name for loss in self.losses for name in term_names(loss)}
        if strange := sorted(set(self.versions) - named):
            raise ValueError(f"versions names what is not compared: {', '.join(strange)}")
        if strange := sorted(set(self.loss_networks) - set(self.losses)):
            raise ValueError(f"loss_networks names what is not compared: {', '.join(strange)}")
        return self

    def at_versions(self, versions: Mapping[str, int]) -> Self:
        """The request with versions of some losses that it names, where it leaves them open."""
        return self.model_copy(update={"versions": {**versions, **self.versions}})
