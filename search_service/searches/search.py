"""A search: proposals, durable evaluation, and the publication of what was found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from search_service.catalogue import datasets
from search_service.catalogue.datasets import source_of
from search_service.jobs import ledger, stages
from search_service.jobs.run import Run, succeed
from search_service.loss_networks import supply
from search_service.samplers.contract import Proposal, SamplerResult, Score, Theta
from search_service.samplers.registry import SAMPLERS
from search_service.searches import (
    admission,
    front,
    provenance,
    publication,
    repeats,
    report,
    rungs,
    starts,
    warm_up,
)
from search_service.searches.halving import HalvingSpec
from search_service.searches.request import SearchRequest
from search_service.searches.space import space_of
from search_service.store.states import Ending
from search_service.store.tables import Trial
from surrogate_zoo.errors import ConflictError
from surrogate_zoo.losses.document import Document
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.metrics.targets import Target
from surrogate_zoo.store import zoo
from surrogate_zoo.store.tables import now
from workers.tasks.base import fields_of
from workers.tasks.proxy import Candidate, Outcome, ProxyOptions, ProxyTask

UNTRAINED: tuple[Ending, ...] = ("failed", "rejected", "stopped")
"""How trials end that are not trained to their end."""


@dataclass(frozen=True)
class Search:
    """A search that is being run.

    Attributes:
        run: The run of its job.
        request: What was asked for.
        space: The parameters searched over.
        start: Where the sampler starts; None is the straight line.
        companion: The loss that is added to every candidate's surrogate.
        networks: Facts about the loss networks that the companion asks for.
        task: The proxy task that scores candidates.
    """

    run: Run
    request: SearchRequest
    space: ParameterSpace
    start: Theta | None
    companion: Document | None
    networks: Sequence[Mapping[str, Any]]
    task: ProxyTask

    @classmethod
    def of(cls, run: Run) -> "Search":
        """Read a search out of its job; trains its loss networks and its warm-up where it has any."""
        request = SearchRequest.model_validate(run.job.request)
        space = space_of(request)
        with run.reading() as session:
            dataset = datasets.get(session, request.dataset)
            start = starts.theta(session, request, space)
            companion = admission.companion(session, request)
        networks = supply.ensure(run, dataset, [companion] if companion else [])
        task = ProxyTask(
            dataset=source_of(dataset),
            loss_networks=supply.paths(run, networks),
            **fields_of(request, ProxyOptions),
        )
        task = warm_up.warmed(run, task, request.warm_up)
        return cls(run, request, space, start, companion, networks, task)

    def sample(self) -> SamplerResult:
        """Have the sampler propose, and candidates scored, until it has found something."""
        sampler = SAMPLERS[self.request.sampler.name]
        return sampler(
            self.space, self.request.sampler, self.evaluate, self.request.seed, self.start
        )

    def evaluate(self, batch: Sequence[Proposal]) -> list[Score | None]:
        """Score a generation; a trial that is recorded is answered from its record."""
        self.run.step(f"generation {batch[0].generation}", lambda: self._record(batch))
        recorded = self._recorded(batch)
        return [_score(self.space.target, recorded[proposal.number]) for proposal in batch]

    def document(
        self, theta: Sequence[float], facts: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The loss file of a theta, under the search's name."""
        return publication.document(self.request, theta, self.companion, facts=facts)

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
        if self.request.halving is None:
            self._train(self.task, batch)
        else:
            self._halve(batch, self.request.halving)

    def _halve(self, batch: Sequence[Proposal], spec: HalvingSpec) -> None:
        """Train a generation, its worst stopped early; what they are told to have scored is theirs."""
        proposals = {proposal.number: proposal for proposal in batch}
        means = [proposal.number for proposal in batch if proposal.is_mean]
        climb = rungs.climb(
            self.run,
            self.task,
            spec,
            generation=batch[0].generation,
            candidates=self._candidates(batch),
            always=means,
        )
        spent = {number: outcome.seconds for number, outcome in climb.outcomes.items()}
        self._train(climb.task, [p for p in batch if p.number in climb.left], spent)
        trained = self._recorded([p for p in batch if p.number in climb.left])
        last = {number: trial.score for number, trial in trained.items()}
        for number, outcome in climb.fallen(last).items():
            self._keep(proposals[number], outcome, stopped=True)
        climb.forget_states()

    def _train(
        self, task: ProxyTask, batch: Sequence[Proposal], spent: Mapping[int, float] | None = None
    ) -> None:
        """Train those of ``batch`` to the end that are not recorded; ``spent`` are seconds before."""
        recorded = self._recorded(batch)
        missing = {p.number: p for p in batch if p.number not in recorded}

        def keep(outcome: Outcome) -> None:
            seconds = outcome.seconds + (spent or {}).get(outcome.number, 0.0)
            self._keep(missing[outcome.number], replace(outcome, seconds=seconds))

        stages.evaluate(self.run, task, self._candidates(list(missing.values())), keep)

    def _candidates(self, batch: Sequence[Proposal]) -> list[Candidate]:
        return [Candidate(proposal.number, self.document(proposal.theta)) for proposal in batch]

    def _keep(self, proposal: Proposal, outcome: Outcome, *, stopped: bool = False) -> None:
        trial = _trial(self.run.job.id, proposal, outcome, stopped=stopped)
        with self.run.writing.begin() as session:
            ledger.record_trial(session, trial)

    def noise(self, theta: Sequence[float]) -> dict[str, Any]:
        """How much scores vary between seeds, where that was asked for (:mod:`repeats`)."""
        count = self.request.repeats
        if count is None:
            return {}
        start = self.space.start.tolist() if self.start is None else self.start
        measured = repeats.measure(
            self.run,
            self.task,
            self.document(theta),
            self.document(start),
            count=count,
            warm_up_iterations=self.request.warm_up,
        )
        return {"repeats": measured}


