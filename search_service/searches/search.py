"""A search: proposals, durable evaluation, and the publication of what was found."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from sqlalchemy import select

from search_service.catalogue import datasets
from search_service.catalogue.datasets import source_of
from search_service.jobs import ledger, stages
from search_service.jobs.external import ExternalTask
from search_service.jobs.run import Run, succeed
from search_service.loss_networks import supply
from search_service.samplers import portfolio
from search_service.samplers.contract import Proposal, SamplerResult, Score
from search_service.samplers.registry import SAMPLERS
from search_service.samplers.specs import PortfolioSpec, SamplerSpec
from search_service.searches import (
    admission,
    front,
    priors,
    provenance,
    rungs,
    spending,
    starts,
    warm_up,
)
from search_service.searches.external.options import SCORED
from search_service.searches.halving import HalvingSpec
from search_service.searches.racing import winners
from search_service.searches.request import SearchRequest
from search_service.searches.space import SearchSpace, space_of
from search_service.spaces.curves import CurveSpace
from search_service.spaces.space import Box, PortfolioSpace, Theta
from search_service.store.states import Ending
from search_service.store.tables import Trial
from surrogate_zoo.errors import ConflictError
from surrogate_zoo.metrics.targets import Target
from surrogate_zoo.store import zoo
from surrogate_zoo.store.tables import now
from workers.tasks.base import fields_of
from workers.tasks.proxy import Candidate, Outcome, ProxyOptions, ProxyTask

RESHUFFLED = 10_000
"""Seeds of generations that are drawn afresh begin so far above the search's own: a race's lie between."""

SEEDS = 2**31  # seeds lie below

UNTRAINED: tuple[Ending, ...] = ("failed", "rejected", "stopped")
"""How trials end that are not trained to their end."""


class _BudgetUsedUp(Exception):  # noqa: N818 - a bound that was met, not an error
    """No generation begins any more; ``trials`` are recorded, whole generations."""

    def __init__(self, trials: int) -> None:
        self.trials = trials


@dataclass(frozen=True)
class Search:
    """A search that is being run.

    Attributes:
        run: The run of its job.
        request: What was asked for.
        space: What is searched.
        start: Where the sampler starts; None is the straight line.
        networks: Facts about the loss networks that the companion asks for.
        task: The proxy task that scores candidates, or what the user's own code trains them for.
    """

    run: Run
    request: SearchRequest
    space: SearchSpace
    start: Theta | None
    networks: Sequence[Mapping[str, Any]]
    task: ProxyTask | ExternalTask

    @classmethod
    def of(cls, run: Run) -> "Search":
        """Read a search out of its job; trains its loss networks and its warm-up where it has any."""
        request = SearchRequest.model_validate(run.job.request)
        with run.reading() as session:
            companion = admission.companion(session, request)
            space = space_of(request, companion, priors.points(session, request))
            start = starts.theta(session, request, space)
            if request.is_external:
                return cls(run, request, space, start, [], _external_task(request))
            dataset = datasets.get(session, request.dataset)
        networks = supply.ensure(run, dataset, [companion] if companion else [])
        task = ProxyTask(
            dataset=source_of(dataset),
            loss_networks=supply.paths(run, networks),
            **fields_of(request, ProxyOptions),
        )
        return cls(run, request, space, start, networks, task)

    def sample(self) -> SamplerResult:
        """Have the sampler propose, and candidates scored, until it has found something.

        Where the budget ends it, it has found what it would have if it had been asked for the
        generations that are recorded, and no more.
        """
        spec = self.request.sampler
        try:
            found = self._sample(spec)
        except _BudgetUsedUp as end:
            found = self._sample(spec.with_trials(end.trials - self._first(spec)))
        return found.in_scores_of(self.space.target)

    def _sample(self, spec: SamplerSpec) -> SamplerResult:
        space, seed = self.space, self.request.seed
        if isinstance(spec, PortfolioSpec):
            return portfolio.run(
                cast("PortfolioSpace", space), spec, self.evaluate, seed, self.start
            )
        return SAMPLERS[spec.name](cast("Box", space), spec, self.evaluate, seed, self.start)

    def _first(self, spec: SamplerSpec) -> int:
        """Trials that the sampler proposes beside those of its budget: the portfolio."""
        if isinstance(spec, PortfolioSpec):
            return len(cast("PortfolioSpace", self.space).portfolio(spec.rates))
        return 0

    def evaluate(self, batch: Sequence[Proposal]) -> list[Score | None]:
        """Score a generation; a trial that is recorded is answered from its record.

        Raises:
            _BudgetUsedUp: The trials before it have used the budget up.
        """
        first = batch[0].number
        if self.request.budget is not None:
            used = self._spent(before=first)
            if self.request.budget.is_used_up(used.trainings, used.minutes):
                raise _BudgetUsedUp(first)
        self.run.step(f"generation {batch[0].generation}", lambda: self._record(batch))
        recorded = self._recorded(batch)
        return [_score(self.space.target, recorded[proposal.number]) for proposal in batch]

    def told_budget(self, trials: int) -> dict[str, Any]:
        """What a result tells of the budget, where there is one: who ended the search, what was used."""
        if self.request.budget is None:
            return {}
        used = self._spent()
        with self.run.reading() as session:
            asked = admission.number_of_trials(session, self.request)
        ended = "trials" if trials == asked else "budget"
        return {"stopped_by": ended, "used": asdict(used)}

    def _spent(self, before: int | None = None) -> spending.Spending:
        iterations = self.request.whole
        with self.run.reading() as session:
            return spending.spent(session, self.run.job.id, iterations, before)

    def _recorded(self, batch: Sequence[Proposal]) -> dict[int, Trial]:
        """Those of a generation's trials that are recorded, by number."""
        with self.run.reading() as session:
            numbers = [proposal.number for proposal in batch]
            recorded = ledger.recorded_trials(session, self.run.job.id, numbers)
        for proposal in batch:
            if proposal.number in recorded:
                _check_same(proposal, recorded[proposal.number])
        return recorded

    def _record(self, batch: Sequence[Proposal]) -> None:
        """Have those of a generation's trials evaluated that are not recorded."""
        if len(self._recorded(batch)) == len(batch):
            return
        task = self._task(batch[0].generation)
        if isinstance(task, ExternalTask) or self.request.halving is None:
            self._train(task, batch)  # reports stop the worst of what is handed out
        else:
            self._halve(task, batch, self.request.halving)

    def _task(self, generation: int) -> ProxyTask | ExternalTask:
        """The task of a generation, from its warm start where there is one."""
        task = self.task
        if isinstance(task, ExternalTask):
            return task
        if self.request.reshuffle:
            seed = (task.seed + RESHUFFLED + generation) % SEEDS
            task = task.model_copy(update={"seed": seed})
        return warm_up.warmed(self.run, task, self.request.warm_up)

    def _halve(self, task: ProxyTask, batch: Sequence[Proposal], spec: HalvingSpec) -> None:
        """Train a generation, its worst stopped early; what they are told to have scored is theirs."""
        proposals = {proposal.number: proposal for proposal in batch}
        means = [proposal.number for proposal in batch if proposal.is_mean]
        climb = rungs.climb(
            self.run,
            task,
            spec,
            generation=batch[0].generation,
            candidates=self._candidates(batch),
            always=means,
            objectives=[Target(metric) for metric in self.request.objectives],
        )
        spent = {number: outcome.seconds for number, outcome in climb.outcomes.items()}
        self._train(climb.task, [p for p in batch if p.number in climb.left], spent)
        trained = self._recorded([p for p in batch if p.number in climb.left])
        last = {number: trial.metrics for number, trial in trained.items()}
        for number, outcome in climb.fallen(last).items():
            self._keep(proposals[number], outcome, stopped=True)
        climb.forget_states()

    def _train(
        self,
        task: ProxyTask | ExternalTask,
        batch: Sequence[Proposal],
        spent: Mapping[int, float] | None = None,
    ) -> None:
        """Train those of ``batch`` to the end that are not recorded; ``spent`` are seconds before."""
        recorded = self._recorded(batch)
        missing = {p.number: p for p in batch if p.number not in recorded}

        def keep(outcome: Outcome) -> None:
            seconds = outcome.seconds + (spent or {}).get(outcome.number, 0.0)
            proposal, outcome = missing[outcome.number], replace(outcome, seconds=seconds)
            self._keep(proposal, outcome, stopped=outcome.stopped)

        stage = f"generation {batch[0].generation}" if batch else ""
        stages.evaluate(self.run, stage, task, self._candidates(list(missing.values())), keep)

    def _candidates(self, batch: Sequence[Proposal]) -> list[Candidate]:
        rate = self.task.training.learning_rate
        return [self.space.candidate(each.theta).candidate(each.number, rate) for each in batch]

    def _keep(self, proposal: Proposal, outcome: Outcome, *, stopped: bool = False) -> None:
        trial = _trial(self.run.job.id, proposal, outcome, stopped=stopped)
        with self.run.writing.begin() as session:
            ledger.record_trial(session, trial)


