"""``/v1/searches``: what a search has beside the life of a job: trials, and their publication."""

from fastapi import APIRouter, Response, status

from api.dependencies import (
    AfterNumber,
    JobId,
    Limit,
    ReadSession,
    WriteSession,
)
from api.schemas import JobView, LossView, NumberedPage, TrialView
from search_service.jobs import lifecycle
from search_service.searches import admission, extension, publication
from search_service.searches.extension import ExtensionRequest
from search_service.searches.request import PublicationRequest

router = APIRouter(prefix="/searches", tags=["searches"])


@router.get("/{job_id}/trials", operation_id="list_search_trials")
def list_trials(
    job_id: JobId, session: ReadSession, after: AfterNumber = None, limit: Limit = 100
) -> NumberedPage[TrialView]:
    """The candidates that are scored, by number."""
    lifecycle.get(session, "search", job_id)
    trials = admission.trials(session, job_id, after, limit)
    following = trials[-1].number if len(trials) == limit else None
    return NumberedPage(items=[TrialView.model_validate(trial) for trial in trials], next=following)


@router.post(
    "/{job_id}/publish", status_code=status.HTTP_201_CREATED, operation_id="publish_search_trial"
)
def publish_trial(
    job_id: JobId, request: PublicationRequest, session: WriteSession, response: Response
) -> LossView:
    """Publish a trial of a search that is over; the same trial and name give the same version."""
    loss = publication.publish(session, job_id, request)
    response.headers["Location"] = f"/v1/losses/{loss.name}?version={loss.version}"
    return LossView.model_validate(loss)


@router.post("/{job_id}/extend", operation_id="extend_search")
def extend_search(job_id: JobId, request: ExtensionRequest, session: WriteSession) -> JobView:
    """Let a search that has succeeded go on with more trials, as if they had been asked for at once."""
    return JobView.model_validate(extension.extend(session, job_id, request))
