"""What a job will cost, before it is submitted; needs pydantic alone."""

from pydantic import ConfigDict

from workers.tasks.described import Answer


class Estimate(Answer):
    """What a job will cost at most.

    Attributes:
        trainings: Trainings to the end of their schedules; what is stopped early counts for the share
            that it is trained.
        parts: What they are for: part of the job -> its trainings.
        steps: Optimiser steps of all of them.
        minutes: Minutes of one worker that all of them take; None where nothing like them was trained
            on this service yet, as in the next ones.
        disk_bytes: Of the files that are left in the end.
        memory_bytes: Of GPU memory that a worker takes.
        measured_on: How many trainings that was measured on.
    """

    model_config = ConfigDict(frozen=True)

    trainings: float
    parts: dict[str, float]
    steps: float = 0.0
    minutes: float | None = None
    disk_bytes: int | None = None
    memory_bytes: int | None = None
    measured_on: int = 0

    @property
    def hours(self) -> float | None:
        """Hours of one worker."""
        return None if self.minutes is None else self.minutes / 60
