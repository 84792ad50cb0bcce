"""``/v1/workers``: who trains, and what they do."""

from fastapi import APIRouter

from api.dependencies import ReadSession
from api.schemas import Items, WorkerView
from search_service import reporting
from search_service.store.lease import is_beating

router = APIRouter(prefix="/workers", tags=["workers"])


@router.get("", operation_id="list_workers")
def list_workers(session: ReadSession) -> Items[WorkerView]:
    """The workers as the controller has seen them last; none where no controller runs."""
    report = reporting.newest(session)
    if report is None or not is_beating(session):
        return Items(items=[])
    return Items(
        items=[WorkerView.model_validate({**worker, "at": report.at}) for worker in report.workers]
    )