def run(run: Run) -> None:
    """Run a search to its end: all trials, the published loss, the artifacts.

    Raises:
        Interrupted: The job is to pause or to stop; trials that finished are recorded.
        LossfitError: The search cannot be run.
    """
    search = Search.of(run)
    result = search.sample()
    with run.reading() as session:
        query = select(Trial).where(Trial.job_id == run.job.id).order_by(Trial.number)
        trials = list(session.scalars(query))
        dataset = datasets.get(session, search.request.dataset)
    beside = search.noise(result.theta)
    beside |= {"loss_networks": search.networks} if search.networks else {}
    facts = provenance.of_search(search.request, search.space, dataset, result, trials) | beside
    document = search.document(result.theta, facts)
    for path in report.write(run.folder, search.space, document, result, trials):
        run.keep(path)
    members = _members(search, trials)
    if members is not None:
        run.keep(front.write(run.folder / "front.json", search.space, members))
    with run.writing() as session:
        loss = zoo.publish(session, document)
        outcome = {"loss": loss.name, "version": loss.version, **_summary(search, result, trials)}
        outcome |= {} if members is None else {"front": members}
        outcome |= beside
        # Published only if the job may still succeed: both together, or neither.
        if succeed(session, run.job.id, run.job.attempt, outcome):
            session.commit()


def _members(search: Search, trials: Sequence[Trial]) -> list[dict[str, Any]] | None:
    """The front of a search for several metrics."""
    several = len(search.space.target.metrics) > 1
    return front.members(search.space, trials) if several else None


def _summary(search: Search, result: SamplerResult, trials: Sequence[Trial]) -> dict[str, Any]:
    return {
        "trials": len(trials),
        **{ending: sum(trial.ending == ending for trial in trials) for ending in UNTRAINED},
        "best": {
            "generation": result.generation,
            "trial": result.trial,
            "score": result.score,
            "theta": list(result.theta),
            "control_points": search.space.control_points(result.theta),
        },
        "mean_scores": list(result.mean_scores),
        "path": [list(mean) for mean in result.path],
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
        ending=_ending(outcome, stopped=stopped),
        iterations=outcome.iterations,
        seconds=outcome.seconds,
        worker=dict(outcome.worker),
        finished_at=now(),
    )


def _ending(outcome: Outcome, *, stopped: bool) -> Ending:
    if outcome.score is None:
        return "rejected" if outcome.rejected else "failed"
    return "stopped" if stopped else "trained"


def _score(target: Target, trial: Trial) -> Score | None:
    return None if trial.score is None else Score(trial.score, target.parts(trial.metrics))


def _check_same(proposal: Proposal, trial: Trial) -> None:
    """Refuse to mix two searches: what is proposed again must be what was recorded."""
    if list(proposal.theta) != trial.theta:
        raise ConflictError(
            f"Trial {trial.number} was recorded with other parameters than are proposed now: this "
            "search was begun by another version of lossfit or torch. Submit it again as a new one."
        )
