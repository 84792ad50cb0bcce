"""What the recorded trials of a search have cost. No torch."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from search_service.store.tables import Trial


@dataclass(frozen=True)
class Spending:
    """What trials have cost.

    Attributes:
        trainings: Whole trainings; one that was stopped early counts for its share.
        minutes: Minutes of one worker.
    """

    trainings: float
    minutes: float


def spent(session: Session, job_id: str, iterations: int, before: int | None = None) -> Spending:
    """Add up what is recorded, so that a search that is run again decides the same.

    Args:
        session: A session that reads.
        job_id: The search.
        iterations: Of a whole training.
        before: Only trials with a lower number count; None counts all.
    """
    query = select(func.sum(Trial.iterations), func.sum(Trial.seconds))
    query = query.where(Trial.job_id == job_id)
    if before is not None:
        query = query.where(Trial.number < before)
    steps, seconds = session.execute(query).one()
    return Spending((steps or 0) / iterations, (seconds or 0.0) / 60)
