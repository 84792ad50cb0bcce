"""A service of one's own for one command: started in a folder, stopped with the command."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.client.client import Client
from api.client.errors import ServiceError

_STARTUP_S = 180.0
_GRACE_S = 60.0


@contextmanager
def embedded_service(folder: Path) -> Iterator[Client]:
    """Run ``lossfit serve`` with its files in ``folder`` and give a client of it.

    Raises:
        ServiceError: It does not come up; the message holds the end of its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    serve = [
        "api.cli",
        "serve",
        f"--home={folder}",
        "--host=127.0.0.1",
        f"--port={port}",
    ]
    # The service must be this folder's alone, whatever the environment sets up for another.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LOSSFIT_")}
    with (
        (folder / "service.log").open("ab") as log,
        subprocess.Popen(  # noqa: S603  our own interpreter and module
            [sys.executable, "-m", "api.cli.serving.tether", *serve],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        ) as process,
    ):
        try:
            with Client(f"http://127.0.0.1:{port}") as client:
                _wait_until_ready(client, process, folder / "service.log")
                yield client
        finally:
            process.terminate()
            process.wait(_GRACE_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(client: Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _STARTUP_S
    while True:
        try:
            client.health.ready()
        except ServiceError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
                raise ServiceError(
                    f"The service did not start ({error}); its log {log} ends with:\n{tail}"
                ) from error
            time.sleep(0.2)
        else:
            return
