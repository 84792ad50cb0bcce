"""``/v1/retrainings``: train a network in full with a loss of the zoo."""

from fastapi import APIRouter, Response, status

from api.dependencies import IdempotencyKey, ServiceParts, WriteSession
from api.routes.jobs import add_life_cycle
from api.schemas import JobView
from search_service.catalogue import networks
from search_service.jobs import lifecycle as jobs
from search_service.retrainings.request import RetrainingRequest

router = APIRouter(prefix="/retrainings", tags=["retrainings"])


@router.post("", status_code=status.HTTP_201_CREATED, operation_id="create_retraining")
def create_retraining(
    request: RetrainingRequest,
    session: WriteSession,
    parts: ServiceParts,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> JobView:
    """Submit a retraining; it starts when its turn comes."""
    request = networks.admitted(parts.settings, request)
    job = jobs.create_retraining(session, request, idempotency_key=idempotency_key)
    response.headers["Location"] = f"/v1/retrainings/{job.id}"
    return JobView.model_validate(job)


add_life_cycle(router, "retraining")
