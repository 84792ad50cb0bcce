"""The events of a job, as its stream tells them; needs pydantic alone."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

from pydantic import ConfigDict, Field

from search_service.store.states import Ending, State
from workers.tasks.described import Described
from workers.tasks.failures import Failure


class JobEvent(Described):
    """One event of a job; of a kind that is not listed in :data:`EVENTS`, with fields of its own."""

    model_config = ConfigDict(extra="allow", frozen=True)

    event: str = Field(description="The kind, as the stream's field `event`.")
    sequence: int = Field(description="Its number among the job's events, from 1 without gaps.")
    at: datetime = Field(description="When it happened.")


class StateEvent(JobEvent):
    """The job changed its state."""

    state: State = Field(description="The new one.")
    attempt: int | None = Field(None, description="Runs before this one, of one that begins.")
    reason: str | None = Field(None, description="Why, of a job that waits to go on.")


class TrialEvent(JobEvent):
    """A trial of a search was recorded; fields as in :class:`TrialView`."""

    number: int = Field(description="Of the trial.")
    generation: int = Field(description="Of the trial.")
    is_mean: bool = Field(description="Whether it is the sampler's mean itself.")
    ending: Ending = Field(description="How it ended.")
    score: float | None = Field(
        description="What the sampler was told; null if it failed or was rejected."
    )
    error: str | None = Field(description="Why it failed, in one line.")
    failure: Failure | None = Field(None, description="Which class of failure that was.")
    seconds: float = Field(description="Wall time of its training and scoring.")


class EvaluationEvent(JobEvent):
    """Another training of a search or a comparison was recorded, such as a repeat or a cell."""

    stage: str = Field(description="What it is a part of.")
    number: int = Field(description="Its number in that stage.")
    score: float | None = Field(description="On the data that it is scored on.")
    error: str | None = Field(description="Why it failed, in one line.")
    seconds: float = Field(description="Wall time of its training and scoring.")


class ProgressEvent(JobEvent):
    """How far a job is."""

    done: int = Field(description="Steps, or images that are read.")
    total: int = Field(description="How many there will be.")
    loss: float | None = Field(None, description="The recent training loss.")
    stage: str | None = Field(None, description="The loss network that is trained first.")


class LossNetworkEvent(JobEvent):
    """A job supplies itself with a loss network."""

    kind: str = Field(description="The loss network's kind.")
    status: Literal["found", "training", "trained"] = Field(
        description="Where it comes from, or that it is being trained."
    )
    sha256: str | None = Field(None, description="Of its weights, once it is there.")
    measures: dict[str, float] = Field({}, description="As of :class:`LossNetworkView`.")


class RemarkEvent(JobEvent):
    """Something that the job went on without."""

    text: str = Field(description="What, in one sentence.")


class StageEvent(JobEvent):
    """A part of the job begins, such as a generation or a heat."""

    stage: str = Field(description="Its name.")
    trainings: int = Field(description="How many are to do.")


class ContinuedEvent(JobEvent):
    """A run went on that its controller had not ended."""

    attempt: int = Field(description="The run that goes on.")


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
