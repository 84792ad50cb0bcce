"""kill -9 of every process of a real service at random moments of one search, with scripted proxies.

``python -m benchmarks.kills [--kills 50] [--seed 0] [--seconds 0.3] [--trials 48]``: runs ``lossfit
serve`` on a home of its own, submits a search on a dry run, and kills parent (which is the API),
controller, worker, raylet and GCS, one after another, at moments drawn from the seed: while it trains,
and while it is just coming up again. Then compares with the search undisturbed, and looks at what is
left behind. Prints one line of JSON; ends with 1 where anything differs. Linux alone.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from search_service.catalogue import datasets
from search_service.catalogue.request import DatasetRequest
from search_service.controller import Controller
from search_service.jobs import lifecycle
from search_service.jobs.pool import IdlePool
from search_service.kinds import KINDS
from search_service.searches.admission import trials as trials_of
from search_service.searches.request import SearchRequest
from search_service.settings import Settings
from search_service.store.database import is_current, make_engine, read_sessions, sessions
from search_service.store.states import FINAL
from search_service.store.tables import Job
from workers.proxy.dry_run import dry_run_pack
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

CHECKOUT = Path(__file__).parents[1]
PARTS: dict[str, Callable[[bytes], bool]] = {
    "parent": lambda line: b"api.cli\0serve" in line,
    "controller": lambda line: b"search_service.controller" in line,
    "worker": lambda line: line.startswith(b"ray::Worker"),
    "raylet": lambda line: line.split(b"\0")[0].endswith(b"raylet/raylet"),
    "gcs": lambda line: line.split(b"\0")[0].endswith(b"gcs/gcs_server"),
}
"""What is killed, and how its command line looks."""

DATASET = "played"
GONE_SECONDS = 60.0  # after an end in order nothing may be left by then
PATIENCE_SECONDS = 120.0
"""A kill waits so long for another trial, or for what it wants to kill, at most."""

POLL = 0.1

Recorded = list[tuple[int, list[float], float | None]]


@dataclass
class Report:
    """What came of it.

    Attributes:
        kills: How often each part was killed.
        seconds: From the submission to the search's end.
        trials: How many were recorded.
        state: How the search ended.
        same: Whether trials, parameters and scores are those of the undisturbed search.
        once: Whether every trial and every event is there once.
        left: Processes and files that were left behind.
    """

    kills: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    trials: int = 0
    state: str = ""
    same: bool = False
    once: bool = False
    left: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether nothing was lost, doubled or left."""
        return self.state == "succeeded" and self.same and self.once and not self.left


class Played(IdlePool):
    """Plays the script in this process."""

    def evaluate(
        self,
        task: ProxyTask,
        candidates: Sequence[Candidate],
        *,
        on_outcome: Callable[[Outcome], None],
        should_stop: Callable[[], bool],  # noqa: ARG002 - as all pools
    ) -> None:
        """Play it for one candidate after another."""
        for candidate in candidates:
            on_outcome(dry_run_pack(task, [candidate], device="cpu")[0])


