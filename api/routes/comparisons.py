"""``/v1/comparisons``: what a comparison has beside the life of a job: its cells."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.comparison_schemas import Cells, CellView, TableView
from api.dependencies import JobId, ReadSession, Responses
from api.schemas import Items
from search_service.comparisons import admission
from search_service.comparisons import cells as comparison_cells
from search_service.comparisons.chosen import Choice, default_score
from search_service.comparisons.columns import values_of
from search_service.comparisons.exports import FORMS, Form
from search_service.comparisons.outcome import CellOutcome
from search_service.comparisons.records import results_of
from search_service.comparisons.request import ComparisonRequest
from search_service.jobs import ledger, lifecycle
from search_service.store.tables import Evaluation

router = APIRouter(prefix="/comparisons", tags=["comparisons"])

Score = Annotated[
    str | None,
    Query(max_length=100, description="Column to rank by; the comparison's metric by default."),
]
Losses = Annotated[
    list[str] | None,
    Query(max_length=100, description="Losses to show; may be repeated; all by default."),
]
TableForm = Annotated[Form, Query(alias="format", description="How the table is written.")]
_EXPORT: Responses = {
    200: {
        "description": "The file.",
        "content": {media: {"schema": {"type": "string"}} for _, media, _ in FORMS.values()},
    }
}


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


@router.get("/{job_id}/table", operation_id="read_comparison_table")
def read_table(
    job_id: JobId, session: ReadSession, score: Score = None, loss: Losses = None
) -> Items[TableView]:
    """The table of the retrainings that are finished so far, one for each network.

    Ranks, marks and tests are among the losses that were asked for, by the score that was.
    """
    choices = _choices(session, job_id, score, loss or ())
    return Items(items=[TableView.of(choice) for choice in choices])


@router.get(
    "/{job_id}/table/export",
    operation_id="export_comparison_table",
    response_class=Response,
    responses=_EXPORT,
)
def export_table(
    job_id: JobId,
    session: ReadSession,
    score: Score = None,
    loss: Losses = None,
    form: TableForm = "markdown",
) -> Response:
    """The table as a file: Markdown, LaTeX or CSV."""
    write, media_type, ending = FORMS[form]
    tables = [choice.table for choice in _choices(session, job_id, score, loss or ())]
    headings = [f"{table.name}\n\n" if len(tables) > 1 else "" for table in tables]
    text = "\n".join(
        heading + write(table) for heading, table in zip(headings, tables, strict=True)
    )
    headers = {"Content-Disposition": f'attachment; filename="comparison.{ending}"'}
    return Response(text, media_type=media_type, headers=headers)


def _choices(
    session: ReadSession, job_id: str, score: str | None, losses: Sequence[str]
) -> list[Choice]:
    job = lifecycle.get(session, "comparison", job_id)
    request = ComparisonRequest.model_validate(job.request)
    tables = results_of(request, ledger.all_evaluations(session, job.id)).tables
    tables = [table for table in tables if table.scores]
    return [
        Choice.of(table, score or default_score(table, request.metric), losses) for table in tables
    ]


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
