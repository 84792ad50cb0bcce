"""What tests of running jobs share: submitting, waiting with a deadline, reading results."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from search_service.controller import Controller
from search_service.jobs import lifecycle
from search_service.jobs.fields import JobRequest
from search_service.jobs.pool import Pool
from search_service.kinds import KINDS
from search_service.searches.admission import trials
from search_service.searches.request import SearchRequest
from search_service.settings import Settings
from search_service.store.database import read_sessions, sessions
from search_service.store.states import FINAL
from search_service.store.tables import Job
from surrogate_zoo.store import zoo
from tests.conftest import DEADLINE
from tests.search_service.bowl import Scored


def small(**fields: Any) -> SearchRequest:
    """A search of 3 generations of 4."""
    sampler = {"name": "ppo2", "steps": 3, "samples": 4}
    body = {"metric": "macc", "dataset": "shapes", "preset": "quick", "sampler": sampler}
    return SearchRequest.model_validate(body | fields)


def create(session: Session, request: JobRequest, *, idempotency_key: str | None = None) -> Job:
    """Submit a request of any kind, with an operator's default settings."""
    (kind,) = [kind for kind in KINDS.values() if kind.request is type(request)]
    return lifecycle.create(session, Settings(), kind, request, idempotency_key=idempotency_key)


def progress_of(session: Session, job: Job) -> dict[str, Any]:
    """How far a job is, as the API tells."""
    return KINDS[job.kind].admission().progress(session, job)


@contextmanager
def working(settings: Settings, pool: Pool) -> Iterator[None]:
    """A controller at work in a thread of this process."""
    stop = threading.Event()
    with Controller(settings, pool) as controller:
        thread = threading.Thread(target=controller.work, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def result_of(job: Job) -> dict[str, Any]:
    """What a job that has succeeded ended with: as its kind's model tells."""
    assert job.result is not None, job.error
    told = KINDS[job.kind].result
    told.model_validate(job.result)
    assert job.result.keys() <= told.model_fields.keys()
    return job.result


class Desk:
    """Submits jobs to a database and looks at them."""

    def __init__(self, engine: Engine) -> None:
        self.reading, self.writing = read_sessions(engine), sessions(engine)

    def submit(self, request: JobRequest) -> str:
        with self.writing.begin() as session:
            return create(session, request).id

    def act(self, action: Callable[[Session, Any, str], Job], job_id: str) -> Job:
        with self.writing.begin() as session:
            return action(session, "search", job_id)

    def job(self, job_id: str) -> Job:
        with self.reading() as session:
            return session.get_one(Job, job_id)

    def trials(self, job_id: str) -> Scored:
        with self.reading() as session:
            recorded = trials(session, job_id, limit=10_000)
            return [(trial.number, trial.theta, trial.score) for trial in recorded]

    def states(self, job_id: str) -> list[str]:
        with self.reading() as session:
            events = lifecycle.events_after(session, job_id)
            assert [event.sequence for event in events] == list(range(1, len(events) + 1))
            return [event.body["state"] for event in events if event.kind == "state"]

    def published(self, job_id: str) -> dict[str, Any]:
        """Document of the loss that a search published."""
        result = result_of(self.job(job_id))
        with self.reading() as session:
            return zoo.get(session, result["loss"], result["version"]).document

    def wait(self, met: Callable[[], bool], what: str) -> None:
        """Look at the database until it shows what is waited for, or the deadline has passed."""
        deadline, pause = time.monotonic() + DEADLINE, threading.Event()
        while not met():
            assert time.monotonic() < deadline, f"{what} did not come within {DEADLINE} s"
            pause.wait(0.05)

    def wait_for_trials(self, job_id: str, count: int) -> None:
        self.wait(lambda: len(self.trials(job_id)) >= count, f"trial {count}")

    def wait_for(self, job_id: str, *states: str) -> Job:
        wanted = states or FINAL
        self.wait(lambda: self.job(job_id).state in wanted, f"{wanted} of {job_id}")
        return self.job(job_id)
