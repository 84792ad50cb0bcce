"""What the API answers with: views of stored objects, made from their attributes."""

from datetime import datetime
from typing import Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from search_service.comparisons.cells import Cell
from search_service.store.states import Ending, State
from search_service.store.tables import Evaluation
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.metrics.metric import Metric
from workers.networks.architectures import Architecture

Item = TypeVar("Item", bound=BaseModel)


class View(BaseModel):
    """Base of all views: made from a stored object's attributes."""

    model_config = ConfigDict(from_attributes=True)


class Page(BaseModel, Generic[Item]):
    """One page of a collection."""

    items: list[Item]
    next: str | None = Field(description="Pass it as `after` for the next page; null on the last.")


class KindView(View):
    """A kind of job."""

    name: str = Field(description="What a job's `kind` says.")
    path: str = Field(description="Its collection below `/v1`.")
    title: str


class Kinds(BaseModel):
    """All kinds of jobs."""

    items: list[KindView]


class JobView(View):
    """A search, a retraining, a comparison, or the training of a loss network."""

    id: str
    kind: str
    state: State
    priority: int
    request: dict[str, Any] = Field(description="What was asked for, with every default filled in.")
    result: dict[str, Any] | None = Field(description="What came out, once it succeeded.")
    error: str | None = Field(description="Why it failed, in one line.")
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobDetail(JobView):
    """A job with how far it has come."""

    progress: dict[str, Any]


class TrialView(View):
    """One candidate loss of a search: its parameters, and how its proxy network did."""

    number: int
    generation: int
    theta: list[float]
    is_mean: bool = Field(description="Whether the candidate is the sampler's mean itself.")
    score: float | None = Field(
        description="The metric on the hold-out set; null if it failed or was rejected. Of a stopped "
        "trial what the sampler was told, on the scale of those that were trained to the end."
    )
    metrics: dict[str, float] = Field(
        description="Every metric on the hold-out set, as measured; of a stopped trial on its rung."
    )
    error: str | None
    ending: Ending = Field(description="How it ended: only a trained one went to its end.")
    iterations: int = Field(description="Steps that it was trained for.")
    seconds: float = Field(description="Wall time of its training and scoring.")
    worker: dict[str, Any] = Field(description="Where it ran, as far as a repeat needs it.")
    finished_at: datetime


class CellView(BaseModel):
    """One finished retraining of a comparison."""

    number: int = Field(description="Its place in the grid.")
    network: int = Field(description="Place of its network in the request.")
    loss: str
    seed: int
    learning_rate: float
    metrics: dict[str, float] = Field(description="All scores on the split; empty if it failed.")
    worst_decile: float | None = Field(description="Mean mIoU of the worst tenth of the images.")
    error: str | None
    seconds: float
    finished_at: datetime

    @classmethod
    def of(cls, cell: Cell, row: Evaluation) -> Self:
        """Describe what became of a cell."""
        kept = ("learning_rate", "metrics", "error", "seconds")
        return cls(
            **vars(cell),
            **{name: row.outcome[name] for name in kept},
            worst_decile=row.outcome.get("worst_decile"),
            finished_at=row.finished_at,
        )


class Cells(BaseModel):
    """Retrainings of a comparison that are finished, by number."""

    items: list[CellView]
    total: int = Field(description="How many there will be.")


class Trials(BaseModel):
    """Candidates of one search, by number."""

    items: list[TrialView]
    next: int | None = Field(description="Pass it as `after` for the next page; null on the last.")


class ArtifactView(View):
    """A file that a job left behind."""

    name: str
    media_type: str
    bytes: int
    sha256: str


class Artifacts(BaseModel):
    """The files of one job."""

    items: list[ArtifactView]


class DatasetView(View):
    """A registered dataset: where its images are, and what was found there."""

    name: str
    source: dict[str, Any]
    report: dict[str, Any]
    created_at: datetime


