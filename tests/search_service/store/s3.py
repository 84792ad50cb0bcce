"""An S3 server of moto's in this process, and a relay before it that can be told to act half-way."""

import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count

import fsspec.config
import pytest

from tests.conftest import DEADLINE

CREDENTIALS = {"key": "key", "secret": "secret"}


@dataclass
class Relay:
    """Passes bytes on to the server, and acts once so many have gone there."""

    port: int
    passed: int = 0
    _after: tuple[int, Callable[[], None]] | None = None
    _waiting: list[Callable[[], None]] = field(default_factory=list)
    ready: threading.Event = field(default_factory=threading.Event)

    @property
    def environment(self) -> dict[str, str]:
        """Sends a process's S3 requests here."""
        keys = {f"FSSPEC_S3_{name.upper()}": value for name, value in CREDENTIALS.items()}
        return keys | {"FSSPEC_S3_ENDPOINT_URL": f"http://127.0.0.1:{self.port}"}

    def after(self, passed: int, act: Callable[[], None]) -> None:
        """Call ``act`` in place of passing the next bytes on."""
        self._after = (passed, act)
        self.ready.set()

    def take(self, amount: int) -> bool:
        """Whether these bytes are to be passed on."""
        assert self.ready.wait(DEADLINE)
        assert self._after is not None
        self.passed += amount
        if self.passed > self._after[0]:
            self._after[1]()
            return False
        return True


def _pass_on(client: socket.socket, server: socket.socket, relay: Relay) -> None:
    with client, server, suppress(OSError):
        while True:
            for readable in select.select([client, server], [], [])[0]:
                content = readable.recv(2**16)
                upwards = readable is client
                if not content or (upwards and not relay.take(len(content))):
                    return
                (server if upwards else client).sendall(content)


@dataclass
class Server:
    """A running S3 server with one bucket."""

    port: int
    _numbers: Iterator[int] = field(default_factory=count)

    def folder(self) -> str:
        """URL of a folder that nobody has used."""
        return f"s3://bucket/{next(self._numbers)}"

    @contextmanager
    def relay(self) -> Iterator[Relay]:
        """Listen for one process's connections."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            relay = Relay(listening.getsockname()[1])

            def accept() -> None:
                with suppress(OSError):
                    while True:
                        client, _ = listening.accept()
                        server = socket.create_connection(("127.0.0.1", self.port))
                        threading.Thread(
                            target=_pass_on, args=(client, server, relay), daemon=True
                        ).start()

            threading.Thread(target=accept, daemon=True).start()
            yield relay
            listening.shutdown(socket.SHUT_RDWR)


@contextmanager
def s3_server() -> Iterator[Server]:
    """Start a server, and let this process's ``s3://`` mean it."""
    s3fs = pytest.importorskip("s3fs", reason="needs s3fs and moto[server]")
    moto = pytest.importorskip("moto.server", reason="needs s3fs and moto[server]")
    running = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    _, port = running.get_host_and_port()
    endpoint = f"http://127.0.0.1:{port}"
    os.environ.pop("AWS_PROFILE", None)
    fsspec.config.conf["s3"] = CREDENTIALS | {"endpoint_url": endpoint}
    try:
        s3fs.S3FileSystem().mkdir("bucket")
        yield Server(port)
    finally:
        del fsspec.config.conf["s3"]
        running.stop()
