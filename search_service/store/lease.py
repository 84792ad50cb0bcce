"""One controller a database: a lock that the system lets go of however its holder dies."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from search_service.store.database import CONTROLLER_KEY, read_sessions
from surrogate_zoo.errors import ConflictError

LEASE_SUFFIX = ".controller"
"""What the name of an SQLite database is followed by in the name of its lease file."""

_PATIENCE_SECONDS = 15.0
_RETRY_SECONDS = 0.2


@contextmanager
def hold_lease(engine: Engine) -> Iterator[None]:
    """Be the only controller of a database while the context lasts.

    Waits some seconds, since PostgreSQL may notice late that the last holder was killed.

    Raises:
        ConflictError: Another controller runs on it.
    """
    on_sqlite = engine.dialect.name == "sqlite"
    with _file_lease(engine) if on_sqlite else _advisory_lease(engine):
        yield


def _lease_file(engine: Engine) -> Path:
    return Path(f"{engine.url.database}{LEASE_SUFFIX}")


@contextmanager
def _file_lease(engine: Engine) -> Iterator[None]:
    with _lease_file(engine).open("w") as file:

        def attempt() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        _insist(attempt)
        yield


@contextmanager
def _advisory_lease(engine: Engine) -> Iterator[None]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Out of the pool: the lock ends with the session, whether or not the server still answers.
        connection.detach()
        _insist(lambda: _try_advisory(connection))
        yield


def _try_advisory(connection: Connection) -> bool:
    return bool(
        connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": CONTROLLER_KEY})
    )


def _insist(attempt: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not attempt():
        if time.monotonic() > deadline:
            raise ConflictError("Another controller runs on this database: stop it first.")
        time.sleep(_RETRY_SECONDS)


_HELD = text("""
    SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND (CAST(classid AS bigint) << 32) + CAST(objid AS bigint) = :key
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")


def controller_runs(engine: Engine) -> bool:
    """Whether some controller holds the database's lease."""
    if engine.dialect.name == "sqlite":
        return _is_locked(_lease_file(engine))
    with read_sessions(engine)() as session:
        return bool(session.scalar(_HELD, {"key": CONTROLLER_KEY}))


def _is_locked(lease: Path) -> bool:
    if not lease.exists():
        return False
    with lease.open() as file:
        try:
            # Shared, and let go at once: a controller that starts just now waits for it.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
