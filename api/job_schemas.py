"""A job of any kind, and what it leaves: progress, log, files; needs pydantic alone."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.schemas import View
from search_service.store.states import State
from workers.tasks.described import Described, DescribedAs


class Progress(Described):
    """How far a job is.

    Attributes:
        done: Trials, trainings, steps or images that are done.
        total: How many there will be, as far as it is known.
        stage: What a retraining does first, such as training a loss network.
        loss: The recent training loss.
        failed: Trials of a search that failed.
        rejected: Trials of a search that were never trained, as hopeless.
        stopped: Trials of a search that were stopped early.
        evaluations: What a search trained on the way to its trials and after them.
        best_score: The best score of a search so far.
        higher_is_better: Which way the scores of a search are better.
        factor: What the scores of a search are multiplied by to be shown; 100 of shares.
    """

    model_config = ConfigDict(extra="allow")

    done: int
    total: int
    stage: str | None = None
    loss: float | None = None
    failed: int = 0
    rejected: int = 0
    stopped: int = 0
    evaluations: int = 0
    best_score: float | None = None
    higher_is_better: bool | None = None
    factor: float | None = None


class WaitingView(View):
    """What a queued job waits for."""

    position: int = Field(description="Its place in the queue at most; 1 is next.")
    reason: str = Field(description="Why it does not run yet, in a sentence.")


class JobView(View):
    """A search, a retraining, a comparison, or the training of a loss network."""

    id: str = Field(description="A UUID.")
    kind: str = Field(description="Name of its kind, as in `/v1/kinds`.")
    state: State = Field(
        description="Where it stands; `succeeded`, `failed` and `cancelled` are ends."
    )
    owner: str = Field(description="Who asked for it: the owner of the token.")
    priority: int = Field(description="The higher of an owner's waiting jobs starts first.")
    request: dict[str, Any] = Field(description="What was asked for, with every default filled in.")
    result: dict[str, Any] | None = Field(description="What came out, once it succeeded.")
    error: str | None = Field(description="Why it failed, in one line.")
    note: str = Field("", description="What people wrote to it; may be empty.")
    tags: list[str] = Field([], description="Words that they find it by.")
    attempt: int = Field(
        description="Runs that were begun after the first: one more with each resume and extension."
    )
    trainings: float = Field(
        description="How many it was estimated to take, when it was submitted."
    )
    spent_trainings: int = Field(description="How many are recorded.")
    spent_seconds: float = Field(description="What they took, in seconds of one worker.")
    created_at: datetime = Field(description="When it was submitted.")
    started_at: datetime | None = Field(description="When its first run began.")
    finished_at: datetime | None = Field(description="When it came to an end.")
    running_seconds: float = Field(
        description="How long it runs, or ran, in seconds on the clock, without its pauses."
    )
    waiting: WaitingView | None = Field(None, description="Of a queued job that was looked up.")


class JobDetail(JobView):
    """A job with how far it has come."""

    about: str = Field("", description="What it is about: `mIoU on camvid`.")
    headline: str = Field(
        "", description="Its answer, why it failed, or what it waits for; may be empty."
    )
    progress: Annotated[dict[str, Any], DescribedAs(Progress)] = Field(
        description="How far it is; what is told beside `done` and `total` depends on the kind."
    )


class LogEntryView(View):
    """Something that happened to a job."""

    sequence: int = Field(description="Its number among the job's events.")
    at: datetime = Field(description="When it happened.")
    level: Literal["info", "warning", "error"] = Field(description="How much it matters.")
    event: str = Field(description="The kind of event, as in the stream of them.")
    message: str = Field(description="What happened, in a sentence.")
    body: dict[str, Any] = Field(description="What is known of it.")


class ArtifactView(View):
    """A file that a job left behind."""

    name: str = Field(description="Its name, by which it is downloaded.")
    media_type: str = Field(description="What it is, as a Content-Type.")
    bytes: int = Field(description="Its size.")
    sha256: str = Field(description="Of its content, lower-case hex; also its ETag.")
