"""More requests at a time than there are threads and connections, on either database."""

import asyncio
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Coroutine, Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import Live
from tests.api.requests import SEARCH
from tests.conftest import CHECKOUT, DEADLINE

AT_ONCE = 150
PATHS = ("/v1/losses", "/v1/losses/dice", "/v1/searches", "/readyz", "/metrics")
MIXED = [path for path in PATHS for _ in range(AT_ONCE // len(PATHS))]


def client(url: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(base_url=url, timeout=DEADLINE, limits=limits, trust_env=False)


async def first_event(http: httpx.AsyncClient, path: str) -> int:
    """Follow a job's events to the first one."""
    async with http.stream("GET", path) as stream:
        async for _ in stream.aiter_lines():
            return stream.status_code
    raise AssertionError("a stream ended without an event")


async def statuses(url: str, paths: list[str]) -> Counter[int]:
    """The statuses of GETs that are all sent at once, and of streams of events among them."""
    async with client(url) as http:

        async def status(path: str) -> int:
            if path.endswith("/events"):
                return await first_event(http, path)
            return (await http.get(path)).status_code

        return Counter(await asyncio.gather(*map(status, paths)))


def submit(http: httpx.Client) -> str:
    """Submit a search that no controller will run; its path."""
    answer = http.post("/v1/searches", json=SEARCH)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


@pytest.mark.parametrize(
    "paths", [["/v1/losses?limit=500"] * AT_ONCE, MIXED], ids=["the same", "different things"]
)
def test_reads_at_the_same_time_are_all_answered(any_database: Live, paths: list[str]) -> None:
    url = str(any_database.http.base_url)
    assert asyncio.run(statuses(url, paths)) == {200: AT_ONCE}
    assert any_database.is_healthy()


def test_streams_of_events_keep_no_read_waiting(any_database: Live) -> None:
    job = submit(any_database.http)
    url = str(any_database.http.base_url)
    assert asyncio.run(statuses(url, [f"{job}/events"] * 60 + [job] * 90)) == {200: AT_ONCE}
    any_database.http.post(f"{job}/cancel")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``lossfit serve --role api`` and its address."""
    command = ["api.cli", "serve", "--role", "api", "--port", "0", "--home", str(tmp_path)]
    with subprocess.Popen(
        [sys.executable, "-m", *command], cwd=CHECKOUT, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        line = process.stderr.readline()
        (url,) = re.findall(r"http://\S+", line)
        yield process, url
        process.kill()


def test_who_watches_a_job_is_let_go_in_order_when_the_service_stops(
    process: tuple[subprocess.Popen[str], str],
) -> None:
    server, url = process
    with httpx.Client(base_url=url, timeout=DEADLINE, trust_env=False) as http:
        job = submit(http)
        with http.stream("GET", f"{job}/events") as response:
            lines = response.iter_lines()
            assert next(lines).startswith("id: 1")
            server.send_signal(signal.SIGTERM)
            list(lines)  # to the end of the answer, which a broken one does not have
    assert server.wait(DEADLINE) == 0
    assert server.stderr
    assert server.stderr.read() == ""


async def _stop_amid(process: subprocess.Popen[str], url: str, job: str) -> None:
    """Send SIGTERM when the first of many answers is there."""
    async with client(url) as http:
        requests: list[Coroutine[None, None, object]] = [http.get(path) for path in MIXED]
        requests += [first_event(http, f"{job}/events") for _ in range(20)]
        tasks = [asyncio.create_task(request) for request in requests]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        process.send_signal(signal.SIGTERM)
        await asyncio.gather(*tasks, return_exceptions=True)


def test_sigterm_ends_the_process_amid_a_burst(
    process: tuple[subprocess.Popen[str], str],
) -> None:
    server, url = process
    with httpx.Client(base_url=url, timeout=DEADLINE, trust_env=False) as http:
        job = submit(http)
    asyncio.run(_stop_amid(server, url, job))
    assert server.wait(DEADLINE) == 0
