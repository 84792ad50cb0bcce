"""``/v1/searches``: search the loss that fits a metric on a dataset."""

from fastapi import APIRouter, Response, status

from api.dependencies import (
    AfterNumber,
    IdempotencyKey,
    JobId,
    Limit,
    ReadSession,
    ServiceParts,
    WriteSession,
)
from api.routes.jobs import add_life_cycle
from api.schemas import JobView, LossView, NumberedPage, TrialView
from search_service.catalogue import networks
from search_service.jobs import lifecycle as jobs
from search_service.searches import publication
from search_service.searches.request import PublicationRequest, SearchRequest

router = APIRouter(prefix="/searches", tags=["searches"])


@router.post("", status_code=status.HTTP_201_CREATED, operation_id="create_search")
def create_search(
    request: SearchRequest,
    session: WriteSession,
    parts: ServiceParts,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> JobView:
    """Submit a search; it starts when its turn comes."""
    request = networks.admitted(parts.settings, request)
    job = jobs.create_search(session, request, idempotency_key=idempotency_key)
    response.headers["Location"] = f"/v1/searches/{job.id}"
    return JobView.model_validate(job)


add_life_cycle(router, "search")


@router.get("/{job_id}/trials", operation_id="list_search_trials")
def list_trials(
    job_id: JobId, session: ReadSession, after: AfterNumber = None, limit: Limit = 100
) -> NumberedPage[TrialView]:
    """The candidates that are scored, by number."""
    jobs.get(session, "search", job_id)
    found = jobs.trials(session, job_id, after, limit)
    following = found[-1].number if len(found) == limit else None
    return NumberedPage(items=[TrialView.model_validate(trial) for trial in found], next=following)


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
