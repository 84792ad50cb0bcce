"""What a caller may ask of a search; needs pydantic alone."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from search_service.jobs.fields import (
    DatasetName,
    JobRequest,
    LossTerms,
    Name,
    Version,
    check_terms,
)
from search_service.presets import filled
from search_service.samplers.specs import PPO2Spec, SamplerSpec
from search_service.searches.halving import HalvingSpec
from search_service.searches.presets import RELEASED_NETWORK, SEARCH_PRESETS, Preset
from surrogate_zoo.sums import is_sum, sum_name, term_names
from workers.tasks.base import Spec
from workers.tasks.networks import NetworkSpec
from workers.tasks.proxy import ProxyOptions

LINE = "line"
"""The start of a search whose curves are straight lines: the naive surrogate."""


class SearchRequest(ProxyOptions, JobRequest):
    """A search for the loss that fits a metric on a dataset.

    Attributes:
        name: Name in the zoo of the loss that is found; ``asl-<metric>-<dataset>`` if not given.
        metric: Name of the metric that scores the hold-out set, or a weighted sum of several
            (``miou+bf1``): candidates are then the sums of their surrogates, searched together, and
            the score is the weighted mean. The sampler ``nsga-ii`` searches the trade-off between
            them, and the weights of the surrogates too.
        dataset: Name of a registered dataset.
        family: Name of a curve family in :data:`surrogate_zoo.curves.families.CURVE_FAMILIES`.
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
        training: Its schedule; single fields that are not given are the preset's too.
        hold_out: What candidates are scored on, most often a part of the training split.
        rejection: Which candidates are rejected as hopeless before they are trained; None trains all.
            Not beside a companion that needs more than predictions.
        halving: When the worst of a generation are stopped early; None trains all to the end.
        warm_up: Iterations with cross entropy, once, whose weights all candidates start from.
        repeats: Other seeds that the result and the start are trained with at the end, which shows
            the noise; None leaves that out.
        seed: Seeds the sampler and, shared by all candidates, the proxy task.
    """

    pinned: ClassVar[tuple[str, ...]] = ("start_version", "companion_versions")

    name: Name | None = None
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
    halving: HalvingSpec | None = None
    warm_up: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    repeats: Annotated[int, Field(ge=2, le=100)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, body: object) -> object:
        return filled(body, SEARCH_PRESETS, default="released")

    @model_validator(mode="after")
    def _start_version_fits(self) -> Self:
        if self.start == LINE and self.start_version is not None:
            raise ValueError(f"start_version is of a loss; start is {LINE!r}")
        return self

    @model_validator(mode="after")
    def _companion_versions_fit(self) -> Self:
        check_terms("companion_versions", self.companion_versions, self.companions)
        return self

    @model_validator(mode="after")
    def _halving_has_one_score(self) -> Self:
        if self.halving is not None and self.sampler.seeks_trade_off:
            raise ValueError(
                f"halving compares one score, {self.sampler.name} has several: leave one of them out"
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
        return () if self.companion is None else term_names(self.companion)


class PublicationRequest(Spec):
    """A trial of a finished search that is to be published.

    Attributes:
        trial: Its number.
        name: Name in the zoo; a name that is taken gets another version.
    """

    trial: Annotated[int, Field(ge=0, lt=2**31)]
    name: Name
