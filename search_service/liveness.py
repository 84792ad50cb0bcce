"""Whether a controller runs on a database: ``python -m search_service.liveness`` (status 0 or 1)."""

import fcntl
import sys
from pathlib import Path

from sqlalchemy import Engine, text

from search_service.database import CONTROLLER_KEY, make_engine, read_sessions
from search_service.settings import Settings

_HELD = text("""
    SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND (CAST(classid AS bigint) << 32) + CAST(objid AS bigint) = :key
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")


def controller_runs(engine: Engine) -> bool:
    """Whether some controller holds the database's lease."""
    if engine.dialect.name == "sqlite":
        return _is_locked(Path(f"{engine.url.database}.controller"))
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


def main() -> int:
    """Tell by the exit status whether a controller runs on the configured database."""
    engine = make_engine(Settings().database)
    try:
        return 0 if controller_runs(engine) else 1
    finally:
        engine.dispose()


if __name__ == "__main__":
    sys.exit(main())
