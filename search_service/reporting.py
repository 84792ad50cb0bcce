"""What the controller tells of itself in the database, for the API to pass on: figures and workers."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

from search_service.jobs.pool import Pool
from search_service.metering import Meter
from search_service.store.database import AWAY
from search_service.store.lease import Lease, LeaseLostError
from search_service.store.tables import ControllerReport
from surrogate_zoo.store.tables import now

EVERY_SECONDS: Final = 5.0
_GRACE_SECONDS: Final = 20.0


@contextmanager
def reporting(
    lease: Lease, writing: sessionmaker[Session], pool: Pool, meter: Meter
) -> Iterator[None]:
    """Report every :data:`EVERY_SECONDS` while the context lasts, in a thread: workers may be slow to answer.

    Args:
        lease: Of the controller; nothing is reported once it is lost.
        writing: Sessions that write under it.
        pool: Whose workers are reported.
        meter: What was counted.
    """
    over = threading.Event()

    def report() -> None:
        while not lease.lost.is_set():
            with suppress(*AWAY, LeaseLostError):  # the next one tells
                write(lease.term, writing, pool.workers(), meter)
            if over.wait(EVERY_SECONDS):
                return

    thread = threading.Thread(target=report, name="report", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_GRACE_SECONDS)


def write(
    term: int,
    writing: sessionmaker[Session],
    workers: Sequence[Mapping[str, str | int]],
    meter: Meter,
) -> None:
    """Put the one report that there is in the place of the one before."""
    row = ControllerReport(term=term, workers=[dict(worker) for worker in workers], at=now())
    row.figures = meter.text(workers)
    with writing.begin() as session:
        session.execute(delete(ControllerReport).where(ControllerReport.term != term))
        session.merge(row)


def newest(session: Session) -> ControllerReport | None:
    """The report; None where no controller has begun yet."""
    return session.scalar(select(ControllerReport))
