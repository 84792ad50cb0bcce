"""What a caller may ask of a search; needs pydantic alone."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from search_service.jobs.fields import (
    LONGEST_NAME,
    DatasetName,
    JobRequest,
    LossTerms,
    Name,
    Version,
    check_terms,
)
from search_service.presets import filled
from search_service.samplers.specs import PortfolioSpec, SamplerSpec
from search_service.searches.budget import BudgetSpec
from search_service.searches.external import options as external
from search_service.searches.external.options import ExternalOptions
from search_service.searches.halving import HalvingSpec
from search_service.searches.margins import check_margins, with_margins
from search_service.searches.presets import (
    DEFAULT_PRESET,
    OF_THE_PORTFOLIO,
    SEARCH_PRESETS,
    STANDARD_NETWORK,
    TRAIN_WHOLE,
    Preset,
)
from search_service.searches.racing.rules import RaceSpec
from search_service.searches.space_specs import MarginsSpec, SpaceSpec, ZooSpec
from surrogate_zoo.sums import is_sum, sum_name, term_names
from workers.tasks.base import Spec
from workers.tasks.networks import NetworkSpec
from workers.tasks.proxy import ProxyOptions

LINE = "line"
"""The start of a search whose curves are straight lines: the naive surrogate."""


class PriorSpec(Spec):
    """An earlier search whose best points are tried too.

    Attributes:
        search: Its id.
        trials: So many of its trials count, from the first on; None takes all that it has at the time
            of the request.
    """

    search: UUID
    trials: Annotated[int, Field(ge=1, lt=2**31)] | None = None


class SearchRequest(ProxyOptions, ExternalOptions, JobRequest):
    """A search for the loss that fits a metric on a dataset.

    Attributes:
        name: Name in the zoo of the loss that is found; ``asl-<metric>-<dataset>`` if not given, and
            ``margins-<metric>-<dataset>`` of margins, the metric cut to what fits into a name.
        metric: Name of the metric that scores the hold-out set, or a weighted sum of several
            (``miou+bf1``): candidates are then the sums of their surrogates, searched together, and
            the score is the weighted mean. The sampler ``nsga-ii`` searches the trade-off between
            them, and the weights of the surrogates too.
        metrics: Several metrics or weighted sums, each with a winner of its own, in place of
            ``metric``: they share all trainings. With the sampler ``portfolio`` alone.
        dataset: Name of a registered dataset; where ``trainer`` is ``external`` what the user calls data
            that the service never sees, ``own-data`` if not given.
        family: Name of a curve family in :data:`surrogate_zoo.curves.families.CURVE_FAMILIES`.
        segments: Segments a curve; None takes the family's own (linear), or the metric's (bezier
            and its ablations).
        preset: What sampler, network, training, scoring, hold_out and proxy_size are where they are
            not given. ``standard`` searches the zoo on small pretrained networks, ``quick`` is a first
            look in minutes on two CPU cores; ``released`` and ``paper`` are the authors' searches, for
            GPUs.
        sampler: What proposes candidates.
        space: What is searched: ``zoo`` with the sampler ``portfolio``, else ``curves``, unless it is
            given; ``margins`` of embeddings with either.
        start: The first candidate: ``line``, the straight line, or the name or an alias of a loss in
            the zoo that is a surrogate of the same metric, curve family and segments.
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
        reshuffle: Draw another hold-out set and another seed for every generation, the same for all
            of its candidates.
        race: How the best candidates, cross entropy and the best handmade loss are trained again with
            fresh seeds at the end, before one of them is published; None publishes what the sampler
            found.
        priors: Searches that have succeeded, on other datasets or for other metrics: for each of them
            and each metric of this search, the best two trials join the portfolio. In the space of the
            zoo alone.
        budget: What the trials may cost; None lets the sampler come to its end.
        extended_by: Trials that were added when it had succeeded already; the service counts them, and
            they are among the sampler's.
        seed: Seeds the sampler and, shared by all candidates, the proxy task.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"metric": "miou", "dataset": "shapes", "preset": "quick"},
                {
                    "metric": "bf1",
                    "dataset": "shapes",
                    "preset": "quick",
                    "sampler": {"name": "tpe", "trials": 20},
                },
                {
                    "metric": "miou",
                    "trainer": "external",
                    "num_classes": 19,
                    "sampler": {"name": "portfolio", "trials": 48},
                },
            ]
        }
    )

    pinned: ClassVar[tuple[str, ...]] = ("start_version", "companion_versions", "mode")
    named: ClassVar[tuple[str, ...]] = ("start", "companion", "companion_versions")

    name: Name | None = None
    metrics: Annotated[tuple[str, ...], Field(min_length=1, max_length=16)] | None = None
    dataset: DatasetName
    family: str = "bezier"
    segments: Annotated[int, Field(ge=1, le=8)] | None = None
    preset: Preset = DEFAULT_PRESET
    sampler: SamplerSpec = PortfolioSpec()
    space: SpaceSpec = ZooSpec()
    start: Name = LINE
    start_version: Version | None = None
    companion: LossTerms | None = None
    companion_versions: dict[Name, Version] = Field(default_factory=dict)
    network: NetworkSpec = STANDARD_NETWORK
    halving: HalvingSpec | None = None
    warm_up: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    reshuffle: bool = False
    race: RaceSpec | None = None
    priors: Annotated[tuple[PriorSpec, ...], Field(max_length=16)] = ()
    budget: BudgetSpec | None = None
    extended_by: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, body: object) -> object:
        fitting = _fitting(external.filled_in(body))
        whole = filled(fitting, SEARCH_PRESETS, default=DEFAULT_PRESET)
        return _with_frozen_encoder(with_margins(_with_space(_with_metric(whole))))

    @model_validator(mode="after")
    def _sampler_and_space_fit(self) -> Self:
        space, portfolio = self.space.name, self.sampler.name == "portfolio"
        if space != "margins" and (space == "zoo") != portfolio:
            raise ValueError(
                "the sampler portfolio searches the space zoo, or margins; all others search curves, or "
                "margins: leave space out, or change one of them"
            )
        if not portfolio and self.metrics is not None and len(self.metrics) > 1:
            raise ValueError(
                "several metrics with a winner each are searched by the sampler portfolio alone: take it, "
                "or one metric such as miou+bf1"
            )
        if len(set(self.objectives)) < len(self.objectives):
            raise ValueError("metrics names one twice: each has one winner")
        if space != "curves" and (self.start != LINE or self.companion is not None):
            raise ValueError(
                "start and companion are of the space curves: leave them out, or name a sampler of "
                "curves, such as tpe"
            )
        if self.priors and space != "zoo":
            raise ValueError("priors join the portfolio of the space zoo: leave them out")
        return self

    @model_validator(mode="after")
    def _margins_are_scored_by_objects(self) -> Self:
        if isinstance(self.space, MarginsSpec):
            clustering, embedding = self.scoring.clustering, self.network.embedding
            check_margins(self.space, self.objectives, clustering, embedding)
            if self.sampler.seeks_trade_off:
                raise ValueError(
                    f"the sampler {self.sampler.name} weighs surrogates against each other, and the space "
                    "margins has none: take another sampler"
                )
        return self

    @model_validator(mode="after")
    def _trainer_fits(self) -> Self:
        external.check(self)
        return self

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
            prefix = "margins" if self.space.name == "margins" else "asl"
            room = LONGEST_NAME - len(f"{prefix}--{self.dataset}")
            target = "" if self.metrics and len(self.metrics) > 1 else _plain(self.metric)[:room]
            parts = [prefix, target.strip("-."), self.dataset]
            object.__setattr__(self, "name", "-".join(filter(None, parts)))
        return self

    def at_versions(self, versions: Mapping[str, int]) -> Self:
        """The request with versions of some losses that it names, where it leaves them open."""
        terms = {name: versions[name] for name in self.companions if name in versions}
        fixed = {
            "start_version": self.start_version or versions.get(self.start),
            "companion_versions": {**terms, **self.companion_versions},
        }
        return self.model_copy(update=fixed)

    def pinned_as(self, earlier: Self) -> Self:
        """The request as an earlier one was admitted, and extended, where this one leaves it open."""
        pinned = super().pinned_as(earlier)
        changes: dict[str, Any] = {}
        if len(self.priors) == len(earlier.priors):
            pairs = zip(self.priors, earlier.priors, strict=True)
            changes["priors"] = tuple(
                prior.model_copy(update={"trials": prior.trials or other.trials})
                for prior, other in pairs
            )
        if self.follows_a_paper and self.hold_out.leaves_open_how_much:
            changes["hold_out"] = earlier.hold_out
        if self.follows_a_paper and "exclude_background" not in self.scoring.model_fields_set:
            background = {"exclude_background": earlier.scoring.exclude_background}
            changes["scoring"] = self.scoring.model_copy(update=background)
        if earlier.extended_by and not self.extended_by:
            trials = self.sampler.trials + earlier.extended_by
            changes["sampler"] = self.sampler.with_trials(trials)
            changes["extended_by"] = earlier.extended_by
        return pinned.model_copy(update=changes)

    @property
    def whole(self) -> int:
        """Iterations of a whole training, as trials count them."""
        return (self.steps or 1) if self.is_external else self.training.iterations

    @property
    def follows_a_paper(self) -> bool:
        """Whether its preset is one of the authors' searches."""
        return self.preset in TRAIN_WHOLE

    @property
    def objectives(self) -> tuple[str, ...]:
        """Every metric, or weighted sum of some, that gets a winner."""
        return self.metrics or (self.metric,)

    def name_for(self, objective: str) -> str:
        """Name in the zoo of the winner for one of the objectives."""
        if len(self.objectives) == 1:
            return self.loss_name
        cut = [_plain(each)[:37] for each in self.objectives]
        place = self.objectives.index(objective)
        # Long sums may begin alike: a number tells them apart.
        own = cut[place] if cut.count(cut[place]) == 1 else f"{cut[place][:34]}-{place + 1}"
        return f"{self.loss_name[:90]}-{own}"

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

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"trial": 7, "name": "my-choice"},
            ]
        }
    )

    trial: Annotated[int, Field(ge=0, lt=2**31)]
    name: Name


