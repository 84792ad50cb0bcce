"""``/v1/audit``: who changed what; for administrators."""

from fastapi import APIRouter

from api.dependencies import Administrator, AfterNumber, Limit, ReadSession
from api.schemas import AuditEntryView, NumberedPage
from search_service.access import audit

router = APIRouter(prefix="/audit", tags=["audit"])


@router.get("", operation_id="list_audit_entries")
def list_entries(
    _asks: Administrator, session: ReadSession, after: AfterNumber = None, limit: Limit = 100
) -> NumberedPage[AuditEntryView]:
    """What was to be changed, by whom, and whether it was; the newest first."""
    rows = audit.page(session, after=after, limit=limit)
    following = rows[-1].number if len(rows) == limit else None
    return NumberedPage(items=[AuditEntryView.model_validate(row) for row in rows], next=following)
