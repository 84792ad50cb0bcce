"""What a search publishes: for each of its objectives a winner, with what the race says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from search_service.jobs import stages
from search_service.jobs.run import Run
from search_service.samplers.contract import SamplerResult
from search_service.searches import publication
from search_service.searches.racing import entrants
from search_service.searches.racing.race import Race, RaceResult
from search_service.searches.racing.verdicts import sentence
from search_service.searches.request import SearchRequest
from search_service.searches.space import SearchSpace, title_of
from search_service.spaces.space import Theta
from search_service.spaces.zoo import ZooSpace
from search_service.store.tables import Trial
from surrogate_zoo.errors import WorkerError
from surrogate_zoo.losses.document import Document
from surrogate_zoo.metrics.targets import Target
from workers.tasks.proxy import Candidate, ProxyTask

SCALES = "scales"
"""Stage of the evaluation that measures the scales of a loss that was never trained."""


@dataclass(frozen=True)
class Winner:
    """The loss that is published for one objective.

    Attributes:
        objective: The metric, or the weighted sum of some.
        loss: Its loss file's content, a draft where scales were measured for it.
        scales: These scales.
        rate: Factor on the schedule's peak learning rate that it was found with.
        trial: Its trial's number; None of what is no trial.
        theta: Its parameters in the space; None of what lies outside.
        parameters: These by name, for people.
        race: What the race tells; None where there was none.
    """

    objective: str
    loss: Document
    scales: tuple[float, ...]
    rate: float
    trial: int | None
    theta: Theta | None
    parameters: Mapping[str, Any]
    race: Mapping[str, Any] | None = field(default=None)

    @property
    def told(self) -> dict[str, Any]:
        """What a result and a loss's provenance tell of it."""
        told: dict[str, Any] = {
            "metric": self.objective,
            "trial": self.trial,
            "theta": None if self.theta is None else list(self.theta),
            "parameters": dict(self.parameters),
            "rate": self.rate,
        }
        return told | ({} if self.race is None else {"race": dict(self.race)})


@dataclass(frozen=True)
class Found:
    """What a sampler found, of which winners are chosen.

    Attributes:
        run: The run of the job.
        request: What was asked for.
        space: What was searched.
        task: The proxy task, cold.
        start: Where the sampler started; None is the space's own start.
        result: What it found.
        trials: All trials, by number.
    """

    run: Run
    request: SearchRequest
    space: SearchSpace
    task: ProxyTask
    start: Theta | None
    result: SamplerResult
    trials: Sequence[Trial]

    def winners(self) -> list[Winner]:
        """Choose one for each objective: by a race where one is asked for, else as the sampler says.

        Raises:
            Interrupted: The job is to pause or to stop; what finished is recorded.
            WorkerError: No loss came through the race.
        """
        objectives, spec = self.request.objectives, self.request.race
        if spec is None:
            found = [self._best(objective) for objective in objectives]
        else:
            starters = spec.sizes(len(objectives)).starters
            taking_part = {each: self._entrants(starters, each) for each in objectives}
            everyone = entrants.shared(taking_part)
            race = Race(self.run, spec, self.task, everyone, self.request.warm_up).result()
            found = [_raced(race, objective) for objective in objectives]
        generation = self.result.generation
        return [_measured(self.run, self.task, winner, generation) for winner in found]

    def _entrants(self, starters: int, objective: str) -> list[entrants.Entrant]:
        if isinstance(self.space, ZooSpace):
            return entrants.of_trials(self.space, self.trials, starters, objective)
        start = self.start or tuple(self.space.start.tolist())
        return entrants.of_curves(self.space, self.trials, starters, found=self.result, start=start)

    def _best(self, objective: str) -> Winner:
        """The sampler's result; of several objectives the trial that scored best on this one."""
        theta, number = self.result.theta, self.result.trial
        if self.space.target.expression != objective:
            target = Target(objective)
            scored = [(target.merit(trial.metrics), trial) for trial in self.trials]
            pairs = [(merit, -trial.number, trial) for merit, trial in scored if merit is not None]
            best = max(pairs, key=lambda pair: pair[:2])[2]
            theta, number = tuple(best.theta), best.number
        draft = self.space.candidate(theta)
        scales = next((tuple(t.scales) for t in self.trials if t.number == number), ())
        named = self.space.named(theta)
        return Winner(objective, draft.loss, scales, draft.rate, number, theta, named)


def document(request: SearchRequest, winner: Winner, facts: Mapping[str, Any]) -> Document:
    """The loss file of a winner."""
    objective = winner.objective
    title, own = title_of(request, objective), {"chosen": winner.told}
    name = request.name_for(objective)
    return publication.document(winner.loss, winner.scales, name, title, {**facts, **own})


def _raced(race: RaceResult, objective: str) -> Winner:
    entrant = race.winner(objective)
    if entrant is None:
        raise WorkerError(
            f"Every training of the race for {objective} failed; its rounds tell why."
        )
    told = race.told(objective) | {"cost": race.cost, "hold_out": race.hold_out}
    told["sentence"] = sentence(objective, told)
    number = entrant.facts["number"]
    facts = {name: value for name, value in entrant.facts.items() if name != "number"}
    scales = race.scales(entrant.number) if entrant.loss.get("scale", 1.0) is None else ()
    return Winner(objective, entrant.loss, scales, entrant.rate, number, entrant.theta, facts, told)


def _measured(run: Run, task: ProxyTask, winner: Winner, generation: int) -> Winner:
    """A winner with its scales: a policy's mean may be a draft that nothing was trained with yet.

    It is recorded under its generation: a search that is extended may publish another one's.
    """
    if winner.scales or winner.loss.get("scale", 1.0) is not None:
        return winner
    short = task.model_copy(update={"stop_after": 1, "rejection": None})
    outcome = stages.of_stage(run, SCALES, short, [Candidate(generation, winner.loss)])[generation]
    if not outcome.scales:
        raise WorkerError(f"The published loss cannot be scaled. {outcome.error}")
    return Winner(**{**vars(winner), "scales": tuple(outcome.scales)})