def _plain(metric: str) -> str:
    """A metric, or a weighted sum of some, as a part of a name."""
    return sum_name(metric) if is_sum(metric) else metric


def _fitting(body: object) -> object:
    """Leave out what a preset means for its portfolio where another sampler is asked for."""
    sampler = body.get("sampler") if isinstance(body, dict) else None
    if not isinstance(body, dict) or sampler is None or _name_of(sampler) == "portfolio":
        return body
    return {**dict.fromkeys(OF_THE_PORTFOLIO), **body}


def _name_of(sampler: object) -> object:
    if isinstance(sampler, dict):
        return sampler.get("name", "ppo2")
    return getattr(sampler, "name", "")


def _with_frozen_encoder(body: object) -> object:
    """An encoder is frozen where it is pretrained, unless the preset trains it along."""
    if not isinstance(body, dict) or "frozen_encoder" in body:
        return body
    network = body.get("network")
    weights = [
        network.get(name) if isinstance(network, dict) else getattr(network, name, None)
        for name in ("weights", "weights_file")
    ]
    frozen = any(weights) and body.get("preset", DEFAULT_PRESET) not in TRAIN_WHOLE
    return body | {"frozen_encoder": frozen}


def _with_metric(body: object) -> object:
    """Where several metrics are asked for, the metric is their sum."""
    if not isinstance(body, dict) or not isinstance(metrics := body.get("metrics"), list | tuple):
        return body
    names = [name for metric in metrics if isinstance(metric, str) for name in term_names(metric)]
    metric = metrics[0] if len(metrics) == 1 else "+".join(dict.fromkeys(names))
    if body.get("metric", metric) != metric:
        raise ValueError("give metric or metrics, not both")
    return body | {"metric": metric}


def _with_space(body: object) -> object:
    """The space follows from the sampler where it is not given."""
    if not isinstance(body, dict) or "space" in body:
        return body
    sampler = body.get("sampler")
    name = (
        sampler.get("name", "ppo2") if isinstance(sampler, dict) else getattr(sampler, "name", "")
    )
    return body | {"space": {"name": "zoo" if name == "portfolio" else "curves"}}
