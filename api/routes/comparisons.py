"""``/v1/comparisons``: several losses, networks and seeds on one dataset, trained alike."""

from fastapi import APIRouter, Response, status

from api.dependencies import IdempotencyKey, JobId, ReadSession, ServiceParts, WriteSession
from api.routes.jobs import add_life_cycle
from api.schemas import Cells, CellView, JobView
from search_service.catalogue import networks
from search_service.comparisons.cells import cells_of
from search_service.comparisons.request import ComparisonRequest
from search_service.jobs import lifecycle as jobs

router = APIRouter(prefix="/comparisons", tags=["comparisons"])


@router.post("", status_code=status.HTTP_201_CREATED, operation_id="create_comparison")
def create_comparison(
    request: ComparisonRequest,
    session: WriteSession,
    parts: ServiceParts,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> JobView:
    """Submit a comparison; it starts when its turn comes."""
    request = networks.admitted(parts.settings, request)
    job = jobs.create_comparison(session, request, idempotency_key=idempotency_key)
    response.headers["Location"] = f"/v1/comparisons/{job.id}"
    return JobView.model_validate(job)


add_life_cycle(router, "comparison")


@router.get("/{job_id}/cells", operation_id="list_comparison_cells")
def list_cells(job_id: JobId, session: ReadSession) -> Cells:
    """The retrainings that are finished so far, also of a comparison that was cancelled."""
    job = jobs.get(session, "comparison", job_id)
    rows = {row.number: row for row in jobs.cells(session, job.id)}
    request = ComparisonRequest.model_validate(job.request)
    grid = cells_of(request)
    finished = [cell for cell in grid if cell.number in rows]
    return Cells(
        items=[CellView.of(cell, rows[cell.number], request.metric) for cell in finished],
        total=len(grid),
    )