class LossNetworkView(View):
    """The weights of a network that some losses carry inside, trained on one dataset's masks."""

    id: int
    kind: str
    num_classes: int | None = Field(description="Null where it does not depend on the classes.")
    spec: dict[str, Any] = Field(description="What was trained, and how.")
    seed: int
    measures: dict[str, float] = Field(description="What it reaches on held-out masks.")
    provenance: dict[str, Any]
    sha256: str = Field(description="Of the weights' file, safetensors.")
    bytes: int
    created_at: datetime


class LossNetworks(BaseModel):
    """Loss networks of one dataset, the newest first."""

    items: list[LossNetworkView]
    next: int | None = Field(description="Pass it as `after` for the next page; null on the last.")


class NeedsView(View):
    """What a loss needs beyond logits and target; a retraining brings it about by itself."""

    inputs: list[str] = Field(
        description="Tensors of every batch: `boundary_logits` and distance maps, by name."
    )
    facts: list[str] = Field(
        description="Facts about the dataset: `class_pixels` and kinds of loss networks."
    )


class LossView(View):
    """One version of a loss in the zoo."""

    name: str
    version: int
    kind: str
    metric: str | None
    sha256: str
    tags: list[str]
    created_at: datetime


class LossDetail(LossView):
    """A loss with its document, and all its versions."""

    document: dict[str, Any] = Field(description="The loss file, `lossfit/loss/v1`.")
    versions: list[int]
    needs: NeedsView


class MetricView(View):
    """A segmentation metric that a search can aim at."""

    name: str
    title: str
    summary: str
    source: str
    curves: list[str] = Field(description="The logical operations that get a curve each.")
    parameters: int = Field(description="Searched numbers, with the metric's own segments.")
    package: str | None = Field(description="The installed package that brings it, if another's.")

    @classmethod
    def of(cls, metric: Metric) -> Self:
        """The view of one entry of the registry."""
        return cls(
            name=metric.name,
            title=metric.title,
            summary=metric.summary,
            source=metric.source,
            curves=list(metric.curves),
            parameters=ParameterSpace(metric.name).dimension,
            package=metric.package or None,
        )


class Metrics(BaseModel):
    """All metrics."""

    items: list[MetricView]


class NetworkView(View):
    """A segmentation network that can be trained."""

    name: str
    summary: str
    source: str
    package: str | None = Field(description="The installed package that brings it, if another's.")

    @classmethod
    def of(cls, architecture: Architecture) -> Self:
        """The view of one entry of the registry."""
        return cls(
            name=architecture.name,
            summary=architecture.summary,
            source=architecture.source,
            package=architecture.package or None,
        )


class Networks(BaseModel):
    """All networks."""

    items: list[NetworkView]


class CurveFamilyView(View):
    """A family of curves that a search may shape its surrogate with."""

    name: str
    summary: str
    source: str
    segments: int | None = Field(description="Segments a curve; null takes the metric's own.")
    least: int = Field(description="The fewest segments of a curve.")
    truth_table: bool = Field(description="Keeps g(0) = 0 and g(1) = 1.")
    monotone: bool = Field(description="Keeps g from falling.")
    bounded: bool = Field(description="Whether parameters must lie between `low` and `high`.")
    low: float = Field(description="Lower end of every parameter, or of where samplers draw it.")
    high: float = Field(description="Upper end of the same.")


class CurveFamilies(BaseModel):
    """All curve families."""

    items: list[CurveFamilyView]


class SamplerView(BaseModel):
    """A sampler: what proposes the candidates of a search."""

    name: str
    summary: str
    options: dict[str, Any] = Field(
        description="JSON schema of a search's field `sampler` for this one, with the defaults."
    )

    @classmethod
    def of(cls, spec: type[BaseModel]) -> Self:
        """The view of one specification in ``search_service.samplers.specs.SamplerSpec``."""
        name = str(spec.model_fields["name"].default)
        summary = (spec.__doc__ or "").strip().partition("\n")[0]
        return cls(name=name, summary=summary, options=spec.model_json_schema())


class Samplers(BaseModel):
    """All samplers."""

    items: list[SamplerView]


class Health(BaseModel):
    """Whether the service can take requests."""

    status: Literal["ok"]
    warnings: list[str] = []
