"""When a search ends before its sampler is through: what its trials may cost. Needs pydantic alone."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from workers.tasks.base import Spec


class BudgetSpec(Spec):
    """What the trials of a search may cost; the race has bounds of its own.

    No generation begins once the recorded trials have used one of them up; one that has begun is
    finished.

    Attributes:
        trainings: Trainings to the end of the schedule; what is stopped early counts for the share
            that it was trained.
        minutes: Minutes of one worker, as the trials tell them.
    """

    trainings: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    minutes: Annotated[float, Field(gt=0, le=10_000_000)] | None = None

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.trainings is None and self.minutes is None:
            raise ValueError("a budget says trainings, minutes, or both")
        return self

    def is_used_up(self, trainings: float, minutes: float) -> bool:
        """Whether trials that cost so much leave nothing of one of them."""
        return (self.trainings is not None and trainings >= self.trainings) or (
            self.minutes is not None and minutes >= self.minutes
        )
