"""What the API answers with: views of stored objects, made from their attributes; needs pydantic alone.

The Python client reads the same models.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from search_service.store.states import Ending, State, WorkerState
from workers.tasks.failures import Failure

PROBLEM: Final = "application/problem+json"
"""Media type of every error."""

Place = Literal["body", "query", "path", "header", "cookie"]

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


class NumberedPage(BaseModel, Generic[Item]):
    """One page of a collection whose items are numbered."""

    items: list[Item]
    next: int | None = Field(description="Pass it as `after` for the next page; null on the last.")


class Items(BaseModel, Generic[Item]):
    """A whole collection."""

    items: list[Item]


class WaitingView(View):
    """What a queued job waits for."""

    position: int = Field(description="Its place in the queue at most; 1 is next.")
    reason: str


class JobView(View):
    """A search, a retraining, a comparison, or the training of a loss network."""

    id: str
    kind: str
    state: State
    owner: str = Field(description="Who asked for it: the owner of the token.")
    priority: int
    request: dict[str, Any] = Field(description="What was asked for, with every default filled in.")
    result: dict[str, Any] | None = Field(description="What came out, once it succeeded.")
    error: str | None = Field(description="Why it failed, in one line.")
    attempt: int
    trainings: float = Field(
        description="How many it was estimated to take, when it was submitted."
    )
    spent_trainings: int = Field(description="How many are recorded.")
    spent_seconds: float = Field(description="What they took, in seconds of one worker.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    waiting: WaitingView | None = Field(None, description="Of a queued job that was looked up.")


class JobDetail(JobView):
    """A job with how far it has come."""

    about: str = Field("", description="What it is about: `mIoU on camvid`.")
    headline: str = Field(
        "", description="Its answer, why it failed, or what it waits for; may be empty."
    )
    progress: dict[str, Any]


class LogEntryView(View):
    """Something that happened to a job."""

    sequence: int = Field(description="Its number among the job's events.")
    at: datetime
    level: Literal["info", "warning", "error"]
    event: str = Field(description="The kind of event, as in the stream of them.")
    message: str
    body: dict[str, Any] = Field(description="What is known of it.")


class WorkerView(View):
    """A worker, and what it does."""

    model_config = ConfigDict(from_attributes=True, extra="allow")

    state: WorkerState
    host: str | None = Field(None, description="Of one that answers, as the next ones.")
    pid: int | None = None
    device: str | None = None
    threads: int | None = None
    at: datetime = Field(description="When it was seen so.")


class AuditEntryView(View):
    """A request that was to change something, and how it was answered."""

    number: int
    at: datetime
    owner: str = Field(description="Who asked.")
    token: str | None = Field(description="Name of their token; null of the operator's own.")
    client: str = Field(description="Address that it came from.")
    method: str
    path: str
    status: int = Field(description="Of the answer.")


class TrialView(View):
    """One candidate loss of a search: its parameters, and how its proxy network did."""

    number: int
    generation: int
    theta: list[float]
    label: str = Field("", description="What was tried, in a few words.")
    parameters: dict[str, float | str] = Field(
        {},
        description="What `theta` stands for, by name; `loss` is the kind that the others are of.",
    )
    is_mean: bool = Field(description="Whether the candidate is the sampler's mean itself.")
    score: float | None = Field(
        description="The metric on the hold-out set; null if it failed or was rejected. Of a stopped "
        "trial what the sampler was told, on the scale of those that were trained to the end."
    )
    metrics: dict[str, float] = Field(
        description="Every metric on the hold-out set, as measured; of a stopped trial on its rung."
    )
    error: str | None
    failure: Failure | None = Field(None, description="Which class of failure that was.")
    ending: Ending = Field(description="How it ended: only a trained one went to its end.")
    iterations: int = Field(description="Steps that it was trained for.")
    seconds: float = Field(description="Wall time of its training and scoring.")
    worker: dict[str, Any] = Field(description="Where it ran, as far as a repeat needs it.")
    finished_at: datetime


class JobEvent(BaseModel):
    """One event of a job; of a kind that is not listed in :data:`EVENTS`, with fields of its own."""

    model_config = ConfigDict(extra="allow", frozen=True)

    event: str = Field(description="The kind, as the stream's field `event`.")
    sequence: int = Field(description="Its number among the job's events, from 1 without gaps.")
    at: datetime


class StateEvent(JobEvent):
    """The job changed its state."""

    state: State
    attempt: int | None = Field(None, description="Runs before this one, of one that begins.")
    reason: str | None = Field(None, description="Why, of a job that waits to go on.")


class TrialEvent(JobEvent):
    """A trial of a search was recorded; fields as in :class:`TrialView`."""

    number: int
    generation: int
    is_mean: bool
    ending: Ending
    score: float | None
    error: str | None
    failure: Failure | None = None
    seconds: float


class EvaluationEvent(JobEvent):
    """Another training of a search or a comparison was recorded, such as a repeat or a cell."""

    stage: str
    number: int
    score: float | None
    error: str | None
    seconds: float


class ProgressEvent(JobEvent):
    """How far a job is."""

    done: int
    total: int
    loss: float | None = Field(None, description="The recent training loss.")
    stage: str | None = Field(None, description="The loss network that is trained first.")


class LossNetworkEvent(JobEvent):
    """A job supplies itself with a loss network."""

    kind: str = Field(description="The loss network's kind.")
    status: Literal["found", "training", "trained"]
    sha256: str | None = Field(None, description="Of its weights, once it is there.")
    measures: dict[str, float] = Field({}, description="As of :class:`LossNetworkView`.")


class RemarkEvent(JobEvent):
    """Something that the job went on without."""

    text: str = Field(description="What, in one sentence.")


class StageEvent(JobEvent):
    """A part of the job begins, such as a generation or a heat."""

    stage: str
    trainings: int = Field(description="How many are to do.")


class ContinuedEvent(JobEvent):
    """A run went on that its controller had not ended."""

    attempt: int


class ErrorEvent(JobEvent):
    """The job failed."""

    error: str = Field(description="Why, in one line.")
    failure: Failure | None = Field(None, description="Which class of failure that was.")
    faults: list[str] = Field([], description="All that is wrong with a dataset, a sentence each.")


EVENTS: Final[Mapping[str, type[JobEvent]]] = {
    "state": StateEvent,
    "trial": TrialEvent,
    "evaluation": EvaluationEvent,
    "progress": ProgressEvent,
    "loss-network": LossNetworkEvent,
    "remark": RemarkEvent,
    "stage": StageEvent,
    "continued": ContinuedEvent,
    "error": ErrorEvent,
}
"""The kinds of events."""


class CellView(BaseModel):
    """One finished retraining of a comparison."""

    number: int = Field(description="Its position in the grid.")
    network: int = Field(description="Position of its network in the request.")
    loss: str
    seed: int
    learning_rate: float
    metrics: dict[str, float] = Field(description="All scores on the split; empty if it failed.")
    columns: dict[str, float] = Field(
        description="What it has in each column of the report, by the column's name: all scores, the "
        "worst tenth of the images, seconds, and GPU memory in bytes where there is a GPU."
    )
    objects: dict[str, Any] = Field(
        description="How objects were made, and their scores by way and by oracle; empty where none "
        "were made."
    )
    error: str | None
    seconds: float
    finished_at: datetime


class Cells(BaseModel):
    """Retrainings of a comparison that are finished, by number."""

    items: list[CellView]
    total: int = Field(description="How many there will be.")


class ArtifactView(View):
    """A file that a job left behind."""

    name: str
    media_type: str
    bytes: int
    sha256: str


class DatasetView(View):
    """A registered dataset: where its images are, and what was found there."""

    name: str
    source: dict[str, Any]
    report: dict[str, Any]
    created_at: datetime

    @field_validator("source")
    @classmethod
    def _without_what_workers_alone_read(cls, source: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in source.items() if name != "registered"}


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


class NeedsView(View):
    """What a loss needs beyond logits and target; a retraining supplies it, or says that it cannot."""

    inputs: list[str] = Field(
        description="Tensors of every batch, by name: what heads give (`boundary_logits`, `embeddings`, "
        "`seediness`), the objects' numbers (`instances`), and distance maps."
    )
    facts: list[str] = Field(
        description="Facts about the dataset: `class_pixels` and kinds of loss networks."
    )


class OutlineView(View):
    """One curve of a loss, from x = 0 to x = 1."""

    shape: Literal["bezier", "linear"] = Field(
        description="`bezier`: every second point is the middle one of a quadratic Bezier segment; "
        "`linear`: straight lines between the points."
    )
    points: list[tuple[float, float]] = Field(description="All points in order; both in 0..1.")


class LossView(View):
    """One version of a loss in the zoo."""

    name: str
    version: int
    kind: str
    metric: str | None
    sha256: str
    tags: list[str]
    curves: dict[str, OutlineView] = Field(
        {}, description="Curves of its surrogates, by name; handmade losses have none."
    )
    created_at: datetime


class ParameterView(BaseModel):
    """One parameter of a handmade loss."""

    name: str
    value: Any = Field(description="What it is in this loss.")
    default: Any = Field(description="What it is in the entry that the loss is made of.")
    range: str = Field(description="What it may be, in words.")
    meaning: str


class LossDetail(LossView):
    """A loss with its document, and all its versions."""

    document: dict[str, Any] = Field(description="The loss file, `lossfit/loss/v1`.")
    versions: list[int]
    needs: NeedsView
    parameters: list[ParameterView] = Field(
        default=[], description="Of a handmade loss; others have none to choose."
    )
    parameter_schema: dict[str, Any] | None = Field(
        default=None,
        description="JSON schema of a handmade loss's parameters: what `POST /v1/losses` takes as "
        "`parameters`. Null for other losses.",
    )


class MetricView(View):
    """A segmentation metric that a search can aim at."""

    name: str
    title: str
    summary: str
    source: str
    curves: list[str] = Field(description="The logical operations that get a curve each.")
    parameters: int = Field(description="Searched numbers, with the metric's own segments.")
    package: str | None = Field(description="The installed package that brings it, if another's.")


class NetworkView(View):
    """A segmentation network that can be trained."""

    name: str
    summary: str
    source: str
    package: str | None = Field(description="The installed package that brings it, if another's.")


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


class SamplerView(BaseModel):
    """A sampler: what proposes the candidates of a search."""

    name: str
    summary: str
    options: dict[str, Any] = Field(
        description="JSON schema of a search's field `sampler` for this one, with the defaults."
    )


class Health(BaseModel):
    """Whether the service can take requests."""

    status: Literal["ok"]
    warnings: list[str] = []


class FieldError(BaseModel):
    """One offending field of a request."""

    place: Place = Field(description="Where in the request the field stands.")
    field: str = Field(description="Dotted path of the field, e.g. `training.iterations`.")
    message: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """An error as RFC 9457 describes it."""

    type: str = Field(description="A URN that names the kind of problem.")
    title: str = Field(description="The kind of problem, in words.")
    status: int = Field(description="The HTTP status, repeated.")
    detail: str = Field(description="What went wrong this time, and what to do.")
    instance: str = Field(description="The path that was asked for.")
    errors: list[FieldError] = Field(default=[], description="The offending fields, where known.")
    figures: dict[str, float | None] = Field(
        default={}, description="What a job would cost that is refused for it; null is not known."
    )
    limits: dict[str, float | None] = Field(
        default={}, description="What is allowed, by the same names; null is no limit."
    )
