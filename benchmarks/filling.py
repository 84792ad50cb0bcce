"""A database as it is after years: many jobs, in all states, and the trials of the searches."""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, insert

from search_service.catalogue.built_in import prepare
from search_service.retrainings.request import RetrainingRequest
from search_service.searches.request import SearchRequest
from search_service.store.database import sessions
from search_service.store.tables import Event, Job, Trial
from surrogate_zoo.losses.parameter_space import ParameterSpace

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
STATES: Final = (*("succeeded",) * 13, *("failed",) * 2, *("cancelled",) * 2, "paused", "queued", "queued")  # fmt: skip  # noqa: E501
"""Of twenty jobs in turn: a tenth waits."""

SEARCH: Final[dict[str, Any]] = {
    "metric": "macc",
    "dataset": "shapes",
    "preset": "quick",
    "sampler": {"name": "random", "trials": 10_000, "batch": 2},
}
RETRAINING: Final = {"loss": "cross-entropy", "dataset": "shapes", "training": {"iterations": 10}}
_ROWS: Final = 2000  # of one statement


def fill(engine: Engine, jobs: int, trials: int, *, owners: int = 10) -> list[str]:
    """Bring the schema up to date, and write jobs and trials.

    Four of five jobs are searches. A tenth of the trials are of one search, the others of all.

    Args:
        engine: An empty database.
        jobs: How many.
        trials: How many of all searches together.
        owners: Whose jobs they are, in turn.

    Returns:
        Ids of the searches; the first has a tenth of the trials.
    """
    prepare(engine)
    rows = list(_jobs(jobs, owners))
    searches = [row["id"] for row in rows if row["kind"] == "search"]
    with sessions(engine).begin() as session:
        for table, of_table in (
            (Job, rows),
            (Event, _events(rows)),
            (Trial, _trials(searches, trials)),
        ):
            for part in _parts(of_table):
                session.execute(insert(table), part)
    return searches


def _parts(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    left = iter(rows)
    while part := list(islice(left, _ROWS)):
        yield part


def _jobs(count: int, owners: int) -> Iterator[dict[str, Any]]:
    random_bits = random.Random(0)  # noqa: S311 - ids that are the same every time
    search = SearchRequest.model_validate(SEARCH).model_dump(mode="json")
    retraining = RetrainingRequest.model_validate(RETRAINING).model_dump(mode="json")
    for number in range(count):
        is_search = number % 5 > 0
        result: dict[str, Any] = {"metrics": {"miou": 0.5}, "seconds": 4.0}
        if is_search:
            result = {"loss": "asl-macc", "version": number, "winners": []}
        state = STATES[number % len(STATES)]
        begun = START + timedelta(minutes=number)
        yield {
            "id": str(UUID(int=random_bits.getrandbits(128), version=4)),
            "kind": "search" if is_search else "retraining",
            "state": state,
            "owner": "operator" if number % owners == 0 else f"owner-{number % owners}",
            "priority": -1,
            "request": search if is_search else retraining,
            "result": result if state == "succeeded" else None,
            "attempt": 0,
            "created_at": begun,
            "started_at": None if state == "queued" else begun,
            "finished_at": begun if state in {"succeeded", "failed", "cancelled"} else None,
        }


def _events(jobs: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for job in jobs:
        body = {"state": job["state"]}
        yield {
            "job_id": job["id"], "sequence": 1, "kind": "state", "body": body, "at": job["created_at"],
        }  # fmt: skip


def _trials(searches: list[str], count: int) -> Iterator[dict[str, Any]]:
    draw = random.Random(1)  # noqa: S311 - scores of nothing
    dimension = ParameterSpace(SEARCH["metric"]).dimension
    numbers = dict.fromkeys(searches, 0)
    for index in range(count):
        search = searches[0] if index % 10 == 0 else searches[index % len(searches)]
        number = numbers[search]
        numbers[search] += 1
        yield {
            "job_id": search,
            "number": number,
            "generation": number // 8,
            "theta": [draw.random() for _ in range(dimension)],
            "is_mean": number % 8 == 0,
            "score": draw.random(),
            "metrics": {f"metric-{name}": draw.random() for name in range(18)},
            "ending": "trained",
            "iterations": 100,
            "seconds": 10.0,
            "worker": {"threads": 1, "device": "cpu", "torch": "2.10"},
            "scales": [1.0],
            "hold_out": "Held out: 40 of 160.",
            "finished_at": START,
        }
