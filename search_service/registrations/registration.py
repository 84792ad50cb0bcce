"""A registration: all files of a dataset read and checked by the controller, its entry as the result."""

import threading
from typing import Final

from search_service.catalogue import datasets
from search_service.jobs.run import Interrupted, Run, succeed
from search_service.registrations.request import RegistrationRequest

_AT_ONCE: Final = 2
_READING: Final = threading.BoundedSemaphore(_AT_ONCE)  # each decodes on several threads already
_LOOK_SECONDS: Final = 0.1
_PROGRESS_EVENTS: Final = 100


def run(run: Run) -> None:
    """Register a dataset, or begin anew with one whose registration was interrupted.

    Raises:
        Interrupted: The job is to pause or to stop; nothing of it is kept.
        InputError: Its folder lies outside of those that are allowed now.
        DatasetError: Images, masks or splits are missing or wrong; has all faults.
        ConflictError: The name stands for other content.
    """
    request = RegistrationRequest.model_validate(run.job.request)
    source = datasets.allowed(run.settings, request.source)
    while not _READING.acquire(timeout=_LOOK_SECONDS):
        if run.should_stop():
            raise Interrupted
    try:
        found = datasets.read(
            source,
            run.settings.artifacts_root,
            datasets.limits_of(run.settings),
            _Progress(run),
        )
    finally:
        _READING.release()
    with run.writing() as session:
        dataset = datasets.enter(session, request.name, found)
        result = {"dataset": dataset.name, "images": dataset.report["images"]}
        if succeed(session, run.job.id, run.job.attempt, result):
            session.commit()


class _Progress:
    """Tells how many images are read as some 100 events, and ends the reading when the job is to stop."""

    def __init__(self, run: Run) -> None:
        self._run, self._told = run, 0

    def __call__(self, done: int, total: int) -> None:
        if self._run.should_stop():
            raise Interrupted
        if done - self._told >= total / _PROGRESS_EVENTS or done == total:
            self._told = done
            self._run.tell("progress", {"done": done, "total": total})
