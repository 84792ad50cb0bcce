"""What earlier searches found, as points of another search's space. No torch."""

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from search_service.searches.request import PriorSpec, SearchRequest
from search_service.searches.space import space_of
from search_service.spaces.curves import CurveSpace
from search_service.spaces.kinds import CROSS_ENTROPY, LossKind
from search_service.spaces.margins import MarginSpace
from search_service.spaces.space import Theta
from search_service.spaces.zoo import ZooSpace
from search_service.store.tables import Job, Trial
from surrogate_zoo.errors import InputError
from surrogate_zoo.metrics.targets import Target

BEST: Final = 2
"""Points that each earlier search gives for each metric."""


def pinned(session: Session, request: SearchRequest) -> SearchRequest:
    """Fix how many trials of each earlier search count: all that it has now, unless told.

    Raises:
        InputError: There is no such search, it has not succeeded, or it has fewer trials.
    """
    priors = tuple(_pinned(session, prior) for prior in request.priors)
    return request.model_copy(update={"priors": priors})


def points(session: Session, request: SearchRequest) -> tuple[Theta, ...]:
    """The best points of a request's priors, each once, in their order.

    Of each prior the best two trials for each metric of the request, by what they recorded of it;
    trained to the end, and with a point in the request's space.
    """
    space = space_of(request)
    if not isinstance(space, ZooSpace):  # requests say so where there are priors
        return ()
    found = [
        point
        for prior in request.priors
        for metric in request.objectives
        for point in _best(session, prior, Target(metric), space)
    ]
    return tuple(dict.fromkeys(found))


def _pinned(session: Session, prior: PriorSpec) -> PriorSpec:
    job = session.get(Job, str(prior.search))
    if job is None or job.kind != "search":
        raise InputError(f"priors: there is no search {prior.search}.")
    if prior.trials is None and job.state != "succeeded":
        raise InputError(
            f"priors: the search {prior.search} is {job.state}, and only one that has succeeded can be "
            "a prior: wait for it."
        )
    count = select(func.count()).where(Trial.job_id == job.id)
    if prior.trials is None:
        return prior.model_copy(update={"trials": session.scalar(count)})
    if session.scalar(count.where(Trial.number < prior.trials)) != prior.trials:
        raise InputError(f"priors: the search {prior.search} has not {prior.trials} trials yet.")
    return prior


def _best(session: Session, prior: PriorSpec, target: Target, space: ZooSpace) -> list[Theta]:
    """The points of the best trials that have one in ``space``, the best first."""
    jobs = Job.__table__.c  # of all owners: whoever sees this search sees what it takes from others
    asked = session.scalar(select(jobs.request).where(jobs.id == str(prior.search)))
    if asked is None:
        return []
    request = SearchRequest.model_validate(asked)
    query = select(Trial).where(
        Trial.job_id == str(prior.search), Trial.number < prior.trials, Trial.ending == "trained"
    )
    scored = [
        (-merit, trial.number, trial.theta)
        for trial in session.scalars(query)
        if (merit := target.merit(trial.metrics)) is not None
    ]
    return _first(_mapped(request, [theta for *_, theta in sorted(scored)], space))


def _first(mapped: Iterator[Theta]) -> list[Theta]:
    """The first points that differ."""
    found: dict[Theta, None] = {}
    for point in mapped:
        found[point] = None
        if len(found) == BEST:
            break
    return list(found)


def _mapped(
    request: SearchRequest, thetas: Sequence[Sequence[float]], space: ZooSpace
) -> Iterator[Theta]:
    """Points of another search in ``space``; what has none there is left out."""
    earlier = space_of(request)
    kinds = {kind.name: (number, kind) for number, kind in enumerate(space.kinds)}
    for theta in thetas:
        if isinstance(earlier, MarginSpace):
            continue  # no loss of the zoo's kinds learns embeddings
        if isinstance(earlier, CurveSpace):
            told = _of_curves(request, earlier, theta)
        else:
            told = earlier.named(theta)
        name = told.pop("loss")
        if name not in kinds or (_bends(name) and request.family != space.family):
            continue
        number, kind = kinds[name]
        if (own := _own(kind, told)) is not None:
            yield (float(number), *own)


def _of_curves(
    request: SearchRequest, space: CurveSpace, theta: Sequence[float]
) -> dict[str, float | str]:
    """A curve search's point by name, as a surrogate at the schedule's own rate; "" is no loss."""
    if len(space.target.metrics) > 1 or request.companion is not None:
        return {"loss": ""}
    curves = dict(zip(space.parameters.names, space.curves(theta), strict=True))
    return {"loss": f"surrogate-{space.target.metrics[0]}", "rate": 1.0, **curves}


def _own(kind: LossKind, told: dict[str, float | str]) -> tuple[float, ...] | None:
    """A point of a kind's box by the names of its parameters; None where it has none.

    No cross entropy beside a loss is the same as no parameter for it.
    """
    told = {CROSS_ENTROPY: 0.0, **told}
    if not kind.mixes and told[CROSS_ENTROPY] == 0:
        del told[CROSS_ENTROPY]
    if set(told) != set(kind.names):
        return None
    values = tuple(float(told[name]) for name in kind.names)
    inside = all(d.holds(v) for d, v in zip(kind.dimensions, values, strict=True))
    return values if inside else None


def _bends(name: str) -> bool:
    """Whether a kind has curves of its space's family."""
    return "surrogate-" in name
