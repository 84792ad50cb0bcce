"""Whether a service can take jobs and bring them to their ends: its database, disks, controller, workers."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from search_service import reporting
from search_service.settings import Settings
from search_service.store import artifacts
from search_service.store.database import is_current, read_sessions
from search_service.store.lease import is_beating, term
from surrogate_zoo.errors import StorageAwayError, StorageError

LEAST_FREE_BYTES: Final = 2**30
"""Less free space than this is told: a checkpoint or a few artifacts may fill it."""

_AT_WORK: Final = ("idle", "busy")


def warnings(engine: Engine, settings: Settings) -> list[str]:
    """What will keep jobs waiting, in sentences; none where all is well.

    Args:
        engine: The service's database.
        settings: The service's settings.

    Raises:
        StorageError: The schema is not the newest; or (StorageAwayError) database, home or artifact store
            take nothing, so that no job can come to its end.
        DBAPIError: The database does not answer.
    """
    is_needed = not (
        settings.artifacts and settings.database_url
    )  # else it may be another machine's
    if is_needed and not settings.home.is_dir():
        raise StorageAwayError(f"The home {settings.home} is gone: put it back where it was.")
    if not is_current(engine):
        raise StorageError("The database's schema is not the newest; 'lossfit serve' upgrades it.")
    artifacts.probe(settings.artifacts_root)
    with read_sessions(engine)() as session:
        return [*_of_space(settings), *_of_workers(session)]


def _of_space(settings: Settings) -> Iterator[str]:
    store = Path(settings.artifacts_root.location)
    for what, folder in (("home", settings.home), ("artifact store", store)):
        free = shutil.disk_usage(folder).free if folder.is_dir() else LEAST_FREE_BYTES
        if free < LEAST_FREE_BYTES:
            yield f"The disk of the {what} has {free / 2**20:,.0f} MiB left: make room."


def _of_workers(session: Session) -> Iterator[str]:
    if not is_beating(session):
        yield "No controller runs: jobs wait until one is started."
        return
    report = reporting.newest(session)
    if report is None or report.term != term(session):
        return  # it has just begun
    if not any(worker["state"] in _AT_WORK for worker in report.workers):
        yield "No worker answers: jobs wait until one does; GET /v1/workers tells of each."
    for worker in report.workers:
        if worker["state"] == "set-aside":
            yield f"The node {worker['node']} is set aside: {worker['reason']}"
