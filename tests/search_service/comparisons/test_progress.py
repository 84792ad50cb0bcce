"""How far a comparison is, on either database, while its grids of learning rates grow."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from search_service.comparisons.admission import progress
from search_service.comparisons.records import tuning_stage
from search_service.comparisons.request import ComparisonRequest
from search_service.store.database import sessions
from search_service.store.states import CELL
from search_service.store.tables import Evaluation, Job

AT = datetime(2026, 1, 1, tzinfo=UTC)
REQUEST = {"losses": ["dice", "lovasz"], "dataset": "shapes", "seeds": 2}


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([], {"done": 0, "total": 2 * 2 + 4}),
        # Dice is best at the highest rate, so it will try one more; Lovasz is not ready yet.
        ([(0.1, 0, 0.4), (0.3, 0, 0.5), (0.1, 1, 0.4)], {"done": 3, "total": 3 + 2 + 4}),
        # Its next one failed, which bounds the grid; Lovasz goes down.
        (
            [(0.1, 0, 0.4), (0.3, 0, 0.5), (0.9, 0, None), (0.1, 1, 0.4), (0.3, 1, 0.1)],
            {"done": 5, "total": 3 + 3 + 4},
        ),
    ],
)
def test_the_total_counts_what_is_known_to_come(
    engine: Engine,
    scores: list[tuple[float, int, float | None]],
    expected: dict[str, int],
) -> None:
    body = ComparisonRequest.model_validate(REQUEST | {"learning_rates": [0.1, 0.3]})
    job = Job(id=str(uuid4()), kind="comparison", request=body.model_dump(mode="json"))
    job.created_at, job.attempt = AT, 0
    with sessions(engine).begin() as session:
        session.add(job)
        session.flush()
        for rate, number, score in scores:
            _add(session, job, tuning_stage(0, rate), number, score)
        assert progress(session, job) == expected
        _add(session, job, CELL, 0, 0.5)
        assert progress(session, job) == expected | {"done": expected["done"] + 1}


def _add(session: Session, job: Job, stage: str, number: int, score: float | None) -> None:
    outcome = {"score": score, "error": None if score else "It diverged.", "seconds": 1.0}
    row = Evaluation(job_id=job.id, stage=stage, number=number, outcome=outcome, finished_at=AT)
    session.add(row)
    session.flush()
