"""``/v1/loss-networks``: train the small networks that some losses carry inside."""

from fastapi import APIRouter, Response, status

from api.dependencies import IdempotencyKey, WriteSession
from api.routes.jobs import add_life_cycle
from api.schemas import JobView
from search_service.jobs import lifecycle as jobs
from search_service.loss_networks.request import LossNetworkRequest

router = APIRouter(prefix="/loss-networks", tags=["loss networks"])


@router.post("", status_code=status.HTTP_201_CREATED, operation_id="create_loss_network")
def create_loss_network(
    request: LossNetworkRequest,
    session: WriteSession,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> JobView:
    """Submit the training of a loss network; it starts when its turn comes.

    A retraining whose loss needs one trains it by itself where the dataset has none yet.
    """
    job = jobs.create_loss_network(session, request, idempotency_key=idempotency_key)
    response.headers["Location"] = f"/v1/loss-networks/{job.id}"
    return JobView.model_validate(job)


add_life_cycle(router, "loss-network")
