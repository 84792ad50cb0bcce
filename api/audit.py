"""The audit log's writer: an entry for every request that is to change something."""

import logging
import re
from typing import Final
from urllib.parse import parse_qs

import anyio
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth import READING, is_below
from search_service.store.tables import AuditEntry
from surrogate_zoo.errors import StorageError
from surrogate_zoo.store.tables import now

_log = logging.getLogger(__name__)

_TOLD_ELSEWHERE: Final = re.compile(r"/v1/searches/[^/]+/(ask|heartbeat|report|tell)")
"""What workers of a search say every few seconds; the search's own record has all of it."""

_MOST_CHARACTERS: Final = 1000
_TRUE: Final = ("true", "1", "on", "yes", "t", "y")
"""How queries say yes."""


class AuditMiddleware:
    """Writes down who asked for a change, and how it was answered; stands behind the token's check."""

    def __init__(
        self, app: ASGIApp, writing: sessionmaker[Session], writers: anyio.Semaphore
    ) -> None:
        """Write what is asked of ``app`` in sessions of ``writing``, each in its turn."""
        self._app = app
        self._writing, self._writers = writing, writers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; its entry is written before the answer leaves."""
        if scope["type"] != "http" or not _is_change(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                async with self._writers:
                    await run_in_threadpool(self._write, scope, message["status"])
            await send(message)

        await self._app(scope, receive, noted)

    def _write(self, scope: Scope, status: int) -> None:
        asks = scope["state"]["caller"]
        client, _port = scope["client"] or ("", 0)
        entry = AuditEntry(at=now(), owner=asks.owner, token=asks.token, client=client)
        entry.method, entry.status = scope["method"], status
        entry.path = scope["path"].replace("\x00", "")[:_MOST_CHARACTERS]
        tried = parse_qs(scope["query_string"].decode("latin-1")).get("dry_run", [""])[-1]
        if tried.lower() in _TRUE:  # nothing was changed
            entry.path += "?dry_run=true"
        try:
            with self._writing.begin() as session:
                session.add(entry)
        except (SQLAlchemyError, StorageError):
            # The change is made, or refused, already: its answer must not be lost as well.
            _log.exception("No audit entry: %s %s %s", asks.owner, entry.method, entry.path)


def _is_change(method: str, path: str) -> bool:
    return (
        method not in READING and is_below(path, "/v1") and _TOLD_ELSEWHERE.fullmatch(path) is None
    )
