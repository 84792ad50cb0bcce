"""``/livez``, ``/readyz`` and Prometheus's ``/metrics``."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.dependencies import ServiceParts
from api.schemas import Health
from search_service import readiness

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> Health:
    """Whether the process answers at all."""
    return Health(status="ok")


@router.get("/readyz")
def readyz(parts: ServiceParts) -> Health:
    """Whether the database, the home and the artifact store take what jobs leave (else 503).

    Warns where space runs short, no controller runs or no worker answers.
    """
    return Health(status="ok", warnings=readiness.warnings(parts.engine, parts.settings))


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def prometheus(parts: ServiceParts) -> Response:
    """Figures of this process, the queue and the controller in Prometheus's text format."""
    return Response(parts.figures.text(), media_type=CONTENT_TYPE_LATEST)
