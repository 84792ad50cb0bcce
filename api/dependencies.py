"""What routes depend on: the service's parts, and the parameters that many of them share."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Header, Path, Query, Request
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from api.monitoring import RequestFigures
from search_service.settings import Settings

_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
_UUID: Final = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_MAX_INTEGER: Final = 2**31 - 1  # what the database's integer columns hold


@dataclass(frozen=True)
class Service:
    """The parts of one running API: its settings, database and figures."""

    settings: Settings
    engine: Engine
    sessions: sessionmaker[Session]
    figures: RequestFigures


def service(request: Request) -> Service:
    """The parts that the application was made of."""
    parts = request.app.state.service
    assert isinstance(parts, Service)  # noqa: S101  create_app put it there
    return parts


ServiceParts = Annotated[Service, Depends(service)]


def session(parts: ServiceParts) -> Iterator[Session]:
    """A database session for one request."""
    with parts.sessions() as opened:
        yield opened


# Closed before the answer leaves, so that a client that reads on finds what it has just written.
DatabaseSession = Annotated[Session, Depends(session, scope="function")]

JobId = Annotated[
    str, Path(pattern=_UUID, description="The job's id, a UUID in lower case.", max_length=36)
]
Name = Annotated[str, Path(pattern=_NAME, max_length=128)]
Version = Annotated[
    int | None, Query(ge=1, le=_MAX_INTEGER, description="A version; the newest by default.")
]
Limit = Annotated[int, Query(ge=1, le=500, description="Items a page.")]
Cursor = Annotated[
    str | None,
    Query(max_length=512, description="`next` of the page before; left out for the first page."),
]
Sequence = Annotated[
    int, Query(ge=0, le=_MAX_INTEGER, description="The last number of the page before.")
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
LastEventId = Annotated[
    int,
    Header(
        alias="Last-Event-ID",
        ge=0,
        le=_MAX_INTEGER,
        description="The last event that arrived; the stream goes on after it.",
    ),
]


def is_name(text: str) -> bool:
    """Whether ``text`` may be the name of a stored object."""
    return re.fullmatch(_NAME, text) is not None
