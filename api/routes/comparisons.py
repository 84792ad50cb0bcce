"""``/v1/comparisons``: several losses, networks and seeds on one dataset, trained alike."""

from fastapi import APIRouter, Response, status

from api.dependencies import IdempotencyKey, JobId, ReadSession, ServiceParts, WriteSession
from api.routes.jobs import add_life_cycle
from api.schemas import Cells, CellView, JobView
from search_service.catalogue import networks
from search_service.comparisons import cells as comparison_cells
from search_service.comparisons.request import ComparisonRequest
from search_service.jobs import lifecycle as jobs
from search_service.store.tables import Evaluation

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
    found = comparison_cells.cells_of(ComparisonRequest.model_validate(job.request))
    return Cells(
        items=[_view(cell, rows[cell.number]) for cell in found if cell.number in rows],
        total=len(found),
    )


def _view(cell: comparison_cells.Cell, row: Evaluation) -> CellView:
    """What became of a cell."""
    outcome = ("learning_rate", "metrics", "error", "seconds")
    return CellView(
        **vars(cell),
        **{name: row.outcome[name] for name in outcome},
        worst_decile=row.outcome.get("worst_decile"),
        finished_at=row.finished_at,
    )
