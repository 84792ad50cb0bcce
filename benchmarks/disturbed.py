"""What benchmarks of faults share: a search on a dry run in a home of its own, and its undisturbed twin."""

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
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
from search_service.store.database import make_engine, read_sessions, sessions
from search_service.store.states import FINAL
from search_service.store.tables import Job
from workers.proxy.dry_run import dry_run_pack
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

DATASET = "played"
POLL = 0.1

Recorded = list[tuple[int, list[float], float | None]]


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
    """A home of a service: its database, and its processes, which have it as their working folder.

    Args:
        folder: The home.
        database: URL of an empty database; SQLite in the folder by default.
    """

    def __init__(self, folder: Path, database: str = "") -> None:
        self.folder = folder.resolve()
        self.settings = Settings(home=self.folder, database_url=database)
        self.engine = make_engine(self.settings.database)
        self.reading, self.writing = read_sessions(self.engine), sessions(self.engine)

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
        return processes_in(self.folder)

    def folders(self) -> list[str]:
        """Those of jobs; a controller clears them within seconds once their jobs are over."""
        jobs = self.folder / "jobs"
        return [str(path) for path in (jobs.iterdir() if jobs.is_dir() else ())]


def processes_in(folder: Path) -> dict[int, bytes]:
    """Process -> command line of all whose working folder this is; those that have ended have none."""
    found = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and (entry / "cwd").readlink() == folder:
                found[int(entry.name)] = (entry / "cmdline").read_bytes()
    return found


def undisturbed(trials: int, seed: int) -> Recorded:
    """What the search finds where nothing is disturbed; its proxies are played in this process."""
    with tempfile.TemporaryDirectory() as folder:
        home, stop = Home(Path(folder)), threading.Event()
        with Controller(home.settings, Played()) as controller:
            job_id = home.submit(0.0, trials, seed)
            thread = threading.Thread(target=controller.work, args=(stop,))
            thread.start()
            home.wait(job_id, 600)
            stop.set()
            thread.join()
        found = home.trials(job_id)
        home.engine.dispose()
        return found