def run(run: Run) -> None:
    """Run a search to its end: all trials, the race, the published losses, the artifacts.

    Raises:
        Interrupted: The job is to pause or to stop; trials that finished are recorded.
        LossfitError: The search cannot be run.
    """
    search = Search.of(run)
    result = search.sample()
    with run.reading() as session:
        query = select(Trial).where(Trial.job_id == run.job.id).order_by(Trial.number)
        trials = list(session.scalars(query))
        data = admission.data_of(session, search.request)
    request, space = search.request, search.space
    found = winners.Found(run, request, space, search.task, search.start, result, trials)
    chosen = found.winners()
    facts = provenance.of_search(request, space, data, result, trials)
    facts |= {"loss_networks": search.networks} if search.networks else {}
    documents = [winners.document(request, winner, facts) for winner in chosen]
    told = [winner.told for winner in chosen]
    from search_service.searches import report  # noqa: PLC0415 - figures and torch, needed now alone
    from search_service.searches.figures.search import FinishedSearch  # noqa: PLC0415

    finished = FinishedSearch(space, documents, result, trials, told)
    for path in report.write(run.folder, finished):
        run.keep(path)
    members = None
    if isinstance(space, CurveSpace) and len(space.target.metrics) > 1:
        members = front.members(space.parameters, trials)
        run.keep(front.write(run.folder / "front.json", space.parameters, members))
    with run.writing() as session:
        losses = [zoo.publish(session, document, owner=run.job.owner) for document in documents]
        outcome = {"loss": losses[0].name, "version": losses[0].version}
        outcome |= _summary(search, result, trials)
        outcome["winners"] = [
            winner.told | {"loss": loss.name, "version": loss.version}
            for winner, loss in zip(chosen, losses, strict=True)
        ]
        outcome |= {} if members is None else {"front": members}
        outcome |= {"loss_networks": search.networks} if search.networks else {}
        # Published only if the job may still succeed: both together, or neither.
        if succeed(session, run.job.id, run.job.attempt, outcome):
            session.commit()


