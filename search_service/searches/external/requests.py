"""What the user's own code may send while it trains for a search; needs pydantic alone."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from workers.tasks.base import Spec

LeaseId = Annotated[str, StringConstraints(min_length=1, max_length=36)]
Score = Annotated[float, Field(description="The search's metric, where it has a single one.")]
Metrics = Annotated[
    dict[Annotated[str, StringConstraints(max_length=64)], float], Field(max_length=200)
]


class AskRequest(Spec):
    """Asks for trials to train.

    Attributes:
        count: How many at most.
        lease_seconds: How long each is the worker's own, from its last sign of life on.
        worker: What the worker calls itself.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"count": 1, "lease_seconds": 300, "worker": "desk-3"},
            ]
        }
    )

    count: Annotated[int, Field(ge=1, le=100)] = 1
    lease_seconds: Annotated[float, Field(ge=1, le=604_800)] = 300.0
    worker: Annotated[str, StringConstraints(max_length=100)] = ""


class HeartbeatRequest(Spec):
    """Says that a trial is still being trained.

    Attributes:
        lease: The lease.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"lease": "1c0c9a4e-8f3b-4c5e-9a57-2f7a1f0f6d11"},
            ]
        }
    )

    lease: LeaseId


class ReportRequest(Spec):
    """Tells how a trial does on the way, which prolongs its lease too.

    Attributes:
        lease: The lease.
        step: Steps that it is trained for; reports go up.
        score: The search's metric, where it has a single one.
        metrics: Every metric that was measured, in the range of its definition: 0.71, not 71.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"lease": "1c0c9a4e-8f3b-4c5e-9a57-2f7a1f0f6d11", "step": 5, "score": 0.61},
            ]
        }
    )

    lease: LeaseId
    step: Annotated[int, Field(ge=1, lt=2**31)]
    score: Score | None = None
    metrics: Metrics = Field(default_factory=dict)

    @model_validator(mode="after")
    def _something_was_measured(self) -> Self:
        if self.score is None and not self.metrics:
            raise ValueError("a report has score, metrics, or both")
        return self


class TellRequest(Spec):
    """Tells what became of a trial: what it scored, or why it failed.

    Attributes:
        lease: The lease.
        score: The search's metric, where it has a single one.
        metrics: As of a report.
        error: Why there is no score.
        seconds: Wall time of its training; None takes the time since it was handed out.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"lease": "1c0c9a4e-8f3b-4c5e-9a57-2f7a1f0f6d11", "score": 0.71},
                {"lease": "1c0c9a4e-8f3b-4c5e-9a57-2f7a1f0f6d11", "error": "Out of memory."},
            ]
        }
    )

    lease: LeaseId
    score: Score | None = None
    metrics: Metrics = Field(default_factory=dict)
    error: Annotated[str, StringConstraints(min_length=1, max_length=2000)] | None = None
    seconds: Annotated[float, Field(ge=0, le=10**9)] | None = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        measured = self.score is not None or bool(self.metrics)
        if measured == (self.error is not None):
            raise ValueError(
                "tell score, metrics, or both of a trial that came to its end, else error"
            )
        return self
