"""What the indices of lists bring: the service's own statements, with each index and without it.

``python -m benchmarks.indices [--jobs 10000] [--trials 100000] [--database URL]``: fills an SQLite
database of its own, or the empty one that the URL names, and prints milliseconds a statement. CPU time of
this process is meant on SQLite, which runs inside it; on PostgreSQL it is wall time.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Engine, Index, insert, text
from sqlalchemy.orm import Session

from benchmarks.filling import START, fill
from search_service.jobs import assignments, lifecycle
from search_service.searches import admission
from search_service.store.database import make_engine, read_sessions, sessions
from search_service.store.tables import Assignment, Job, Trial

OPEN = 20  # assignments that nobody has told yet, of a thousand times as many

Statement = Callable[[Session], Any]


def statements(search: str) -> dict[str, tuple[str, Statement]]:
    """What is timed: its name -> the index that it wants, and what runs."""
    page = lifecycle.page
    state = "ix_job_kind_state_created_at_id"
    return {
        "50 newest paused searches": (state, lambda s: page(s, "search", state="paused")),
        "jobs in a state that none is in": (state, lambda s: page(s, "search", state="running")),
        "jobs by kind and state": (state, lifecycle.counts),
        "progress of a search of many trials": (
            "ix_trial_job_id_ending_score",
            lambda s: admission.progress(s, s.get_one(Job, search)),
        ),
        "an assignment for a worker": (
            "ix_assignment_open",
            lambda s: assignments.open_ones(s, search, 1),
        ),
    }


def seconds_of(session: Session, statement: Statement, clock: Callable[[], float]) -> float:
    """Median seconds of a statement."""
    took = []
    for _ in range(9):
        session.expunge_all()
        began = clock()
        statement(session)
        took.append(clock() - began)
    return median(took)


def measure(engine: Engine, search: str, trials: int) -> Iterator[tuple[str, float, float]]:
    """Name of every statement, and its seconds without and with its index."""
    _post(engine, search, trials)
    # Without a vacuum PostgreSQL looks every row up that it finds in an index.
    tidy = "ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE"
    clock = time.process_time if engine.dialect.name == "sqlite" else time.perf_counter
    indices = {str(index.name): index for table in (Job, Trial, Assignment) for index in _of(table)}
    for name, (index, statement) in statements(search).items():
        took = []
        for there in (False, True):
            (indices[index].create if there else indices[index].drop)(engine)
            with engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT").execute(text(tidy))
            with read_sessions(engine)() as session:
                took.append(seconds_of(session, statement, clock))
        yield name, took[0], took[1]


def _of(table: type[Any]) -> Sequence[Index]:
    return list(table.__table__.indexes)


def _post(engine: Engine, search: str, count: int) -> None:
    """Assignments of a search, told but for the last."""
    rows: list[dict[str, Any]] = [
        {
            "job_id": search, "stage": "generation 0", "number": number, "seed": 0, "rate": 1.0,
            "loss": {"schema": "lossfit/loss/v1"}, "scales": [], "posted_at": START,
            "outcome": {"score": 0.5} if number < count - OPEN else None,
        }
        for number in range(count)
    ]  # fmt: skip
    with sessions(engine).begin() as session:
        session.execute(insert(Assignment), rows)


@contextmanager
def _engine(url: str | None) -> Iterator[Engine]:
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(url or f"sqlite:///{Path(folder) / 'lossfit.db'}")
        try:
            yield engine
        finally:
            engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--assignments", type=int, default=20_000)
    parser.add_argument("--database", help="URL of an empty database; else SQLite in a folder")
    options = parser.parse_args()
    with _engine(options.database) as engine:
        searches = fill(engine, options.jobs, options.trials)
        print(f"{engine.dialect.name}, {options.jobs:,} jobs, {options.trials:,} trials\n")
        print("| statement | without, ms | with its index, ms | times as fast |\n|---|---|---|---|")
        for name, without, within in measure(engine, searches[0], options.assignments):
            print(f"| {name} | {1e3 * without:.2f} | {1e3 * within:.2f} | {without / within:.1f} |")


if __name__ == "__main__":
    main()
