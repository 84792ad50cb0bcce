"""What a search publishes: for each of its objectives a winner, with what the race says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from search_service.jobs import external, stages
from search_service.jobs.external import ExternalTask
from search_service.jobs.run import Run
from search_service.samplers.contract import SamplerResult
from search_service.searches import publication
from search_service.searches.racing import entrants
from search_service.searches.racing.race import Race, RaceResult
from search_service.searches.racing.verdicts import sentence
from search_service.searches.request import SearchRequest
from search_service.searches.space import SearchSpace, title_of
from search_service.spaces.margins import MarginSpace
from search_service.spaces.space import Draft, Theta
from search_service.spaces.zoo import ZooSpace
from search_service.store.states import SCALES
from search_service.store.tables import Trial
from surrogate_zoo.errors import WorkerError
from surrogate_zoo.losses.document import Document
from surrogate_zoo.metrics.targets import Target
from workers.tasks.proxy import ProxyTask


@dataclass(frozen=True)
class Winner:
    """The loss that is published for one objective.

    Attributes:
        objective: The metric, or the weighted sum of some.
        draft: Its loss, a draft where scales were measured for it, and what it was found with.
        scales: These scales.
        trial: Its trial's number; None of what is no trial.
        theta: Its parameters in the space; None of what lies outside.
        parameters: These by name, for people.
        race: What the race tells; None where there was none.
    """

    objective: str
    draft: Draft
    scales: tuple[float, ...]
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
            "rate": self.draft.rate,
            **self.draft.changes,
        }
        return told | ({} if self.race is None else {"race": dict(self.race)})


@dataclass(frozen=True)
class Found:
    """What a sampler found, of which winners are chosen.

    Attributes:
        run: The run of the job.
        request: What was asked for.
        space: What was searched.
        task: The search's task, cold.
        start: Where the sampler started; None is the space's own start.
        result: What it found.
        trials: All trials, by number.
    """

    run: Run
    request: SearchRequest
    space: SearchSpace
    task: ProxyTask | ExternalTask
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
        if isinstance(self.space, MarginSpace):
            return entrants.of_margins(
                self.space, self.trials, starters, objective, found=self.result
            )
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
        return Winner(objective, draft, scales, number, theta, named)


def document(request: SearchRequest, winner: Winner, facts: Mapping[str, Any]) -> Document:
    """The loss file of a winner."""
    objective = winner.objective
    title, own = title_of(request, objective), {"chosen": winner.told}
    name = request.name_for(objective)
    return publication.document(winner.draft.loss, winner.scales, name, title, {**facts, **own})


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
    return Winner(objective, entrant.draft, scales, number, entrant.theta, facts, told)


def _measured(run: Run, task: ProxyTask | ExternalTask, winner: Winner, generation: int) -> Winner:
    """A winner with its scales: a policy's mean may be a draft that nothing was trained with yet.

    It is recorded under its generation: a search that is extended may publish another one's.
    """
    if winner.scales or winner.draft.loss.get("scale", 1.0) is not None:
        return winner
    if isinstance(task, ExternalTask):
        return replace(winner, scales=tuple(external.scaled(task, winner.draft.loss)[1]))
    short = task.model_copy(update={"stop_after": 1, "rejection": None})
    candidate = winner.draft.candidate(generation, task.training.learning_rate)
    outcome = stages.of_stage(run, SCALES, short, [candidate])[generation]
    if not outcome.scales:
        raise WorkerError(f"The published loss cannot be scaled. {outcome.error}")
    return replace(winner, scales=tuple(outcome.scales))
