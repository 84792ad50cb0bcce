"""What the API answers of one trial, and whoever trains the trials of a search in code of their own."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from api.schemas import TrialView
from search_service.store.states import Ending, State


class StageView(BaseModel):
    """Another training of a trial's loss: a rung on the way to the trial, or a part of the race."""

    stage: str = Field(description="`rung <iterations>`, `heat <number>` or `round <number>`.")
    score: float | None = Field(description="What was measured; null if it failed.")
    error: str | None
    seconds: float
    finished_at: datetime


class TrialDetail(TrialView):
    """One candidate loss of a search, with all that was recorded of its trainings."""

    curve: list[tuple[float, float]] = Field(
        description="Step and mean training loss since the point before, about fifty points; empty of a "
        "trial that was not trained by a worker of this service, or before it kept curves."
    )
    scales: list[float] = Field(description="Scales that were measured for its loss.")
    hold_out: str = Field(description="How its hold-out set was cut, in a sentence.")
    evaluations: list[StageView] = Field(description="In the order of their ends.")


class HandedOutView(BaseModel):
    """A training that a search wants of its user's own code."""

    lease: str = Field(description="What heartbeats, reports and the result are sent with.")
    lapses_at: datetime = Field(description="From then on it is handed out to whoever asks.")
    stage: str = Field(
        description="`generation <index>` of a trial, `heat <number>` and `round <number>` of the race."
    )
    number: int = Field(description="The trial's number; an entrant's in the race.")
    seed: int = Field(description="Of everything random; all trainings of a stage share it.")
    rate: float = Field(description="Factor on your learning rate for cross entropy.")
    loss: dict[str, Any] = Field(description="The loss file, `lossfit/loss/v1`.")


class Asked(BaseModel):
    """What there is to train, and how the search is."""

    state: State = Field(description="Of the search.")
    over: bool = Field(description="Whether nothing will be handed out any more.")
    items: list[HandedOutView] = Field(
        description="Empty while all of a generation is handed out, or the search is not running: ask "
        "again in a moment."
    )
    metric: str = Field(description="What the search is for.")
    num_classes: int = Field(description="Of the user's data, as the request says.")
    facts: dict[str, list[int]] = Field(description="Of the user's data, as the request says.")


class Prolonged(BaseModel):
    """A lease that goes on."""

    lapses_at: datetime


class Reported(BaseModel):
    """What follows from a report."""

    stop: bool = Field(
        description="Whether the trial is over with this report, as one of the worst."
    )


class Told(BaseModel):
    """What was taken of a trial."""

    ending: Ending
