"""What a caller may ask for, as API and command line both check it; needs pydantic alone."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from search_service.halving import HalvingSpec
from search_service.presets import Preset, RetrainingPreset, filled
from search_service.retraining_presets import RETRAINING_PRESETS
from search_service.sampler_specs import PPO2Spec, SamplerSpec
from search_service.search_presets import RELEASED_NETWORK, SEARCH_PRESETS
from surrogate_zoo.loss_file import NAME
from surrogate_zoo.sums import is_sum, parse_sum, sum_name
from workers.dataset_sources import DatasetSource
from workers.loss_networks.specs import LossNetworkSpec
from workers.retraining_specs import EarlyStopSpec, Log
from workers.spec_base import Fraction, Seed, Spec
from workers.specs import (
    Devices,
    InferenceSpec,
    NetworkSpec,
    RejectionSpec,
    ScoringSpec,
    TrainingSpec,
    check_devices,
)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=128)]
"""A name in the zoo: lower-case letters, digits, dots, dashes and underscores."""

DatasetName = Annotated[Name, StringConstraints(max_length=100)]
"""A dataset's name: as in the zoo, and shorter, since the name of a loss may contain it."""

Priority = Annotated[int, Field(ge=-1000, le=1000)]
"""Order among waiting jobs: a higher priority starts first, equals start in the order they came."""

Version = Annotated[int, Field(ge=1, lt=2**31)]

LINE = "line"
"""The start of a search whose curves are straight lines: the naive surrogate."""


def _names_losses(text: str) -> str:
    """Check a loss's name or a weighted sum; a sum comes back without white space."""
    if is_sum(text):
        parse_sum(text)
        return "".join(text.split())
    if not NAME.fullmatch(text):
        raise ValueError(f"a loss's name must match {NAME.pattern}; a weighted sum needs + or *")
    return text


LossTerms = Annotated[
    str, StringConstraints(min_length=1, max_length=2500), AfterValidator(_names_losses)
]
"""A name in the zoo, or a weighted sum of such names, as :func:`surrogate_zoo.sums.parse_sum` reads it."""


def _names(terms: str) -> tuple[str, ...]:
    """Names in a weighted sum, each once."""
    return tuple(dict.fromkeys(name for _, name in parse_sum(terms)))


def _check_names(field: str, versions: Mapping[str, int], terms: Sequence[str]) -> None:
    if strange := sorted(set(versions) - set(terms)):
        raise ValueError(f"{field} names what is no term of a weighted sum: {', '.join(strange)}")


class SearchRequest(Spec):
    """A search for the loss that fits a metric on a dataset.

    Attributes:
        name: Name in the zoo of the loss that is found; ``asl-<metric>-<dataset>`` if not given.
        metric: Name of the metric that scores the hold-out set, or a weighted sum of several
            (``miou+bf1``): candidates are then the sums of their surrogates, searched together, and
            the score is the weighted mean. The sampler ``nsga-ii`` searches the trade-off between
            them, and the weights of the surrogates too.
        dataset: Name of a registered dataset.
        family: Name of a curve family in :data:`surrogate_zoo.curve_families.CURVE_FAMILIES`.
        segments: Segments a curve; None takes the family's own (linear), or the metric's (bezier
            and its ablations).
        preset: What sampler, network, training, scoring and hold_out are where they are not given:
            ``released`` and ``paper`` are for GPUs, ``quick`` takes minutes on two CPU cores.
        sampler: What proposes candidates.
        start: The first candidate: ``line``, the straight line, or the name of a loss in the zoo
            that is a surrogate of the same metric, curve family and segments.
        start_version: Its version; None takes the newest at the time of the request.
        companion: Loss of the zoo, or weighted sum of several (``0.5*cross-entropy``), that is added
            to every candidate's surrogate and published with the one that is found. What it needs
            of loss networks is found in the zoo, or trained first, on all masks of the training split.
        companion_versions: Versions of the companion's terms, by name; a term that is left out takes
            the newest at the time of the request.
        network: The proxy network.
        training: Its schedule; single fields that are not given are the preset's too.
        scoring: Options of the metric.
        hold_out: Share of the training split that is held out for the score.
        rejection: Which candidates are rejected as hopeless before they are trained; None trains all.
            Not beside a companion that needs more than predictions.
        halving: When the worst of a generation are stopped early; None trains all to the end.
        warm_up: Iterations with cross entropy, once, whose weights all candidates start from.
        repeats: Other seeds that the result and the start are trained with at the end, which shows
            the noise; None leaves that out.
        seed: Seeds the sampler and, shared by all candidates, the proxy task.
        priority: See :data:`Priority`.
    """

    name: Name | None = None
    metric: str
    dataset: DatasetName
    family: str = "bezier"
    segments: Annotated[int, Field(ge=1, le=8)] | None = None
    preset: Preset = "released"
    sampler: SamplerSpec = PPO2Spec()
    start: Name = LINE
    start_version: Version | None = None
    companion: LossTerms | None = None
    companion_versions: dict[Name, Version] = Field(default_factory=dict)
    network: NetworkSpec = RELEASED_NETWORK
    training: TrainingSpec = TrainingSpec()
    scoring: ScoringSpec = ScoringSpec()
    hold_out: Fraction = 0.2
    rejection: RejectionSpec | None = None
    halving: HalvingSpec | None = None
    warm_up: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    repeats: Annotated[int, Field(ge=2, le=100)] | None = None
    seed: Seed = 0
    priority: Priority = 0

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, given: object) -> object:
        return filled(given, SEARCH_PRESETS, default="released")

    @model_validator(mode="after")
    def _start_version_fits(self) -> Self:
        if self.start == LINE and self.start_version is not None:
            raise ValueError(f"start_version is of a loss; start is {LINE!r}")
        return self

    @model_validator(mode="after")
    def _companion_versions_fit(self) -> Self:
        _check_names("companion_versions", self.companion_versions, self.companions)
        return self

    @model_validator(mode="after")
    def _halving_has_one_score(self) -> Self:
        if self.halving is not None and str(self.sampler.name) == "nsga-ii":
            raise ValueError(
                "halving compares one score, nsga-ii has several: leave one of them out"
            )
        return self

    @model_validator(mode="after")
    def _name_the_result(self) -> Self:
        if self.name is None:
            target = sum_name(self.metric) if is_sum(self.metric) else self.metric
            object.__setattr__(self, "name", f"asl-{target}-{self.dataset}")
        return self

    @property
    def loss_name(self) -> str:
        """Name in the zoo of the loss that is found."""
        return str(self.name)

    @property
    def companions(self) -> tuple[str, ...]:
        """Names of the companion's terms, each once."""
        return () if self.companion is None else _names(self.companion)


