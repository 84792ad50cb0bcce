"""What a job will cost, before it is submitted; needs pydantic alone."""

from pydantic import BaseModel, ConfigDict


class Estimate(BaseModel):
    """What a job will cost at most.

    Attributes:
        trainings: Trainings to the end of their schedules; what is stopped early counts for the share
            that it is trained.
        parts: What they are for: part of the job -> its trainings.
        minutes: Minutes of one worker that all of them take; None where nothing like them was trained
            on this service yet.
        measured_on: How many trainings that was measured on.
    """

    model_config = ConfigDict(frozen=True)

    trainings: float
    parts: dict[str, float]
    minutes: float | None = None
    measured_on: int = 0
