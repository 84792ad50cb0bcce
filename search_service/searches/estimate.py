"""What a search will cost, before it is submitted: trainings, and minutes from measured speed. No torch."""

from collections.abc import Iterator
from statistics import median

from sqlalchemy import select
from sqlalchemy.orm import Session

from search_service.jobs.estimate import Estimate
from search_service.searches.racing.entrants import HANDMADE_STARTERS
from search_service.searches.request import SearchRequest
from search_service.store.tables import Evaluation, Job, Trial

_LOOKED_AT = 200
"""So many recorded trainings of this service tell its speed, the newest first."""


def estimated(
    session: Session, request: SearchRequest, candidates: int, *, measured: bool = True
) -> Estimate:
    """Estimate a search that proposes so many candidates.

    The speed is that of trainings with the same network, images and batches that this service has
    recorded, in seconds an iteration of one candidate. How long the user's own code takes is not known.
    """
    trainings = _trainings(request, candidates)
    raced = _raced(request)
    plan = _of_trainings(candidates, trainings, raced, request)
    if request.is_external or not measured:
        return plan
    speeds = {
        frozen: _speeds(session, request, frozen=frozen)
        for frozen in {request.frozen_encoder, _whole(request)}
    }
    iterations = request.training.iterations
    parts = ((trainings, request.frozen_encoder), (float(raced), _whole(request)))
    seconds = [
        count * iterations * median(speeds[frozen]) if speeds[frozen] else None
        for count, frozen in parts
        if count
    ]
    known = [each for each in seconds if each is not None]
    minutes = round(sum(known) / 60, 1) if len(known) == len(seconds) else None
    told = {"minutes": minutes, "measured_on": sum(map(len, speeds.values()))}
    return plan.model_copy(update=told)


def _of_trainings(
    candidates: int, trainings: float, raced: int, request: SearchRequest
) -> Estimate:
    """An estimate without what was measured; how many steps the user's own code takes is not known."""
    parts = {"candidates": candidates, "search": round(trainings, 1), "race": raced}
    steps = 0.0 if request.is_external else (trainings + raced) * request.training.iterations
    return Estimate(trainings=round(trainings + raced, 1), parts=parts, steps=steps)


def _trainings(request: SearchRequest, candidates: int) -> float:
    """Whole trainings at most; the generation that uses up a budget is finished."""
    share = _share(request)
    if request.budget is None or request.budget.trainings is None:
        return candidates * share
    portfolio = candidates - request.sampler.trials
    last = max(portfolio, request.sampler.generation)
    return min(candidates, max(portfolio, request.budget.trainings / share + last)) * share


def _share(request: SearchRequest) -> float:
    """The share of a whole training that a candidate gets on average."""
    if request.halving is None or request.is_external:
        return 1.0  # how many reports stop is not known before
    total, spent, left, before = request.training.iterations, 0.0, 1.0, 0
    for rung in request.halving.iterations(total):
        spent += left * (rung - before) / total
        left, before = left * request.halving.keep, rung
    return spent + left * (total - before) / total


def _raced(request: SearchRequest) -> int:
    """Trainings of the race, if nobody is dropped and nobody runs in two roles."""
    spec = request.race
    if spec is None:
        return 0
    objectives = len(request.objectives)
    sizes = spec.sizes(objectives)
    # Of each metric its surrogate, with straight curves too, and a handmade loss; and cross entropy.
    starters = objectives * (sizes.starters + HANDMADE_STARTERS + 2) + 1
    finalists = objectives * (sizes.finalists + 2) + 1
    return spec.heats * starters + spec.rounds * finalists


def _whole(request: SearchRequest) -> bool:
    """Whether the rounds of the race have a frozen encoder."""
    return request.frozen_encoder and (request.race is None or not request.race.whole)


def _speeds(session: Session, request: SearchRequest, *, frozen: bool) -> list[float]:
    """Seconds an iteration of trainings like those of a request, the newest first."""
    return [
        seconds / iterations
        for other, seconds, iterations in _recorded(session)
        if iterations and _alike(other, request, frozen=frozen)
    ][:_LOOKED_AT]


def _recorded(session: Session) -> Iterator[tuple[SearchRequest, float, int]]:
    """Request, seconds and iterations of trainings on this service."""
    jobs = select(Job).where(Job.kind == "search").order_by(Job.created_at.desc()).limit(20)
    for job in session.scalars(jobs):
        request = SearchRequest.model_validate(job.request)
        if request.is_external:
            continue
        trials = select(Trial.seconds, Trial.iterations).where(
            Trial.job_id == job.id, Trial.ending == "trained"
        )
        for seconds, iterations in session.execute(trials.limit(_LOOKED_AT)):
            yield request, seconds, iterations
        rounds = select(Evaluation.outcome).where(
            Evaluation.job_id == job.id, Evaluation.stage.like("round %")
        )
        whole = request.model_copy(update={"frozen_encoder": _whole(request)})
        for outcome in session.scalars(rounds.limit(_LOOKED_AT)):
            yield whole, outcome["seconds"], outcome["iterations"]


def _alike(other: SearchRequest, request: SearchRequest, *, frozen: bool) -> bool:
    """Whether a training of one takes as long as one of the other."""
    parts = ("network", "dataset", "proxy_size")
    batches = ("crop", "batch_size", "accumulate", "precision")
    return (
        other.frozen_encoder == frozen
        and all(getattr(other, name) == getattr(request, name) for name in parts)
        and all(getattr(other.training, n) == getattr(request.training, n) for n in batches)
    )
