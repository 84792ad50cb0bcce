"""The database that API and controller share: engine, sessions, migrations."""

import sqlite3
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from surrogate_zoo.errors import InputError, StorageAwayError

_BUSY_SECONDS = 30
_BETWEEN_TURNS_S = 0.01
_IDLE = 5  # connections that stay open
_READ_ONLY = "lossfit_read_only"
_FILE = "lossfit_file"
_ASKS_FOR_TIMES, _TELLS_TIMES = (3, 12), (3, 42)  # of Python, of SQLite

AWAY: Final = (DBAPIError, StorageAwayError)
"""What is raised of a database that does not answer, takes nothing, or whose file was taken away."""

MIGRATION_KEY = 0x6C6F737301
"""PostgreSQL's advisory lock of whoever migrates."""


def make_engine(url: str, *, connections: int = 15) -> Engine:
    """Connect to SQLite or PostgreSQL (psycopg); creates an SQLite file's folder.

    On SQLite a transaction takes the write lock when it begins (BEGIN IMMEDIATE), so that one that
    reads and then writes never finds its snapshot outdated ("database is locked"): keep
    transactions short, and read in :func:`read_sessions`, which lock nothing.

    Args:
        url: Of the database.
        connections: How many are open at most, at least 5; who needs another one waits. Five stay
            open when nobody uses them.

    Raises:
        InputError: The URL names another database, or SQLite is too old.
    """
    parsed = make_url(url)
    pool = {"pool_size": _IDLE, "max_overflow": connections - _IDLE}
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise InputError("The SQLite database must be a file: sqlite:////folder/lossfit.db.")
        refuse_old_sqlite(sys.version_info, sqlite3.sqlite_version_info)
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": _BUSY_SECONDS}, **pool)
        event.listen(engine, "connect", partial(_prepare_sqlite, Path(parsed.database)))
        event.listen(engine, "begin", partial(_begin_sqlite, Path(parsed.database)))
        return engine
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
        return create_engine(parsed, pool_pre_ping=True, **pool)
    raise InputError(f"{parsed.get_backend_name()} is not supported: use sqlite or postgresql.")


def refuse_old_sqlite(python: tuple[Any, ...], sqlite: tuple[int, ...]) -> None:
    """From Python 3.12 on, dbos asks SQLite for times that 3.42 is the first to tell.

    An older one answers NULL, so that jobs would wait in the queue for ever.

    Args:
        python: Version of Python.
        sqlite: Version of the library that its ``sqlite3`` is linked with.

    Raises:
        InputError: They do not fit.
    """
    if python >= _ASKS_FOR_TIMES and sqlite < _TELLS_TIMES:
        raise InputError(
            f"Python {python[0]}.{python[1]} uses SQLite {'.'.join(map(str, sqlite))}, which is too old "
            "for the queue of runs (3.42 is the first that does): take Python 3.11, a Python that is "
            "built with a newer SQLite, or PostgreSQL (LOSSFIT_DATABASE_URL=postgresql+psycopg://...)."
        )


def sessions(engine: Engine) -> sessionmaker[Session]:
    """Make sessions that may write; ``with sessions.begin() as session`` commits at its end."""
    return sessionmaker(engine, expire_on_commit=False)


def read_sessions(engine: Engine) -> sessionmaker[Session]:
    """Make sessions that only read, and never wait for a writer nor make one wait."""
    return sessions(read_only(engine))


def read_only(engine: Engine) -> Engine:
    """The engine, its transactions for reading alone: each sees one moment, and locks nothing on SQLite."""
    return engine.execution_options(**{_READ_ONLY: True})


def upgrade(engine: Engine, fill: Callable[[Session], None]) -> None:
    """Bring the schema to its newest version; safe to repeat, and from two processes at once.

    Args:
        engine: The database.
        fill: Puts in what the product ships with, where it is missing; in the same transaction.

    Raises:
        InputError: A newer version of this software made the database.
    """
    config = _alembic()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        _only_one_migrates(connection)
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise InputError(
                f"The database is of a newer version of lossfit, which this one does not know: {error}."
            ) from error
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            fill(session)
            session.commit()


def is_current(engine: Engine) -> bool:
    """Whether the database answers and its schema is the newest."""
    head = ScriptDirectory.from_config(_alembic()).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config


def _file_of(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _only_one_migrates(connection: Connection) -> None:
    # SQLite's BEGIN IMMEDIATE has taken the write lock already.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_KEY})


def _prepare_sqlite(path: Path, connection: Any, record: Any) -> None:
    record.info[_FILE] = path.stat().st_ino
    connection.isolation_level = None  # transactions begin in _begin_sqlite, not in the driver
    connection.execute("PRAGMA foreign_keys=ON")
    _turn_to_wal(connection)


def _turn_to_wal(connection: sqlite3.Connection) -> None:
    """Keep a write-ahead log from now on.

    Of two connections that turn a new file at once SQLite refuses one without waiting for its timeout,
    as each could hold the lock that the other waits for.
    """
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_BETWEEN_TURNS_S)
        else:
            return


def _begin_sqlite(path: Path, connection: Connection) -> None:
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    if not read_only and _file_of(path) != connection.info[_FILE]:
        # It can be written all the same, and is gone with the last process that has it open.
        raise StorageAwayError(
            f"The database {path} was deleted or replaced under the running service: put it back where "
            "it was, or restart the service to begin with what is there now."
        )
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
