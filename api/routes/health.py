"""``/livez``, ``/readyz`` and Prometheus's ``/metrics``."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.dependencies import ServiceParts
from api.schemas import Health
from search_service.store.database import is_current
from search_service.store.lease import controller_runs
from surrogate_zoo.errors import StorageError

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> Health:
    """Whether the process answers at all."""
    return Health(status="ok")


@router.get("/readyz")
def readyz(parts: ServiceParts) -> Health:
    """Whether the database answers and has the newest schema; warns if no controller runs."""
    if not is_current(parts.engine):
        raise StorageError("The database's schema is not the newest; 'lossfit serve' upgrades it.")
    if controller_runs(parts.engine):
        return Health(status="ok")
    return Health(status="ok", warnings=["No controller runs: jobs wait until one is started."])


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def prometheus(parts: ServiceParts) -> Response:
    """Figures of this process, the queue and the controller in Prometheus's text format."""
    return Response(parts.figures.text(), media_type=CONTENT_TYPE_LATEST)
