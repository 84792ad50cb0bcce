"""The API under load beside a running search, with years of jobs in its database.

``python -m benchmarks.load [--seconds 600] [--rate 100] [--jobs 10000] [--trials 100000]
[--database postgresql://...]``: fills a database, starts the service on it with one worker, submits a
search that outlasts the measurement, and then sends ``--rate`` requests a second: of twenty one submits
(another search, which waits), sixteen ask for a job's status, two for lists, one for trials. They are sent
when their time has come, whether or not earlier ones are answered, and latencies count from then. Prints a
table, memory and processor time of the API and of the controller, and what misses :data:`BARS`.
"""

import argparse
import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Final

import aiohttp
import httpx

from benchmarks.filling import SEARCH, fill
from search_service.store.database import make_engine

BARS: Final = {
    "submit": 0.050,
    "status": 0.050,
    "list": 0.100,
    "list by state": 0.100,
    "trials": 0.100,
}
"""Seconds that 99% of the requests of a kind have to be answered in."""

GROWTH: Final = 20.0
"""MiB that a process may grow by from the middle of the measurement to its end: memory is flat."""

TURNS: Final = (*("status",) * 8, "submit", *("status",) * 8, "list", "list by state", "trials")
_SAMPLES_S: Final = 5.0


@dataclass(frozen=True)
class Service:
    """A running service.

    Attributes:
        url: Where its API is.
        processes: Name -> process id, of the API and the controller.
    """

    url: str
    processes: Mapping[str, int]


@contextmanager
def serving(home: Path, database: str) -> Iterator[Service]:
    """A service of one worker that runs one job at a time, in processes of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"ACTORS": "1", "CONCURRENT_JOBS": "1", "DATABASE_URL": database}
    environment = os.environ | {f"LOSSFIT_{name}": value for name, value in settings.items()}
    command = ("-m", "lossfit", "serve", "--home", str(home), "--port", str(port))
    with (home / "service.log").open("w") as log:
        api = subprocess.Popen([sys.executable, *command], env=environment, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, "/readyz")
        yield Service(url, {"API": api.pid, **_children(api.pid)})
    finally:
        api.send_signal(signal.SIGTERM)
        api.wait(60)


def _wait(url: str, path: str, state: str | None = None) -> None:
    """Ask until the answer is 200, and tells a state if one is wanted."""
    until = time.monotonic() + 600
    while time.monotonic() < until:
        try:
            answer = httpx.get(url + path, timeout=10)
            told = answer.json().get("state") if answer.status_code == 200 else "away"
            if told == "failed":
                raise SystemExit(f"{path} failed: {answer.json()['error']}")
            if told != "away" and state in (None, told):
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"{path} did not come up within ten minutes; see service.log.")


def _children(pid: int) -> dict[str, int]:
    """The controller among the processes that a process started."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    for child in (int(child) for thread in threads for child in thread.read_text().split()):
        if b"search_service.process" in Path(f"/proc/{child}/cmdline").read_bytes():
            return {"controller": child}
    return {}


def memory_of(pid: int) -> float:
    """Resident memory of a process, MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def processor_time_of(pid: int) -> float:
    """Seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


