"""Starts runs in processes of their own; measures, kills and resumes them."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass

import psutil
import ray

from benchmarks.ray_tune.driver import CPUS, WAYS
from benchmarks.ray_tune.folder import Folder
from workers.cluster.calls import connect

LOOK = 0.1  # seconds between two looks at a run
PATIENCE = 120.0  # seconds without an evaluation after which a run hangs


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Attributes:
        scores: Of every candidate, step by step; None where the run hung and was ended.
        wall: Seconds that it took.
        cpu: CPU seconds of all of its processes.
        evaluations: Steps that were trained, those that were trained again included.
    """

    scores: Mapping[int, tuple[float | None, ...]] | None
    wall: float
    cpu: float
    evaluations: int


Interrupt = Callable[[Folder, int], bool]


@contextmanager
def ray_up() -> Iterator[None]:
    """A Ray of two CPUs in this process."""
    connect(None, CPUS)
    logging.getLogger("ray.tune").setLevel(logging.ERROR)  # it warns of logs that are not there yet
    try:
        yield
    finally:
        ray.shutdown()


def here(folder: Folder, way: str) -> Result:
    """Bring the folder's contest to its end on the Ray that is up."""
    with (folder.path / "driver.log").open("w") as log, redirect_stdout(log), Meter() as meter:
        scores = WAYS[way].run(folder)  # Tune prints whatever its verbosity
    settled = {number: tuple(own) for number, own in scores.items()}
    return Result(settled, meter.wall, meter.cpu, len(folder.evaluations))


def apart(
    folder: Folder, way: str, *, interrupt: Interrupt, environment: Mapping[str, str]
) -> Result:
    """The same in a process of its own, with a Ray of its own, which may be killed.

    Args:
        folder: Where the contest lies.
        way: How; a name of ``driver.WAYS``.
        interrupt: Looked at ten times a second with the driver's process, until it returns True; a
            driver that it killed is started again.
        environment: Variables beside those of this process.
    """
    with Meter() as meter:
        if not _ended(folder, way, interrupt, environment):
            _ended(folder, way, lambda _folder, _driver: True, environment)
    path = folder.path / "result.json"
    scores = None
    if path.exists():
        scores = {int(n): tuple(own) for n, own in json.loads(path.read_text()).items()}
    return Result(scores, meter.wall, meter.cpu, len(folder.evaluations))


class Meter:
    """Wall seconds, and CPU seconds of this process and of all below it, while it is open."""

    def __enter__(self) -> "Meter":
        """Begin."""
        self._tree = psutil.Process()
        self._before = _times(self._tree)
        self._seen = dict(self._before)
        self._began = time.perf_counter()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self.wall = time.perf_counter() - self._began
        self._over.set()
        self._thread.join()
        self._seen |= _times(self._tree)
        self.cpu = sum(
            seconds - self._before.get(process, 0.0) for process, seconds in self._seen.items()
        )

    def _watch(self) -> None:
        while not self._over.wait(LOOK):
            self._seen |= _times(self._tree)


def _times(tree: psutil.Process) -> dict[psutil.Process, float]:
    """CPU seconds of a process and of each below it."""
    seconds: dict[psutil.Process, float] = {}
    for process in (tree, *tree.children(recursive=True)):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            times = process.cpu_times()
            seconds[process] = times.user + times.system
    return seconds


def kill_driver(after: int) -> Interrupt:
    """SIGKILL the driver once so many evaluations ended."""

    def interrupt(folder: Folder, driver: int) -> bool:
        if len(folder.evaluations) < after:
            return False
        os.kill(driver, signal.SIGKILL)
        return True

    return interrupt


def kill_worker(after: int) -> Interrupt:
    """SIGKILL the worker that ended the last of so many evaluations."""

    def interrupt(folder: Folder, _: int) -> bool:
        ended = folder.evaluations
        if len(ended) < after:
            return False
        with suppress(ProcessLookupError):
            os.kill(ended[-1].pid, signal.SIGKILL)
        return True

    return interrupt


def _ended(folder: Folder, way: str, interrupt: Interrupt, environment: Mapping[str, str]) -> bool:
    """Start a driver, and return whether it came to its end."""
    command = [sys.executable, "-m", "benchmarks.ray_tune.driver", str(folder.path), way]
    with (folder.path / "driver.log").open("ab") as log:
        driver = subprocess.Popen(
            command, stdout=log, stderr=log, env=os.environ | environment, start_new_session=True
        )
    below: set[psutil.Process] = set()
    interrupted, ended, moved = False, -1, time.monotonic()
    while driver.poll() is None:
        with suppress(psutil.NoSuchProcess):
            below |= set(psutil.Process(driver.pid).children(recursive=True))
        interrupted = interrupted or interrupt(folder, driver.pid)
        if len(folder.evaluations) != ended:
            ended, moved = len(folder.evaluations), time.monotonic()
        elif time.monotonic() > moved + PATIENCE:
            driver.kill()
        time.sleep(LOOK)
    for process in below:  # Ray's own end with their driver; nothing is to be left in any case
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(below, timeout=10)
    return driver.returncode == 0
