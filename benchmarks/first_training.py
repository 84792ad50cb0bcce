"""Time from the start of a service to the first training of a search that waits for it.

    python -m benchmarks.first_training [--role controller] [--runs 5] [--actors 2] [--preset quick]

A home of its own holds a queued search of the generated dataset with one step a training. Then ``lossfit
serve`` is started, or the controller's process alone, with a Ray of its own. Told are the wall time until a
worker begins the first training, which is when its trial was recorded less the seconds that it took; until
it was recorded, its first step and its scoring behind it; and what processor time all processes had taken by
then, by what they are. On a machine that others use too the least of several runs is what it costs.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, select

from search_service.catalogue.built_in import prepare
from search_service.jobs import lifecycle
from search_service.kinds import KINDS
from search_service.searches.request import SearchRequest
from search_service.settings import Settings
from search_service.store.database import make_engine, read_sessions, sessions
from search_service.store.tables import Job, Trial

ROLES: Final[Mapping[str, Sequence[str]]] = {
    "all": ("api.cli", "serve", "--port", "0"),
    "controller": ("search_service.process",),
}
"""What is started -> module and arguments."""

PARTS: Final = (
    ("controller", b"search_service.process"),
    ("API", b"api.cli"),
    ("Ray", b"Agent"),
    ("workers", b"ray::"),
    ("workers", b"default_worker.py"),
)
"""What a process is -> what its command line holds; every other one is Ray's own."""

_PATIENCE_S: Final = 300.0
_LOOK_S: Final = 0.02


@dataclass(frozen=True)
class Start:
    """One start.

    Attributes:
        begun: Wall seconds until a worker began the first training.
        recorded: Until it was recorded.
        processor: Seconds of processor time until then, by :data:`PARTS`.
    """

    begun: float
    recorded: float
    processor: Mapping[str, float]

    @property
    def whole(self) -> float:
        """Processor seconds of all."""
        return sum(self.processor.values())


def queue_search(engine: Engine, preset: str) -> None:
    """Queue a search whose candidates are trained for one step."""
    request = SearchRequest.model_validate(
        {
            "metric": "miou",
            "dataset": "shapes",
            "preset": preset,
            "training": {"iterations": 1, "warmup": 0},
            "halving": None,
            "race": None,
        }
    )
    with sessions(engine).begin() as session:
        lifecycle.create(session, Settings(), KINDS["search"], request)


def first_trial(engine: Engine) -> Trial | None:
    """The trial whose training began first, of those that are recorded.

    Raises:
        SystemExit: The search has failed.
    """
    with read_sessions(engine)() as session:
        if (error := session.scalar(select(Job.error))) is not None:
            raise SystemExit(f"The search failed: {error}")
        trials = session.scalars(select(Trial))
        return min(trials, key=_begun, default=None)


def _begun(trial: Trial) -> float:
    return trial.finished_at.timestamp() - trial.seconds


def tree(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            yield from tree(child)


def processor_times(pid: int) -> dict[str, float]:
    """Processor seconds of a process and its descendants, those that ended included, by :data:`PARTS`."""
    taken: dict[str, float] = defaultdict(float)
    for each in tree(pid):
        command = Path(f"/proc/{each}/cmdline").read_bytes()
        part = next((name for name, mark in PARTS if mark in command), "Ray")
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        taken[part] += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return dict(taken)


def start(role: str, actors: int, preset: str) -> Start:
    """Start a service once, and end it."""
    with tempfile.TemporaryDirectory(prefix="lossfit-start-") as folder:
        home = Path(folder)
        engine = make_engine(Settings(home=home).database)
        prepare(engine)
        queue_search(engine, preset)
        environment = os.environ | {"LOSSFIT_HOME": folder, "LOSSFIT_ACTORS": str(actors)}
        began = time.time()
        with (
            (home / "service.log").open("wb") as log,
            subprocess.Popen(
                [sys.executable, "-m", *ROLES[role]], env=environment, stdout=log, stderr=log
            ) as process,
        ):
            try:
                while (trial := first_trial(engine)) is None:
                    if process.poll() is not None or time.time() - began > _PATIENCE_S:
                        raise SystemExit((home / "service.log").read_text())
                    time.sleep(_LOOK_S)
                processor = processor_times(process.pid)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait()
                engine.dispose()
    recorded = trial.finished_at.timestamp() - began
    return Start(recorded - trial.seconds, recorded, processor)


def main() -> None:
    """Print a line for each start, and the least of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--role", choices=ROLES, default="all")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--preset", default="quick")
    options = parser.parse_args()
    starts = []
    for _ in range(options.runs):
        starts.append(start(options.role, options.actors, options.preset))
        print(told(starts[-1]), flush=True)
    least = min(starts, key=lambda each: each.begun)
    cheapest = min(starts, key=lambda each: each.whole)
    print(f"\nleast wall time: {told(least)}\nleast processor time: {told(cheapest)}")


def told(one: Start) -> str:
    """A start in a line."""
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in sorted(one.processor.items()))
    return (
        f"first training after {one.begun:.1f} s, recorded after {one.recorded:.1f} s; "
        f"processor time {one.whole:.1f} s ({parts})"
    )


if __name__ == "__main__":
    main()