def _external_task(request: SearchRequest) -> ExternalTask:
    return ExternalTask(
        num_classes=request.classes,
        mode=request.labels,
        facts=request.facts,
        scored=SCORED,
        **fields_of(request, ProxyOptions),
    )


def _summary(search: Search, result: SamplerResult, trials: Sequence[Trial]) -> dict[str, Any]:
    return {
        "trials": len(trials),
        **search.told_budget(len(trials)),
        **{ending: sum(trial.ending == ending for trial in trials) for ending in UNTRAINED},
        "best": {
            "generation": result.generation,
            "trial": result.trial,
            "score": result.score,
            "theta": list(result.theta),
            "parameters": search.space.named(result.theta),
        },
        "mean_scores": list(result.mean_scores),
        "path": [list(mean) for mean in result.path],
        "hold_out": next((trial.hold_out for trial in trials), ""),
    }


def _trial(job_id: str, proposal: Proposal, outcome: Outcome, *, stopped: bool) -> Trial:
    return Trial(
        job_id=job_id,
        number=proposal.number,
        generation=proposal.generation,
        theta=list(proposal.theta),
        is_mean=proposal.is_mean,
        score=outcome.score,
        metrics=dict(outcome.metrics),
        error=outcome.error,
        failure=outcome.failure,
        ending=_ending(outcome, stopped=stopped),
        iterations=outcome.iterations,
        seconds=outcome.seconds,
        worker=dict(outcome.worker),
        scales=list(outcome.scales),
        hold_out=outcome.hold_out,
        curve=[list(point) for point in outcome.curve],
        finished_at=now(),
    )


def _ending(outcome: Outcome, *, stopped: bool) -> Ending:
    if outcome.score is None:
        return "rejected" if outcome.rejected else "failed"
    return "stopped" if stopped else "trained"


def _score(target: Target, trial: Trial) -> Score | None:
    return None if trial.score is None else Score.of(target, trial.score, trial.metrics)


def _check_same(proposal: Proposal, trial: Trial) -> None:
    """Refuse to mix two searches: what is proposed again must be what was recorded."""
    if list(proposal.theta) != trial.theta:
        raise ConflictError(
            f"Trial {trial.number} was recorded with other parameters than are proposed now: this "
            "search was begun by another version of lossfit or torch. Submit it again as a new one."
        )