class Home:
    """A home of a service: its database, and its processes, which have it as their working folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.settings = Settings(home=self.folder)
        engine = make_engine(self.settings.database)
        self.reading, self.writing = read_sessions(engine), sessions(engine)

    def submit(self, seconds: float, trials: int, seed: int) -> str:
        """Register the dry run and queue the search; the schema must be there."""
        sampler = {"name": "tpe", "trials": trials, "batch": 6, "startup": 12}
        body = {"metric": "macc", "dataset": DATASET, "preset": "quick", "sampler": sampler}
        with self.writing.begin() as session:
            source = {"layout": "dry-run", "script": {"seconds": seconds}}
            asked = DatasetRequest.model_validate({"name": DATASET, "source": source})
            datasets.register(session, self.settings, asked)
            request = SearchRequest.model_validate({**body, "race": None, "seed": seed})
            return lifecycle.create(session, self.settings, KINDS["search"], request).id

    def job(self, job_id: str) -> Job:
        """The job as it is."""
        with self.reading() as session:
            return session.get_one(Job, job_id)

    def trials(self, job_id: str) -> Recorded:
        """What is recorded of it."""
        with self.reading() as session:
            found = trials_of(session, job_id, limit=10_000)
            return [(trial.number, list(trial.theta), trial.score) for trial in found]

    def is_told_once(self, job_id: str) -> bool:
        """Whether its events have no gap and tell every trial once."""
        with self.reading() as session:
            events = lifecycle.events_after(session, job_id, limit=100_000)
        told = Counter(event.body["number"] for event in events if event.kind == "trial")
        gapless = [event.sequence for event in events] == list(range(1, len(events) + 1))
        return gapless and set(told.values()) == {1} and len(told) == len(self.trials(job_id))

    def wait(self, job_id: str, seconds: float) -> str:
        """Wait until it is over; how it ended, or its state by then."""
        deadline = time.monotonic() + seconds
        while (state := self.job(job_id).state) not in FINAL and time.monotonic() < deadline:
            time.sleep(POLL)
        return state

    def processes(self) -> dict[int, bytes]:
        """Process -> command line of all that belong to it."""
        found = {}
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and (entry / "cwd").readlink() == self.folder:
                    found[int(entry.name)] = (entry / "cmdline").read_bytes()
        return found

    def left(self) -> list[str]:
        """Processes, and files of jobs, that are there although nothing runs."""
        deadline = time.monotonic() + GONE_SECONDS
        while (there := self.processes()) and time.monotonic() < deadline:
            time.sleep(POLL)
        told = [line.replace(b"\0", b" ").decode()[:80] for line in there.values()]
        return told + self.folders()

    def folders(self) -> list[str]:
        """Those of jobs; a controller clears them within seconds once their jobs are over."""
        jobs = self.folder / "jobs"
        return [str(path) for path in (jobs.iterdir() if jobs.is_dir() else ())]


def undisturbed(trials: int, seed: int) -> Recorded:
    """What the search finds where nothing is killed; its proxies are played in this process."""
    with tempfile.TemporaryDirectory() as folder:
        home, stop = Home(Path(folder)), threading.Event()
        with Controller(home.settings, Played()) as controller:
            job_id = home.submit(0.0, trials, seed)
            thread = threading.Thread(target=controller.work, args=(stop,))
            thread.start()
            home.wait(job_id, 600)
            stop.set()
            thread.join()
        return home.trials(job_id)


class Service:
    """``lossfit serve`` in a home, started again whenever it was killed."""

    def __init__(self, home: Home, log: Path) -> None:
        self._home, self._log = home, log
        self.start()

    def start(self) -> None:
        """Start it."""
        environment = {"LOSSFIT_HOME": str(self._home.folder), "LOSSFIT_ACTORS": "2"}
        environment |= {"PYTHONPATH": str(CHECKOUT), "OMP_NUM_THREADS": "1"}
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api.cli", "serve", "--port", "0"],
                cwd=self._home.folder,
                env=os.environ | environment,
                stdout=output,
                stderr=output,
            )

    def kill(self, wanted: str) -> str | None:
        """Kill a part, or another one where it is not there; which one it was."""
        there = self._home.processes()
        for part in (wanted, *PARTS):
            pids = [pid for pid, line in there.items() if PARTS[part](line)]
            if part == "controller":
                pids = [pid for pid in pids if pid != self.process.pid]
            if pids:
                with suppress(ProcessLookupError):
                    os.kill(pids[0], signal.SIGKILL)
                if part == "parent":
                    self.process.wait()
                    self.start()
                return part
        return None

    def stop(self) -> None:
        """End it in order."""
        self.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(GONE_SECONDS)
        if self.process.poll() is None:
            self.process.kill()


def disturb(
    home: Home, service: Service, job_id: str, parts: Iterable[str], seed: int
) -> dict[str, int]:
    """Kill parts at moments of a seed, until the search is over or all are done."""
    draw, killed = random.Random(seed), Counter[str]()  # noqa: S311 - no secret
    for wanted in parts:
        if home.job(job_id).state in FINAL:
            break
        if draw.random() < 0.5:  # in the middle of the trainings; else as it comes up
            before = len(home.trials(job_id))
            _wait(lambda: len(home.trials(job_id)) > before)  # noqa: B023
        _wait(lambda: any(map(PARTS[wanted], home.processes().values())))  # noqa: B023
        time.sleep(draw.uniform(0.0, 3.0))
        if (part := service.kill(wanted)) is not None:
            killed[part] += 1
            print(f"{killed.total()}: {part}, {len(home.trials(job_id))} trials", file=sys.stderr)
    return dict(killed)


def _wait(met: Callable[[], bool]) -> None:
    """Wait until it is so, and not longer than it may take."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not met() and time.monotonic() < deadline:
        time.sleep(POLL)


def run(parts: Iterable[str], *, seed: int, seconds: float, trials: int, log: Path) -> Report:
    """Run one search while these parts are killed, one after another."""
    expected = undisturbed(trials, seed)
    with tempfile.TemporaryDirectory(prefix="lossfit-kills-") as folder:
        home = Home(Path(folder))
        service = Service(home, log)
        try:
            _wait_for_schema(home)
            began = time.monotonic()
            job_id = home.submit(seconds, trials, seed)
            report = Report(disturb(home, service, job_id, parts, seed))
            report.state = home.wait(job_id, 1800)
            report.seconds = round(time.monotonic() - began, 1)
            _wait(lambda: not home.folders())
        finally:
            service.stop()
        found = home.trials(job_id)
        report.trials, report.same = len(found), found == expected
        report.once, report.left = home.is_told_once(job_id), home.left()
    return report


def _wait_for_schema(home: Home) -> None:
    engine = make_engine(home.settings.database)
    while not is_current(engine):
        time.sleep(POLL)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.3, help="what a proxy takes")
    parser.add_argument("--trials", type=int, default=48)
    parser.add_argument("--log", type=Path, default=Path("kills.log"), help="of the service")
    options = parser.parse_args()
    draw = random.Random(options.seed)  # noqa: S311 - no secret
    report = run(
        draw.choices(list(PARTS), k=options.kills),
        seed=options.seed,
        seconds=options.seconds,
        trials=options.trials,
        log=options.log,
    )
    print(json.dumps(asdict(report)))
    sys.exit(0 if report.is_well else 1)


if __name__ == "__main__":
    main()
