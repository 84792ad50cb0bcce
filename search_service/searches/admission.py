"""Which searches are admitted, how far one is, and its trials. No torch."""

from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.orm import Session

from search_service.catalogue import datasets, losses, networks
from search_service.jobs.estimate import Estimate
from search_service.samplers.specs import PortfolioSpec, SamplerSpec
from search_service.searches import estimate, papers, priors, starts
from search_service.searches.request import SearchRequest
from search_service.searches.space import SearchSpace, space_of
from search_service.settings import Settings
from search_service.spaces.curves import CurveSpace
from search_service.spaces.zoo import ZooSpace
from search_service.store.tables import Evaluation, Job, Trial
from surrogate_zoo.errors import InputError, NotFoundError
from surrogate_zoo.losses.document import Document
from surrogate_zoo.losses.mode_fit import check_mode
from surrogate_zoo.losses.registry import needs_of
from surrogate_zoo.metrics.targets import Target
from surrogate_zoo.metrics.titles import unit_of
from surrogate_zoo.modes import MULTILABEL

MOST_NUMBERS = 400_000
"""Limit of trials times parameters: all of them go into the loss file, which has a limit too."""

_SAMPLER: TypeAdapter[SamplerSpec] = TypeAdapter(SamplerSpec)

# What every look at a search asks for; to put them together takes longer than to ask.
_ENDINGS = (
    select(Trial.ending, func.count(), func.min(Trial.score), func.max(Trial.score))
    .where(Trial.job_id == bindparam("job"))
    .group_by(Trial.ending)
)
_EVALUATIONS = select(func.count()).where(Evaluation.job_id == bindparam("job"))


def resolved(settings: Settings, request: SearchRequest) -> SearchRequest:
    """Return a request with the path of its file of weights in full.

    Raises:
        UnknownNameError: There is no such architecture.
        InputError: The file is not there, or lies outside the folders that are allowed.
    """
    if request.is_external:
        return request
    return request.model_copy(update={"network": networks.checked(settings, request.network)})


def admitted(session: Session, request: SearchRequest) -> SearchRequest:
    """Check a request, and fix the versions of the losses that it names.

    Raises:
        UnknownNameError: No such metric, curve family or dataset.
        InputError: Too few segments, more than :data:`MOST_NUMBERS`, a single metric for NSGA-II,
            the mode is not the dataset's, the result would take a built-in loss's name, the search cannot
            start there, a prior is no search that has succeeded, a loss needs counts of the user's data that
            are not told, or its companion is not in the zoo or needs more than the rejection test or the
            user's code has.
    """
    if not request.is_external:
        # It is held, else each look at it would load it again.
        dataset = datasets.requested(session, request.dataset)
        request = papers.resolved(request, dataset)
        request = _with_mode(request, datasets.mode_of(session, request.dataset))
        datasets.check_hold_out(session, request.dataset, request.hold_out)
        datasets.check_objects(session, request.dataset, request.scoring.clustering)
    request = priors.pinned(session, request)
    space = space_of(request)
    trials, dimension = number_of_trials(session, request), _dimension(space)
    if trials * dimension > MOST_NUMBERS:
        raise InputError(
            f"{trials} trials of {dimension} parameters are more than the "
            f"{MOST_NUMBERS} numbers that a search may record."
        )
    for name in map(request.name_for, request.objectives):
        losses.check_free(session, name, "the result")
    return _with_companion(session, starts.pinned(session, request, space))


def data_of(session: Session, request: SearchRequest) -> dict[str, Any]:
    """What is told of the data of a search: what was found where it is registered, or its name alone.

    Without the path it has here.
    """
    if request.is_external:
        return {"name": request.dataset, "num_classes": request.num_classes, **request.facts}
    dataset = datasets.get(session, request.dataset)
    return {"name": dataset.name, **dataset.report}


def number_of_trials(session: Session, request: SearchRequest) -> int:
    """How many candidates a search proposes; of the sampler portfolio's with that and the priors."""
    space = space_of(request, priors=priors.points(session, request))
    if isinstance(request.sampler, PortfolioSpec) and not isinstance(space, CurveSpace):
        return len(space.portfolio(request.sampler.rates)) + request.sampler.trials
    return request.sampler.trials


def estimated(session: Session, request: SearchRequest, *, measured: bool = True) -> Estimate:
    """What a search will cost, from the speed of earlier ones."""
    candidates = number_of_trials(session, request)
    return estimate.estimated(session, request, candidates, measured=measured)


