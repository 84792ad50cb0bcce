"""Searches whose trials other programs train, over real HTTP; programs and service are killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from api.client.client import Client
from api.client.errors import ServiceError
from api.trial_schemas import HandedOutView
from search_service.local.search import search
from tests.conftest import CHECKOUT, DEADLINE
from tests.search_service.searches.external.scoring import REQUEST, evaluate

KEY = "ours"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a module in a process of its own; all are killed when the test ends."""
    log = tmp_path / "log"
    with ExitStack() as exits:

        def run(*module: str, **environment: str) -> subprocess.Popen[bytes]:
            with log.open("ab") as output:
                process = subprocess.Popen(
                    [sys.executable, "-m", *module],
                    cwd=CHECKOUT,
                    env=os.environ | {"LOSSFIT_HOME": str(tmp_path / "home")} | environment,
                    stdout=output,
                    stderr=output,
                )
            exits.callback(process.wait)
            exits.callback(process.kill)
            return process

        yield run
    print(log.read_text())  # noqa: T201


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait(met: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 3 * DEADLINE
    while True:
        try:
            if met():
                return
        except ServiceError as error:
            if not error.may_pass:
                raise
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.1)


def is_ready(client: Client) -> bool:
    client.health.ready()
    return True


def trained(document: dict[str, Any]) -> dict[str, Any]:
    """What is trained with of a loss file: no provenance, which tells times and hosts."""
    return {name: value for name, value in document.items() if name not in {"provenance", "sha256"}}


@pytest.mark.slow
def test_killed_workers_and_a_killed_service_change_nothing_of_a_search(
    start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    expected = search(evaluate=evaluate, **REQUEST)
    port, hold = free_port(), tmp_path / "hold"
    address = f"http://127.0.0.1:{port}"
    service = start("tests.api.client.own_service", str(port))
    with Client(address) as client:
        wait(lambda: is_ready(client), "the service")
        job_id = client.search(key=KEY, **REQUEST).search
        late = first_trial(client, job_id)
        killed = start("tests.api.client.own_worker", address, KEY, HOLD=str(hold))
        wait(hold.exists, "a trial in the hands of a worker")
        killed.send_signal(signal.SIGKILL)
        workers = [start("tests.api.client.own_worker", address, KEY) for _ in range(2)]
        wait(lambda: len(list(client.searches.trials(job_id))) >= 4, "four trials")
        service.send_signal(signal.SIGKILL)
        service.wait()
        start("tests.api.client.own_service", str(port))
        wait(lambda: late.number in numbers(client, job_id), "the late trial from another worker")
        with pytest.raises(
            ServiceError, match="handed out again: this result is not taken"
        ) as refused:
            client.searches.tell(job_id, late.lease, 1.0)
        assert refused.value.status == 409
        job = client.searches.wait(job_id, timeout=3 * DEADLINE)
        assert job.result is not None
        assert [worker.wait(DEADLINE) for worker in workers] == [0, 0]
        trials = list(client.searches.trials(job_id))
        loss = client.losses.get(job.result["loss"], job.result["version"]).document
    assert [(t.number, t.score, t.ending) for t in trials] == [
        (row.number, row.score, row.ending) for row in expected.trials
    ]
    assert {t.ending for t in trials} == {"trained", "stopped"}
    assert job.result["winners"][0]["race"]["entrants"] == expected.winners[0]["race"]["entrants"]
    assert trained(loss) == trained(expected.document())


def first_trial(client: Client, job_id: str) -> HandedOutView:
    """A trial whose lease lapses soon."""
    held: list[HandedOutView] = []

    def asked() -> bool:
        held.extend(client.searches.ask(job_id, lease_s=1).items)
        return bool(held)

    wait(asked, "a trial")
    return held[0]


def numbers(client: Client, job_id: str) -> set[int]:
    return {trial.number for trial in client.searches.trials(job_id)}
