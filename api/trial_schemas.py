"""What the API answers of a trial, and whoever trains the trials of a search in code of their own."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from api.schemas import View
from search_service.catalogue.loss_requests import LossFile
from search_service.store.states import Ending, State
from workers.tasks.described import Answer, DescribedAs
from workers.tasks.failures import Failure


class TrialView(View):
    """One candidate loss of a search: its parameters, and how its proxy network did."""

    number: int = Field(description="Its number in the search, from 0.")
    generation: int = Field(description="Index of the generation that it was proposed in.")
    theta: list[float] = Field(description="Its parameters, as the search space numbers them.")
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
        description="Every metric on the hold-out set, as measured; of a stopped trial what it would have "
        "come to, as its score."
    )
    error: str | None = Field(description="Why it failed, in one line.")
    failure: Failure | None = Field(None, description="Which class of failure that was.")
    ending: Ending = Field(description="How it ended: only a trained one went to its end.")
    iterations: int = Field(description="Steps that it was trained for.")
    seconds: float = Field(description="Wall time of its training and scoring.")
    worker: dict[str, Any] = Field(description="Where it ran, as far as a repeat needs it.")
    finished_at: datetime = Field(description="When it was recorded.")


class StageView(Answer):
    """Another training of a trial's loss: a rung on the way to the trial, or a part of the race."""

    stage: str = Field(description="`rung <iterations>`, `heat <number>` or `round <number>`.")
    score: float | None = Field(description="What was measured; null if it failed.")
    error: str | None = Field(description="Why it failed, in one line.")
    seconds: float = Field(description="Wall time of its training and scoring.")
    finished_at: datetime = Field(description="When it was recorded.")


class TrialDetail(TrialView):
    """One candidate loss of a search, with all that was recorded of its trainings."""

    curve: list[tuple[float, float]] = Field(
        description="Step and mean training loss since the point before, about fifty points; empty of a "
        "trial that was not trained by a worker of this service, or before it kept curves."
    )
    scales: list[float] = Field(description="Scales that were measured for its loss.")
    hold_out: str = Field(description="How its hold-out set was cut, in a sentence.")
    evaluations: list[StageView] = Field(description="In the order of their ends.")


class HandedOutView(Answer):
    """A training that a search wants of its user's own code."""

    lease: str = Field(description="What heartbeats, reports and the result are sent with.")
    lapses_at: datetime = Field(description="From then on it is handed out to whoever asks.")
    stage: str = Field(
        description="`generation <index>` of a trial, `heat <number>` and `round <number>` of the race."
    )
    number: int = Field(description="The trial's number; an entrant's in the race.")
    seed: int = Field(description="Of everything random; all trainings of a stage share it.")
    rate: float = Field(description="Factor on your learning rate for cross entropy.")
    loss: Annotated[dict[str, Any], DescribedAs(LossFile)] = Field(
        description="The loss file, `lossfit/loss/v1`."
    )


class Asked(Answer):
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


class Prolonged(Answer):
    """A lease that goes on."""

    lapses_at: datetime = Field(description="From then on the trial is handed out to whoever asks.")


class Reported(Answer):
    """What follows from a report."""

    stop: bool = Field(
        description="Whether the trial is over with this report, as one of the worst."
    )


class Told(Answer):
    """What was taken of a trial."""

    ending: Ending = Field(description="How the trial ended.")
