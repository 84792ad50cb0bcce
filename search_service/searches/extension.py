"""More trials for a search that is over: it goes on as if they had been asked for at once. No torch."""

from typing import Annotated

from pydantic import ConfigDict, Field, ValidationError
from sqlalchemy.orm import Session

from search_service.jobs import ledger, lifecycle
from search_service.searches import admission
from search_service.searches.request import SearchRequest
from search_service.settings import Settings
from search_service.store.states import State
from search_service.store.tables import Job
from surrogate_zoo.errors import ConflictError, InputError
from workers.tasks.base import Spec


class ExtensionRequest(Spec):
    """How a search goes on.

    Attributes:
        trials: So many more; whole generations of its sampler where that learns from whole ones, or
            where halving compares a generation.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"trials": 20},
            ]
        }
    )

    trials: Annotated[int, Field(ge=1, le=1_000_000)]


_AGAIN: dict[State, State] = {"succeeded": "queued"}


def extend(session: Session, settings: Settings, job_id: str, extension: ExtensionRequest) -> Job:
    """Queue a search that has succeeded again, with a larger budget.

    What it has published stays; when it ends again it publishes another version.

    Args:
        session: A writing session; the caller commits.
        settings: The service's settings.
        job_id: The search.
        extension: How many more trials.

    Raises:
        NotFoundError: There is no such search.
        ConflictError: It is not over, did not succeed, or its budget ended it.
        InputError: The number of trials does not fit its sampler.
        CostError: Altogether it would cost more than is allowed.
    """
    job = ledger.lock(session, lifecycle.get(session, "search", job_id).id)
    if job.state != "succeeded":
        raise ConflictError(
            f"The search is {job.state}: only one that has succeeded can be extended."
        )
    if (job.result or {}).get("stopped_by") == "budget":
        raise ConflictError(
            "The budget ended this search, and more trials do not change that: submit it again with a "
            "larger budget."
        )
    request = extended(SearchRequest.model_validate(job.request), extension.trials)
    admission.admitted(session, request)
    plan = lifecycle.allowed(session, settings, admission, request, job.owner)
    job.trainings, job.hours = plan.trainings, plan.hours
    job.request = request.model_dump(mode="json")
    ledger.move(session, job.id, _AGAIN)
    job.attempt += 1
    job.finished_at = job.result = None
    session.flush()
    return job


def extended(request: SearchRequest, trials: int) -> SearchRequest:
    """The request that would have asked for so many more trials at once.

    Raises:
        InputError: The number does not fit the sampler.
    """
    sampler = request.sampler
    batch = sampler.generation
    whole = sampler.learns_from_whole_generations or request.halving is not None
    if whole and (trials % batch or sampler.trials % batch):
        raise InputError(
            f"The sampler {sampler.name} goes on in whole generations: take a multiple of {batch} "
            f"trials"
            + (
                "."
                if sampler.trials % batch == 0
                else "; its last one was cut short, so it cannot."
            )
        )
    more = sampler.with_trials(sampler.trials + trials)
    try:
        type(sampler).model_validate(more.model_dump())
    except ValidationError as error:
        raise InputError(
            f"The sampler {sampler.name} has {sampler.trials} trials and takes no {trials} more: "
            f"{error.errors()[0]['msg']}."
        ) from error
    by = request.extended_by + trials
    return request.model_copy(update={"sampler": more, "extended_by": by})
