"""A fresh database for every test, on SQLite and on an embedded PostgreSQL."""

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from search_service.controller import Controller
from search_service.jobs.pool import IdlePool
from search_service.settings import Settings
from search_service.store.database import make_engine
from tests.postgresql import postgresql

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
_numbers = count()


def administer(url: str, *statements: str) -> None:
    """Run statements that PostgreSQL allows in no transaction."""
    engine = make_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def make_template(settings: Settings) -> None:
    """Make a database as the first controller leaves it: the newest schema, dbos's tables, its queues."""
    with Controller(settings, IdlePool()):
        pass


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database as the first controller leaves it, to be copied."""
    home = tmp_path_factory.mktemp("sqlite")
    make_template(Settings(home=home))
    return home / "lossfit.db"


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a PostgreSQL server of the session, with a database ``template`` to be copied."""
    with postgresql() as server:
        url = server.get_uri()
        # No test cuts the server's power; without fsync a new database takes milliseconds.
        administer(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        administer(url, "CREATE DATABASE template")
        home = tmp_path_factory.mktemp("postgresql")
        make_template(Settings(home=home, database_url=named(url, "template")))
        yield url


def named(url: str, database: str) -> str:
    """URL of another database of the same server."""
    return url.replace("/postgres?", f"/{database}?")


@pytest.fixture(params=DATABASES)
def blank(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings with an empty database, without tables."""
    yield from _settings(request, tmp_path, template=False)


@pytest.fixture(params=DATABASES)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings with a fresh database in which no job has run, as the first controller leaves it."""
    yield from _settings(request, tmp_path, template=True)


def _settings(
    request: pytest.FixtureRequest, folder: Path, *, template: bool
) -> Iterator[Settings]:
    home = folder / "home"
    home.mkdir()
    if request.param == "sqlite":
        if template:
            shutil.copy(request.getfixturevalue("sqlite_template"), home)
        yield Settings(home=home)
        return
    url, name = request.getfixturevalue("postgresql_url"), f"test_{next(_numbers)}"
    administer(url, f"CREATE DATABASE {name}" + (" TEMPLATE template" if template else ""))
    yield Settings(home=home, database_url=named(url, name))
    administer(url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    """An engine on the database of ``settings``."""
    engine = make_engine(settings.database)
    yield engine
    engine.dispose()


@pytest.fixture
def brief_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let reports of searches have one figure, where a test looks at none."""
    from tests.search_service.brief import draw_one  # here, since it loads torch

    draw_one(monkeypatch.setattr)