class PublicationRequest(Spec):
    """A trial of a finished search that is to be published.

    Attributes:
        trial: Its number.
        name: Name in the zoo; a name that is taken gets another version.
    """

    trial: Annotated[int, Field(ge=0, lt=2**31)]
    name: Name


class RetrainingRequest(Spec):
    """A full training with a loss of the zoo, or with a weighted sum of several.

    Attributes:
        loss: Name of the loss in the zoo, or a weighted sum: ``0.5*cross-entropy+0.5*dice``.
        version: Its version; None takes the newest at the time of the request.
        versions: Versions of a weighted sum's terms, by name; a term that is left out takes the
            newest at the time of the request.
        dataset: Name of a registered dataset.
        preset: What network, training, scoring and inference are where they are not given: a paper's
            schedule, see :data:`search_service.retraining_presets.RETRAINING_PRESETS`. None takes
            the defaults.
        network: The network.
        training: Its schedule; single fields that are not given are the preset's.
        scoring: Options of the metrics.
        inference: How the predictions that are scored are made.
        split: Split that the result is scored on.
        seed: Seeds initial weights, batches and augmentation.
        checkpoint_every: Steps between two checkpoints.
        devices: GPUs of one machine that share every batch; processes where there are none.
        early_stop: When to end before the schedule does; None never.
        log: Logs among the files: ``tensorboard``.
        priority: See :data:`Priority`.
    """

    loss: LossTerms
    version: Version | None = None
    versions: dict[Name, Version] = Field(default_factory=dict)
    dataset: DatasetName
    preset: RetrainingPreset | None = None
    network: NetworkSpec = NetworkSpec()
    training: TrainingSpec = TrainingSpec()
    scoring: ScoringSpec = ScoringSpec()
    inference: InferenceSpec = InferenceSpec()
    split: Literal["val", "test"] = "val"
    seed: Seed = 0
    checkpoint_every: Annotated[int, Field(ge=1)] = 200
    devices: Devices = 1
    early_stop: EarlyStopSpec | None = None
    log: tuple[Log, ...] = ()
    priority: Priority = 0

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, given: object) -> object:
        return filled(given, RETRAINING_PRESETS)

    @model_validator(mode="after")
    def _shares_are_alike(self) -> Self:
        check_devices(self.training, self.devices)
        return self

    @model_validator(mode="after")
    def _versions_fit(self) -> Self:
        if self.version is not None and is_sum(self.loss):
            raise ValueError(
                "version is of a single loss; give the versions of a weighted sum's terms as "
                'versions, such as {"dice": 1}'
            )
        _check_names("versions", self.versions, self.terms)
        return self

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of a weighted sum's terms, each once; none of a single loss."""
        return _names(self.loss) if is_sum(self.loss) else ()


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
        tuple[Annotated[float, Field(gt=0, le=1000)], ...], Field(max_length=16)
    ] = ()
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


class LossNetworkRequest(Spec):
    """The training of a loss network on the masks of a dataset's training split.

    Attributes:
        dataset: Name of a registered dataset.
        network: What to train, and how.
        hold_out: Share of the training masks that the result is measured on.
        seed: Seeds the hold-out cut, weights, batches and noise.
        priority: See :data:`Priority`.
    """

    dataset: DatasetName
    network: LossNetworkSpec
    hold_out: Fraction = 0.2
    seed: Seed = 0
    priority: Priority = 0


class DatasetRequest(Spec):
    """A dataset to register.

    Attributes:
        name: What requests will call it.
        source: Where its images and masks are.
    """

    name: DatasetName
    source: DatasetSource
