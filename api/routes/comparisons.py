"""``/v1/comparisons``: what a comparison has beside the life of a job: its cells."""

from fastapi import APIRouter

from api.dependencies import JobId, ReadSession
from api.schemas import Cells, CellView
from search_service.comparisons import admission
from search_service.comparisons import cells as comparison_cells
from search_service.comparisons.request import ComparisonRequest
from search_service.jobs import lifecycle

router = APIRouter(prefix="/comparisons", tags=["comparisons"])


@router.get("/{job_id}/cells", operation_id="list_comparison_cells")
def list_cells(job_id: JobId, session: ReadSession) -> Cells:
    """The retrainings that are finished so far, also of a comparison that was cancelled."""
    job = lifecycle.get(session, "comparison", job_id)
    rows = {row.number: row for row in admission.cells(session, job.id)}
    grid = comparison_cells.cells_of(ComparisonRequest.model_validate(job.request))
    return Cells(
        items=[CellView.of(cell, rows[cell.number]) for cell in grid if cell.number in rows],
        total=len(grid),
    )
