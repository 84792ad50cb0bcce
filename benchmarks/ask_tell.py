r"""Trials a second that the service hands out and takes back, with many workers against one.

    python -m benchmarks.ask_tell [--workers 1 32] [--trials 320] [--database URL]

Starts a real ``lossfit serve`` on a folder of its own, and for every number of workers a search with trainer
``external`` whose trials may all be trained at once. When all are posted, as many threads as there are
workers, spread over processes and each with a client of its own, iterate over them as a user's program does,
report once and tell at once: nothing is trained, so service, database and clients are all that takes time.
Prints trials a second from the first ask to the last tell, the ratio to the first number of workers, and the
medians of what a worker waits for. The last column is the processor time that a trial takes of the API's
process, which other programs on the machine disturb less: it can answer 1000 / this trials a second.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import psutil
from sqlalchemy import func, select

from api.client.client import Client
from api.client.errors import ServiceError
from benchmarks import tasks
from search_service.settings import Settings
from search_service.store.database import make_engine, read_sessions
from search_service.store.tables import Assignment

STEPS = 10
PATIENCE_S = 300.0
METRIC = "dice"  # of whose surrogates a scale is measured in 20 ms


class Handled(NamedTuple):
    """One trial as its worker saw it.

    Attributes:
        began: When it was asked for, seconds of the machine's monotonic clock.
        ended: When it was told.
        ask: Seconds until it was there.
        report: Seconds of a report on the way.
        tell: Seconds until the service had its score.
    """

    began: float
    ended: float
    ask: float
    report: float
    tell: float


def main() -> None:
    """Print a row for every number of workers."""
    arguments = parse()
    print(f"{tasks.circumstances()}, {os.cpu_count()} CPU cores, {arguments.trials} trials\n")
    print("| workers | trials a second | x the first | ask, ms | report, ms | tell, ms | API, ms |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(
            home=Path(home), port=arguments.port, database_url=arguments.database, token=None
        )
        for line in rows(settings, arguments):
            print(line, flush=True)


def rows(settings: Settings, arguments: argparse.Namespace) -> Iterator[str]:
    """The lines of the table, one for every number of workers."""
    with service(settings) as api:
        first = 0.0
        for workers in arguments.workers:
            before = processor_seconds(api)
            handled = run(settings, workers, arguments)
            spent = 1e3 * (processor_seconds(api) - before) / len(handled)
            rate = trials_a_second(handled)
            first = first or rate
            waits = [f"{1e3 * wait:.1f}" for wait in medians(handled)]
            cells = [str(workers), f"{rate:.1f}", f"{rate / first:.2f}", *waits, f"{spent:.1f}"]
            yield f"| {' | '.join(cells)} |"


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Trials a second by ask and tell.")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--trials", type=int, default=320, help="of each search")
    parser.add_argument("--processes", type=int, default=4, help="that the workers are spread over")
    parser.add_argument("--database", default="", help="its URL; a file of SQLite unless told")
    parser.add_argument("--port", type=int, default=8217)
    return parser.parse_args(words)


@contextmanager
def service(settings: Settings) -> Iterator[psutil.Process]:
    """A service of its own; the process of its API."""
    told = {"HOME": settings.home, "DATABASE_URL": settings.database_url, "PORT": settings.port}
    environment = {f"LOSSFIT_{name}": str(value) for name, value in told.items()}
    command = [sys.executable, "-m", "api.cli", "serve"]
    with subprocess.Popen(command, env=os.environ | environment) as process:
        try:
            with Client(f"http://{settings.host}:{settings.port}") as client:
                wait_for(client)
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def wait_for(client: Client) -> None:
    """Wait until a service that has just been started answers."""
    tick, deadline = Event(), time.monotonic() + PATIENCE_S
    while True:
        try:
            client.health.ready()
        except ServiceError as error:
            if not error.may_pass or time.monotonic() > deadline:
                raise
            tick.wait(0.1)
        else:
            return


def run(settings: Settings, workers: int, arguments: argparse.Namespace) -> list[Handled]:
    """Let so many workers train all trials of a new search."""
    url = f"http://{settings.host}:{settings.port}"
    processes = min(workers, arguments.processes)
    shares = [len(range(first, workers, processes)) for first in range(processes)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        list(pool.map(_loaded, range(4 * processes)))
        with Client(url) as client:
            search = client.search(METRIC, num_classes=11, **request(arguments.trials)).search
        wait_until_posted(settings, search, arguments.trials)
        futures = [pool.submit(work, url, search, share) for share in shares]
        handled = list(chain.from_iterable(future.result() for future in futures))
    with Client(url) as client:
        client.searches.wait(search, timeout=PATIENCE_S)
    return handled


def request(trials: int) -> dict[str, Any]:
    """A search whose first generation is all."""
    sampler = {"name": "random", "trials": trials, "batch": trials}
    return {"sampler": sampler, "race": None, "steps": STEPS, "halving": None}


def wait_until_posted(settings: Settings, search: str, trials: int) -> None:
    """Wait until a search has handed out all its trials, whose scales it measures one by one."""
    tick, deadline = Event(), time.monotonic() + PATIENCE_S
    engine = make_engine(settings.database)
    query = select(func.count()).where(Assignment.job_id == search)
    try:
        while time.monotonic() < deadline:
            with read_sessions(engine)() as session:
                if session.scalar(query) == trials:
                    return
            tick.wait(0.2)
    finally:
        engine.dispose()
    raise SystemExit(f"The search has not posted {trials} trials in {PATIENCE_S:.0f} s.")


def work(url: str, search: str, workers: int) -> list[Handled]:
    """Be so many workers at the same time, each a thread; runs in a process of its own."""
    with ThreadPoolExecutor(workers) as threads:
        futures = [threads.submit(_train, url, search) for _ in range(workers)]
        return list(chain.from_iterable(future.result() for future in futures))


def _train(url: str, search: str) -> list[Handled]:
    """Go through the trials of a search as a program of a user does."""
    handled = []
    with Client(url) as client:
        began = time.monotonic()
        for trial in client.searches.train(search):
            asked = time.monotonic()
            with trial:
                trial.report(STEPS // 2, 0.4)
                reported = time.monotonic()
                trial.tell(0.5)
            ended = time.monotonic()
            handled.append(Handled(began, ended, asked - began, reported - asked, ended - reported))
            began = ended
    return handled


def _loaded(_: int) -> None:
    """Nothing: a process has imported this module by then."""


def processor_seconds(process: psutil.Process) -> float:
    """Processor time of a process so far, without its children."""
    times = process.cpu_times()
    return float(times.user + times.system)


def trials_a_second(handled: Sequence[Handled]) -> float:
    """Trials by the time from the first that was asked for to the last that was told."""
    return len(handled) / (max(one.ended for one in handled) - min(one.began for one in handled))


def medians(handled: Sequence[Handled]) -> tuple[float, float, float]:
    """Median seconds of an ask, a report and a tell."""
    asks, reports, tells = zip(*((one.ask, one.report, one.tell) for one in handled), strict=True)
    return statistics.median(asks), statistics.median(reports), statistics.median(tells)


if __name__ == "__main__":
    main()
