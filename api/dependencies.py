"""What routes depend on: the service's parts, and the parameters that many of them share."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final
from uuid import UUID

import anyio
import anyio.to_thread
from fastapi import Depends, Header, HTTPException, Path, Query, Request
from pydantic import AfterValidator
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from api.auth import refusal
from api.monitoring import Figures
from search_service.access.callers import Caller
from search_service.access.owners import bounds
from search_service.settings import Settings

_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
_MAX_INTEGER: Final = 2**31 - 1  # what the database's integer columns hold

THREADS: Final = 40
"""Threads that run routes and read files."""
READERS: Final = 10
WRITERS: Final = 10
"""Requests that hold a session at a time. The others wait for their turn in no thread.

On SQLite, which has one writer at a time, it is one: whoever waits for its lock looks at it ever less
often, up to a tenth of a second apart, while a turn comes as soon as the one before ends.
"""
CONNECTIONS: Final = THREADS + READERS + WRITERS
"""Connections to the database that are enough for all of them, so that nobody waits for one.

A session keeps its connection until its answer is made, which takes a thread: threads that waited
for connections, and connections that waited for threads, would wait for each other for good.
PostgreSQL allows 100 unless told otherwise.
"""

Responses = dict[int | str, dict[str, Any]]
"""What a route documents beside its model, by status."""


@dataclass(frozen=True)
class Service:
    """The parts of one running API: its settings, database and figures."""

    settings: Settings
    engine: Engine
    reading: sessionmaker[Session]
    writing: sessionmaker[Session]
    figures: Figures
    writers: anyio.Semaphore
    readers: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(READERS))


# Dependencies are coroutines throughout: FastAPI sends every other one through a thread of its own, which
# costs more than most routes spend on the database.


async def service(request: Request) -> Service:
    """The parts that the application was made of."""
    parts = request.app.state.service
    assert isinstance(parts, Service)  # noqa: S101  create_app put it there
    return parts


ServiceParts = Annotated[Service, Depends(service)]


async def readers_turn(parts: ServiceParts) -> AsyncIterator[None]:
    """One of the :data:`READERS` turns, for as long as the request holds a session."""
    async with parts.readers:
        yield


async def writers_turn(parts: ServiceParts) -> AsyncIterator[None]:
    """One of the :data:`WRITERS` turns; a writer that takes long keeps no reader waiting."""
    async with parts.writers:
        yield


ReadersTurn = Annotated[None, Depends(readers_turn, scope="function")]
WritersTurn = Annotated[None, Depends(writers_turn, scope="function")]


async def caller(request: Request) -> Caller:
    """Who asks."""
    found = request.state.caller
    assert isinstance(found, Caller)  # noqa: S101  TokenMiddleware put it there
    return found


CallerOf = Annotated[Caller, Depends(caller)]


async def administrator(asks: CallerOf) -> Caller:
    """Who asks, if they may do everything.

    Raises:
        HTTPException: They may not.
    """
    if not asks.may("admin"):
        raise HTTPException(403, refusal(asks, "admin"))
    return asks


def check_own(asks: Caller, owner: str, what: str) -> None:
    """Refuse a change of something that all see and another owner made.

    Args:
        asks: Who asks.
        owner: Whose it is.
        what: What it is: ``the alias production``.

    Raises:
        HTTPException: Who asks is neither its owner nor an administrator.
    """
    if asks.sees not in (None, owner):
        raise HTTPException(
            403, f"Another owner made {what}: they may change it, and administrators."
        )


async def reading(
    parts: ServiceParts, asks: CallerOf, _turn: ReadersTurn
) -> AsyncIterator[Session]:
    """A session that only reads, holds the jobs that the caller sees, and waits for no writer."""
    session = parts.reading(**bounds(asks.sees))  # which connects when it is used first
    try:
        yield session
    finally:
        await _in_thread(session.close)


async def writing(
    parts: ServiceParts, asks: CallerOf, _turn: WritersTurn
) -> AsyncIterator[Session]:
    """A session whose changes are committed when the route returns without an error.

    It holds the jobs that the caller sees.
    """
    session = parts.writing(**bounds(asks.sees))
    try:
        yield session
        await _in_thread(session.commit)
    finally:
        await _in_thread(session.close)  # takes back what is not committed


async def _in_thread(end: Callable[[], None]) -> None:
    """End something of a session that may wait for the database; who is cancelled ends it too."""
    with anyio.CancelScope(shield=True):
        await anyio.to_thread.run_sync(end)


# Both end before the answer leaves: whoever has the answer finds what it speaks of.
ReadSession = Annotated[Session, Depends(reading, scope="function")]
WriteSession = Annotated[Session, Depends(writing, scope="function")]
Administrator = Annotated[Caller, Depends(administrator)]

DryRun = Annotated[bool, Query(description="Tell what would be deleted, and delete nothing.")]


def _canonical(job_id: str) -> str:
    """A UUID as jobs are stored with it, however it is written; anything else as it is, and not found."""
    try:
        return str(UUID(job_id))
    except ValueError:
        return job_id


JobId = Annotated[
    str, Path(max_length=64, description="The job's id, a UUID."), AfterValidator(_canonical)
]
Name = Annotated[str, Path(pattern=_NAME, max_length=128, description="Its name.")]
Sha256 = Annotated[
    str, Path(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the file, lower-case hex.")
]
ArtifactName = Annotated[str, Path(max_length=100, description="Name of the file.")]
TrialNumber = Annotated[int, Path(ge=0, le=2**31 - 1, description="The trial's number.")]
Version = Annotated[
    int | None, Query(ge=1, le=_MAX_INTEGER, description="A version; the newest by default.")
]
Limit = Annotated[int, Query(ge=1, le=500, description="Items a page.")]
Cursor = Annotated[
    str | None,
    Query(max_length=512, description="`next` of the page before; left out for the first page."),
]
AfterNumber = Annotated[
    int | None,
    Query(ge=0, le=_MAX_INTEGER, description="`next` of the page before; left out for the first."),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=128,
        pattern=r"^[\x21-\x7e]+$",
        description="Requests with the same key and body make one job.",
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        max_length=4096,
        description="ETags of the versions that the client has.",
    ),
]
LastEventId = Annotated[
    int,
    Header(
        alias="Last-Event-ID",
        ge=0,
        le=_MAX_INTEGER,
        description="The last event that arrived; the stream goes on after it.",
    ),
]
