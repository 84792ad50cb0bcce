"""Processor time of single requests to the API, without a server and a client around them.

``python -m benchmarks.request_cost [--jobs 10000] [--trials 100000] [--times 200]
[--database postgresql://...]``: fills a database as ``benchmarks.load`` does, and calls the application in
this process. What a request costs there is what bounds requests a second, however busy the machine is.
Prints a table of milliseconds, all threads together.
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

from fastapi import FastAPI
from starlette.types import Message, Scope

from api.app import create_app
from benchmarks.filling import fill
from benchmarks.load import BARS, Load
from search_service.settings import Settings
from search_service.store.database import make_engine

_WARM = 10  # requests that are not counted


async def call(app: FastAPI, method: str, address: str, body: object) -> int:
    """Ask the application; the status of its answer."""
    path, _, query = address.partition("?")
    content = b"" if body is None else json.dumps(body).encode()
    headers = [(b"host", b"127.0.0.1")]
    if content:
        headers += [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(content)),
        ]
    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return int(sent[0]["status"])


async def measure(app: FastAPI, load: Load, kind: str, times: int) -> float:
    """Processor seconds of a request of a kind, the mean of so many."""
    for number in range(_WARM + times):
        if number == _WARM:
            began = time.process_time()
        status = await call(app, *load.request(kind))
        if status not in (200, 201):
            raise SystemExit(f"A request of the kind {kind} was answered with {status}.")
    return (time.process_time() - began) / times


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--database", default="", help="URL of an empty one; else SQLite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lossfit-requests-") as folder:
        settings = Settings(home=Path(folder), database_url=options.database)
        engine = make_engine(settings.database)
        load = Load("", fill(engine, options.jobs, options.trials))
        engine.dispose()
        app = create_app(settings)
        print("| request | processor time, ms |\n|---|---|")
        for kind in BARS:
            print(f"| {kind} | {1e3 * asyncio.run(measure(app, load, kind, options.times)):.2f} |")


if __name__ == "__main__":
    main()