class Load:
    """Requests that are sent on time, and how long their answers took.

    Args:
        url: Of the API.
        searches: Ids of searches.
    """

    def __init__(self, url: str, searches: Sequence[str]) -> None:
        self._url, self._searches = url, searches
        self._draw = random.Random(2)  # noqa: S311 - which job is asked for
        self.took: dict[str, list[float]] = defaultdict(list)
        self.failed: dict[str, int] = defaultdict(int)

    async def run(self, seconds: float, rate: float, memory: Service) -> dict[str, list[float]]:
        """Send requests for so long; memory of the service's processes all the while, MiB."""
        sizes: dict[str, list[float]] = {name: [] for name in memory.processes}
        # httpx would take more of the processor to send these requests than the API to answer them.
        connections = aiohttp.TCPConnector(limit=200)
        timeout = aiohttp.ClientTimeout(60)
        async with aiohttp.ClientSession(connector=connections, timeout=timeout) as client:
            began, tasks = time.perf_counter(), set()
            for number in range(int(seconds * rate)):
                due = began + number / rate
                if number % int(_SAMPLES_S * rate) == 0:
                    for name, pid in memory.processes.items():
                        sizes[name].append(memory_of(pid))
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                task = asyncio.create_task(self._send(client, TURNS[number % len(TURNS)], due))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.gather(*tasks)
        return sizes

    async def _send(self, client: aiohttp.ClientSession, kind: str, due: float) -> None:
        method, path, body = self.request(kind)
        try:
            async with client.request(method, self._url + path, json=body) as answer:
                await answer.read()
                good = answer.ok
        except (aiohttp.ClientError, TimeoutError):
            good = False
        self.took[kind].append(time.perf_counter() - due)
        self.failed[kind] += not good

    def request(self, kind: str) -> tuple[str, str, Any]:
        """Method, address and body of a request of a kind."""
        search = self._draw.choice(self._searches)
        if kind == "submit":
            return "POST", "/v1/searches", SEARCH | {"priority": -2}
        paths = {
            "status": f"/v1/searches/{search}",
            "list": "/v1/searches?limit=50",
            "list by state": "/v1/retrainings?state=paused",
            "trials": f"/v1/searches/{self._searches[0]}/trials?limit=100",
        }
        return "GET", paths[kind], None


def quantile(values: Sequence[float], share: float) -> float:
    """The least value that so large a share of all does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def table(load: Load) -> Iterator[str]:
    """Markdown rows of what was measured."""
    yield "| request | sent | failed | p50, ms | p99, ms | slowest, ms | p99 at most, ms |"
    yield "|---|---|---|---|---|---|---|"
    for kind, bar in BARS.items():
        took = load.took.get(kind, [])
        if took:
            middle, late, last = (1e3 * quantile(took, share) for share in (0.5, 0.99, 1.0))
            cells = f"{middle:.1f} | {late:.1f} | {last:.1f} | {1e3 * bar:.0f}"
            yield f"| {kind} | {len(took):,} | {load.failed[kind]} | {cells} |"


def missed(load: Load, sizes: Mapping[str, Sequence[float]]) -> list[str]:
    """What is not as it has to be, in words."""
    late = [k for k, bar in BARS.items() if load.took[k] and quantile(load.took[k], 0.99) > bar]
    wrong = [kind for kind, count in load.failed.items() if count]
    grown = {n: s[-1] - s[len(s) // 2] for n, s in sizes.items() if len(s) > 1}
    return [
        *(f"{kind} is late" for kind in late),
        *(f"{kind} failed" for kind in wrong),
        *(f"the {n} grew by {mib:.0f} MiB" for n, mib in grown.items() if mib > GROWTH),
    ]


def _processor_times(service: Service) -> dict[str, float]:
    return {name: processor_time_of(pid) for name, pid in service.processes.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--database", help="URL of an empty database; else SQLite in a folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lossfit-load-") as folder:
        home = Path(folder)
        url = options.database or f"sqlite:///{home / 'lossfit.db'}"
        engine = make_engine(url)
        searches = fill(engine, options.jobs, options.trials)
        engine.dispose()
        with serving(home, url) as service:
            running = httpx.post(
                f"{service.url}/v1/searches", json=SEARCH | {"priority": 10}, timeout=60
            )
            running.raise_for_status()
            _wait(service.url, f"/v1/searches/{running.json()['id']}", "running")
            load, taken = Load(service.url, searches), _processor_times(service)
            began = time.perf_counter()
            sizes = asyncio.run(load.run(options.seconds, options.rate, service))
            wall = time.perf_counter() - began
            spent = {n: t - taken[n] for n, t in _processor_times(service).items()}
        dialect = engine.dialect.name
    print(f"{dialect}, {options.jobs:,} jobs, {options.trials:,} trials, {options.rate:g}/s\n")
    print("\n".join(table(load)))
    for name, size in sizes.items():
        told = ", ".join(f"{part:.0f}" for part in (size[0], size[len(size) // 2], size[-1]))
        print(f"\nMemory of the {name} at the beginning, in the middle, at the end, MiB: {told}")
        print(f"Processor time: {spent[name] / wall:.1%} of one core")
    if found := missed(load, sizes):
        raise SystemExit("\n" + "; ".join(found))


if __name__ == "__main__":
    main()
