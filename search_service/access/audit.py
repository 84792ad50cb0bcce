"""The audit log: who changed what, and whether the service let them."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from search_service.store.tables import AuditEntry


def page(session: Session, *, after: int | None = None, limit: int = 50) -> Sequence[AuditEntry]:
    """Entries, the newest first.

    Args:
        session: Reads.
        after: Number of the last entry that the caller has; None begins with the newest.
        limit: How many at most.
    """
    query = select(AuditEntry).order_by(AuditEntry.number.desc()).limit(limit)
    if after is not None:
        query = query.where(AuditEntry.number < after)
    return session.scalars(query).all()