def companion(session: Session, request: SearchRequest) -> Document | None:
    """The loss file's content of a companion, whose versions are fixed; None without one.

    Raises:
        NotFoundError: A loss or a version is not in the zoo.
        LossFileError: The terms make no loss.
    """
    if request.companion is None:
        return None
    return losses.sum_of(session, request.companion, request.companion_versions)


def progress(session: Session, job: Job) -> dict[str, Any]:
    """Return ``done`` and ``total`` trials, how many of them ended early, and ``best_score`` so far.

    ``higher_is_better`` tells which way scores are better, ``factor`` what they are shown times.
    ``evaluations`` counts what is trained on the way to trials, on rungs, and after them, in the race.
    """
    higher = Target(job.request["metric"]).higher_is_better
    rows = session.execute(_ENDINGS, {"job": job.id}).all()
    number = {ending: count for ending, count, *_ in rows}
    scores = (highest if higher else lowest for *_, lowest, highest in rows)
    best = [score for score in scores if score is not None]
    done = sum(number.values())
    ended = job.result is not None  # maybe by its budget
    return {
        "done": done,
        "total": done if ended else _total(session, job),
        **{ending: number.get(ending, 0) for ending in ("failed", "rejected", "stopped")},
        "evaluations": session.scalar(_EVALUATIONS, {"job": job.id}) or 0,
        "best_score": (max if higher else min)(best, default=None),
        "higher_is_better": higher,
        "factor": unit_of(job.request["metric"]).factor,
    }


def _total(session: Session, job: Job) -> int:
    """As :func:`number_of_trials`, of a job; its request is read only where it has to be.

    That takes longer than all else that is told of a job, and every look at one asks for this.
    """
    sampler: SamplerSpec = _SAMPLER.validate_python(job.request["sampler"])
    if isinstance(sampler, PortfolioSpec):
        return number_of_trials(session, SearchRequest.model_validate(job.request))
    return sampler.trials


def trials(
    session: Session, job_id: str, after: int | None = None, limit: int = 100
) -> list[Trial]:
    """Return a search's recorded trials with a number above ``after``, by number."""
    query = select(Trial).where(Trial.job_id == job_id)
    if after is not None:
        query = query.where(Trial.number > after)
    return list(session.scalars(query.order_by(Trial.number).limit(limit)))


_OF_TRIALS = ("rung", "heat", "round")
"""Stages whose evaluations have the number of a trial."""


def trial(session: Session, job_id: str, number: int) -> tuple[Trial, list[Evaluation]]:
    """A search's trial, and what else was trained for it: rungs on the way, heats and rounds of the race.

    Raises:
        NotFoundError: No such trial is recorded.
    """
    found = session.get(Trial, (job_id, number))
    if found is None:
        raise NotFoundError(f"The search has recorded no trial {number}.")
    of_trial = (
        select(Evaluation)
        .where(Evaluation.job_id == job_id, Evaluation.number == number)
        .where(or_(*(Evaluation.stage.startswith(f"{stage} ") for stage in _OF_TRIALS)))
        .order_by(Evaluation.finished_at, Evaluation.stage)
    )
    return found, list(session.scalars(of_trial))


def _dimension(space: SearchSpace) -> int:
    """How many numbers a theta has at most."""
    if isinstance(space, ZooSpace):
        return 1 + max(kind.dimension for kind in space.kinds)
    return space.dimension


def _with_mode(request: SearchRequest, mode: str) -> SearchRequest:
    """Fix the mode of the logits, which is the dataset's."""
    if request.mode not in (None, mode):
        raise InputError(
            f"mode is {request.mode}, and the dataset {request.dataset} is {mode}: leave mode out."
        )
    return request.model_copy(update={"mode": mode}) if mode == MULTILABEL else request


def _with_companion(session: Session, request: SearchRequest) -> SearchRequest:
    """Fix the versions of the companion's terms, where there is one."""
    if request.companion is None:
        return request
    versions = losses.pin(session, request.companion, request.companion_versions)
    request = request.model_copy(update={"companion_versions": versions})
    loss = companion(session, request)
    if loss is not None:
        check_mode(loss, request.labels)
    inputs = () if loss is None else needs_of(loss).inputs
    facts = () if loss is None else needs_of(loss).facts
    if request.is_external and (lacking := [*inputs, *(set(facts) - set(request.facts))]):
        raise InputError(
            f"The companion {request.companion} needs {', '.join(lacking)}, and an external trainer has "
            "logits, target and the counts that the request tells: take another companion."
        )
    if request.rejection is not None and inputs:
        raise InputError(
            f"The companion {request.companion} needs {', '.join(inputs)}, and the rejection test has "
            "predictions alone: leave rejection out, or take another companion."
        )
    return request
