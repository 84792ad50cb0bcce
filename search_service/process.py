"""The controller's process: its own code is loaded while Ray starts, which is waiting for others mostly."""

import logging
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Final

from search_service import logs
from search_service.settings import Settings
from surrogate_zoo.errors import LossfitError
from workers.cluster.pool import WorkerPool

_CONTROLLER: Final = "search_service.controller"
_FIRST_JOB: Final = "search_service.searches.search"
"""What most first jobs are: it is loaded before one is there. The job itself tells where it cannot be."""


def serve(settings: Settings) -> None:
    """Run a controller with Ray workers until SIGTERM or SIGINT.

    Raises:
        ConflictError: Another controller runs on the database.
        WorkersAwayError: There is no Ray.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    pool = WorkerPool(
        address=settings.ray_address,
        actors=settings.actors,
        cpus_per_actor=settings.cpus_per_actor,
        gpus_per_actor=settings.gpus_per_actor,
        pack_size=settings.pack_size,
        stall_seconds=settings.stall_seconds,
    )
    with ThreadPoolExecutor(1) as beside:
        loaded = beside.submit(import_module, _CONTROLLER)
        beside.submit(import_module, _FIRST_JOB)
        with pool:
            loaded.result().hold(settings, pool, stop)


if __name__ == "__main__":
    settings = Settings()
    logs.configure(settings.log_format)
    try:
        serve(settings)
    except LossfitError as error:
        logging.getLogger(_CONTROLLER).error("%s", error)  # noqa: TRY400 - it says what is wrong
        sys.exit(1)
