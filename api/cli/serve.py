"""``lossfit serve`` and ``lossfit worker``: the processes of the service."""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal

import typer
import uvicorn
from pydantic import ValidationError

from api.cli.console import plain_errors, say
from api.cli.supervision import Supervised
from search_service.catalogue.built_in import prepare
from search_service.settings import Settings
from search_service.store import artifacts
from search_service.store.database import make_engine
from surrogate_zoo.errors import InputError

Role = Literal["all", "api", "controller"]

_BACKLOG = 2048  # connections that wait to be accepted; uvicorn's own


class _Stopped(BaseException):
    """SIGTERM arrived."""


@plain_errors
def serve(
    role: Annotated[
        Role, typer.Option(help="What this process runs; `all` is a service on one machine.")
    ] = "all",
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", min=0, max=65535)] = None,
    home: Annotated[
        Path | None, typer.Option(help="Folder of the database and the artifacts.")
    ] = None,
) -> None:
    """Run the service: the API, the controller, and on one machine a local Ray."""
    settings = _settings({"HOST": host, "PORT": port, "HOME": home and home.absolute()})
    _migrate(settings)
    with contextlib.suppress(KeyboardInterrupt, _Stopped), contextlib.ExitStack() as stack:
        signal.signal(signal.SIGTERM, _stop)
        listening = None if role == "controller" else stack.enter_context(_listening(settings))
        if role != "api":
            for name, command in _children(settings):
                stack.enter_context(Supervised(name, command, say))
        if listening:
            _run_api(listening)
        else:
            threading.Event().wait()


def _children(settings: Settings) -> Iterator[tuple[str, list[str]]]:
    """Name and command of what runs beside the API."""
    if settings.ray_address:
        # A Ray driver needs a node of the cluster on its own machine; this one offers nothing.
        yield "Ray node", _ray_node(settings.ray_address, cpus=0, gpus=0)
    yield "controller", ["search_service.controller"]


@plain_errors
def worker(
    address: Annotated[
        str, typer.Option(envvar="LOSSFIT_RAY_ADDRESS", help="HOST:PORT of the Ray head.")
    ],
    cpus: Annotated[int | None, typer.Option(help="CPU cores to offer; all by default.")] = None,
    gpus: Annotated[int | None, typer.Option(help="GPUs to offer; all by default.")] = None,
) -> None:
    """Offer this machine's GPUs and cores to a Ray cluster, until stopped."""
    os.execv(sys.executable, [sys.executable, "-m", *_ray_node(address, cpus=cpus, gpus=gpus)])  # noqa: S606


def _ray_node(address: str, *, cpus: int | None = None, gpus: int | None = None) -> list[str]:
    """Module and arguments that make this machine a node of the cluster at ``address``."""
    command = ["ray.scripts.scripts", "start", f"--address={address}", "--block"]
    command += ["--disable-usage-stats"]
    command += [f"--num-cpus={cpus}"] if cpus is not None else []
    command += [f"--num-gpus={gpus}"] if gpus is not None else []
    return command


def _settings(options: dict[str, object]) -> Settings:
    """The settings, with ``options`` in the environment too, where child processes find them."""
    for name, value in options.items():
        if value is not None:
            os.environ[f"LOSSFIT_{name}"] = str(value)
    try:
        return Settings()
    except ValidationError as error:
        raise InputError(
            "The LOSSFIT_* environment variables or options are not valid: "
            + "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        ) from error


def _migrate(settings: Settings) -> None:
    settings.home.mkdir(parents=True, exist_ok=True)
    artifacts.prepare(settings.artifacts_root)
    engine = make_engine(settings.database)
    try:
        prepare(engine)
    finally:
        engine.dispose()


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """The API's socket, made before anything else starts, so that a taken port is told at once.

    Who connects before the API is up waits for it.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio turns off Nagle's algorithm, which holds answers back by 40 ms, only where the protocol
    # is named.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((settings.host, settings.port))
            listening.listen(_BACKLOG)
        except OSError as error:
            raise InputError(
                f"Cannot listen on {settings.host}:{settings.port} ({error.strerror}); "
                "choose another with --host and --port."
            ) from error
        yield listening


def _run_api(listening: socket.socket) -> None:
    config = uvicorn.Config(
        "api.app:create_app", factory=True, log_level="warning", timeout_graceful_shutdown=5
    )
    host, port = listening.getsockname()[:2]
    say(f"lossfit listens on http://{host}:{port}")
    uvicorn.Server(config).run(sockets=[listening])


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _Stopped
