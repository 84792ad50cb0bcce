"""The processes that ``lossfit serve`` runs: the API in this one, the others as its children."""

import contextlib
import gc
import os
import signal
import socket
import threading
from collections.abc import Iterator
from types import FrameType

import uvicorn

from api.cli.output.console import say
from api.cli.serving.operator import migrate, settings_of
from api.cli.serving.roles import Role, ray_node
from api.cli.serving.supervision import Supervised
from search_service import logs
from search_service.settings import Settings
from surrogate_zoo.errors import InputError

_BACKLOG = 2048  # connections that wait to be accepted; uvicorn's own
_KEEP_ALIVE_S = 75  # clients shall let go of an idle connection first; httpx does after 5 s

_PRIVATE = 0o077
"""What is written from then on, by children too, is for the service's own user alone."""

_NO_STACK = ("RAY_DISABLE_FAILURE_SIGNAL_HANDLER", "1")
"""Ray prints a stack for every signal that ends a process, for the SIGTERM of an ordinary stop too. The
children read it when they import Ray; Python's own handler for faults, which Ray sets, stays."""


class _Stopped(BaseException):
    """SIGTERM arrived."""


def run(role: Role, options: dict[str, object]) -> None:
    """Run the service's processes until it is stopped.

    Args:
        role: Which of them.
        options: Settings by the names of their environment variables without ``LOSSFIT_``; None
            leaves one as the environment has it.

    Raises:
        InputError: A setting is wrong, or the port is taken.
    """
    settings = settings_of(options)
    if role != "controller" and settings.is_open:
        raise InputError(
            f"{settings.host} is reached by other machines, and no token is asked for: set LOSSFIT_TOKEN "
            "to a secret, or listen on 127.0.0.1."
        )
    os.umask(_PRIVATE)
    os.environ.setdefault(*_NO_STACK)
    migrate(settings)
    with contextlib.suppress(KeyboardInterrupt, _Stopped), contextlib.ExitStack() as stack:
        signal.signal(signal.SIGTERM, _stop)
        listening = None if role == "controller" else stack.enter_context(_listening(settings))
        if role != "api":
            for name, command in _children(settings):
                stack.enter_context(Supervised(name, command, say))
        if listening:
            logs.configure(settings.log_format)
            _run_api(listening)
        else:
            threading.Event().wait()


def _children(settings: Settings) -> Iterator[tuple[str, list[str]]]:
    """Name and command of what runs beside the API."""
    if settings.ray_address:
        # A Ray driver needs a node of the cluster on its own machine; this one offers nothing.
        yield "Ray node", ray_node(settings.ray_address, cpus=0, gpus=0)
    yield "controller", ["search_service.process"]


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
    from api.app import create_app

    app = create_app()
    gc.collect()
    gc.freeze()  # else a full collection holds up all requests for a tenth of a second
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=5,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )
    host, port = listening.getsockname()[:2]
    say(f"lossfit listens on http://{host}:{port}")
    uvicorn.Server(config).run(sockets=[listening])


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _Stopped
