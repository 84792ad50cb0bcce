"""``/v1/comparisons``: what a comparison has beside the life of a job: its cells."""

from fastapi import APIRouter

from api.dependencies import JobId, ReadSession
from api.schemas import Cells, CellView
from search_service.comparisons import admission
from search_service.comparisons import cells as comparison_cells
from search_service.comparisons.columns import values_of
from search_service.comparisons.outcome import CellOutcome
from search_service.comparisons.request import ComparisonRequest
from search_service.jobs import lifecycle
from search_service.store.tables import Evaluation

router = APIRouter(prefix="/comparisons", tags=["comparisons"])


@router.get("/{job_id}/cells", operation_id="list_comparison_cells")
def list_cells(job_id: JobId, session: ReadSession) -> Cells:
    """The retrainings that are finished so far, also of a comparison that was cancelled."""
    job = lifecycle.get(session, "comparison", job_id)
    rows = {row.number: row for row in admission.cells(session, job.id)}
    request = ComparisonRequest.model_validate(job.request)
    grid = comparison_cells.cells_of(request)
    finished = [cell for cell in grid if cell.number in rows]
    return Cells(
        items=[_view(cell, rows[cell.number], request.metric) for cell in finished],
        total=len(grid),
    )


def _view(cell: comparison_cells.Cell, row: Evaluation, metric: str) -> CellView:
    """What became of a cell of a comparison by ``metric``."""
    outcome = CellOutcome.from_json(row.outcome)
    return CellView(
        **vars(cell),
        learning_rate=outcome.learning_rate,
        metrics=dict(outcome.metrics),
        columns=values_of(metric, outcome),
        objects=dict(outcome.objects),
        error=outcome.error,
        seconds=outcome.seconds,
        finished_at=row.finished_at,
    )
