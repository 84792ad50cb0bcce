"""A real API server on a fresh database for every test."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any, Literal

import httpx
import pytest
import uvicorn
from sqlalchemy.orm import Session, sessionmaker
from starlette.types import ASGIApp

from api.app import create_app
from search_service.catalogue.built_in import prepare
from search_service.settings import Settings
from search_service.store.database import make_engine, sessions
from tests.conftest import DEADLINE
from tests.postgresql import postgresql


class Server(uvicorn.Server):
    """A server that tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @property
    def port(self) -> int:
        return int(self.servers[0].sockets[0].getsockname()[1])


@dataclass(frozen=True)
class Live:
    """A running API: its client, its settings, and sessions on its database."""

    http: httpx.Client
    settings: Settings
    sessions: sessionmaker[Session]

    def is_healthy(self) -> bool:
        return self.http.get("/readyz").status_code == 200


@contextmanager
def listening(
    app: ASGIApp,
    port: int = 0,
    host: str = "127.0.0.1",
    *,
    lifespan: Literal["on", "off"] = "on",
    **options: Any,
) -> Iterator[str]:
    """Serve ``app``, on a free port unless told, with further options of uvicorn; gives its URL."""
    config = uvicorn.Config(app, host, port, log_level="critical", lifespan=lifespan, **options)
    config.timeout_graceful_shutdown = 1
    server = Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        assert server.listening.wait(DEADLINE)
        yield f"http://{host}:{server.port}"
    finally:
        server.should_exit = True
        thread.join(DEADLINE)


@contextmanager
def running(settings: Settings) -> Iterator[Live]:
    """Run an API on the database of ``settings``, as it is."""
    engine = make_engine(settings.database)
    try:
        with (
            listening(create_app(settings)) as url,
            httpx.Client(base_url=url, timeout=DEADLINE) as http,
        ):
            yield Live(http, settings, sessions(engine))
    finally:
        engine.dispose()


@pytest.fixture(scope="session")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("upgraded") / "lossfit.db"
    engine = make_engine(f"sqlite:///{path}")
    prepare(engine)
    engine.dispose()
    return path


@pytest.fixture
def serve(upgraded: Path, tmp_path: Path) -> Iterator[Callable[..., Live]]:
    """Start an API on a fresh database, with settings of one's own."""
    with ExitStack() as stack:

        def start(**settings: Any) -> Live:
            home = tmp_path / "home"
            home.mkdir()
            shutil.copy(upgraded, home / "lossfit.db")
            return stack.enter_context(running(Settings(home=home, **settings)))

        yield start


@pytest.fixture
def live(serve: Callable[..., Live]) -> Live:
    """An API with the default settings."""
    return serve()


DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture(scope="module", params=DATABASES)
def any_database(
    request: pytest.FixtureRequest, upgraded: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    """An API on either database, shared by tests that leave nothing behind."""
    home = tmp_path_factory.mktemp("home")
    if request.param == "sqlite":
        shutil.copy(upgraded, home / "lossfit.db")
        with running(Settings(home=home)) as live:
            yield live
        return
    with postgresql() as server:
        settings = Settings(home=home, database_url=server.get_uri())
        engine = make_engine(settings.database)
        prepare(engine)
        engine.dispose()
        with running(settings) as live:
            yield live
