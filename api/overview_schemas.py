"""What the API answers with where it sums up: jobs in one list, answers of searches.

Needs neither the database nor torch.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field

from api.job_schemas import Progress
from search_service.store.states import State
from surrogate_zoo.metrics.titles import higher_is_better, unit_of
from workers.tasks.described import Answer, DescribedAs


class JobSummary(Answer):
    """A job of any kind, in one line."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(description="A UUID.")
    kind: str = Field(description="Name of its kind, as in `/v1/kinds`.")
    path: str = Field(description="Its collection below `/v1`.")
    state: State = Field(
        description="Where it stands; `succeeded`, `failed` and `cancelled` are ends."
    )
    owner: str = Field(description="Who asked for it.")
    priority: int = Field(description="The higher of an owner's waiting jobs starts first.")
    note: str = Field("", description="What people wrote to it; may be empty.")
    tags: list[str] = Field([], description="Words that they find it by.")
    about: str = Field(description="What it is about: `mIoU on camvid`.")
    headline: str = Field(
        description="How it stands: its answer, why it failed, or what it waits for; may be empty."
    )
    score: str = Field(
        "",
        description="What it scored, or a search's best trial so far: `mIoU 41.3`; may be empty.",
    )
    progress: Annotated[dict[str, Any], DescribedAs(Progress)] | None = Field(
        description="How far it is; null of a job that is over."
    )
    created_at: datetime = Field(description="When it was submitted.")
    started_at: datetime | None = Field(description="When its first run began.")
    finished_at: datetime | None = Field(description="When it came to an end.")
    running_seconds: float = Field(
        description="How long it runs, or ran, in seconds on the clock, without its pauses."
    )


class LeadView(Answer):
    """By how much the winner of a race leads another loss, in the metric as it is measured."""

    mean: float = Field(description="Over the seeds of the race.")
    interval: tuple[float, float] | None = Field(description="Null of a single seed.")
    p: float | None = Field(
        description="Of the paired t-test with this loss alone, not corrected; null of a single seed."
    )


class EntrantView(Answer):
    """A loss in the race at the end of a search."""

    name: str = Field(description="What was tried, in a few words.")
    trial: int | None = Field(description="The trial that it comes from; null of one that is none.")
    rate: float = Field(description="Factor on the schedule's learning rate.")
    roles: list[str] = Field(
        description="Why it takes part: `candidate`, `handmade`, `cross-entropy`."
    )
    scores: list[float | None] = Field(description="By fresh seed, in their order.")
    mean: float | None = Field(description="Null where it failed.")
    lead: LeadView | None = Field(description="The winner's lead over it; null of the winner.")
    winner: bool = Field(description="Whether it is the loss to use.")
    rival: bool = Field(description="Whether the answer compares the winner with it.")


class AnswerView(Answer):
    """The answer of a search for one metric."""

    metric: str = Field(description="Name of the metric, or the weighted sum of some.")
    title: str = Field(description="The metric, as papers write it.")
    factor: float = Field(description="What scores are multiplied by to be shown.")
    unit: str = Field(description="What differences are counted in: points, objects.")
    higher_is_better: bool = Field(description="Which way its scores are better.")
    loss: str = Field(description="Name in the zoo of the loss to use.")
    version: int = Field(description="Its version there.")
    sentence: str = Field(description="The answer, in a sentence.")
    facts: dict[str, str] = Field(description="What else is to be known, by name.")
    verdict: Literal["better", "tied", "handmade"] | None = Field(
        description="Whether the loss beats the best handmade one, is not told apart from it, or is "
        "handmade itself; null without a race."
    )
    level: float | None = Field(description="Level of the intervals; null without a race.")
    entrants: list[EntrantView] = Field(
        description="The race, the best mean first; empty without one."
    )

    @classmethod
    def of(cls, winner: Mapping[str, Any]) -> Self:
        """The answer that a winner in a search's result is."""
        # Spaces load NumPy, which the client does without.
        from search_service.searches.racing.answers import answer, by_mean, named  # noqa: PLC0415

        told = answer(winner, winner["loss"], winner["version"])
        race, unit = winner.get("race") or {}, unit_of(winner["metric"])
        verdict = race.get("verdict")
        ranked = by_mean(winner["metric"], race.get("entrants", ()))
        return cls(
            metric=winner["metric"],
            title=told.metric,
            factor=unit.factor,
            unit=unit.differences,
            higher_is_better=higher_is_better(winner["metric"]) is not False,
            loss=told.loss,
            version=winner["version"],
            sentence=told.sentence,
            facts=dict(told.facts),
            verdict=verdict if verdict in {"better", "handmade", None} else "tied",
            level=race.get("level"),
            entrants=[
                EntrantView(
                    name=named(entrant, ranked, shown=("rate",)),
                    trial=entrant["number"],
                    rate=entrant.get("rate", 1.0),
                    **{key: entrant[key] for key in ("roles", "scores", "mean", "winner", "rival")},
                    lead=entrant["lead"],
                )
                for entrant in ranked
            ],
        )
