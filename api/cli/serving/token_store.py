"""The tokens in the database of the service on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.orm import Session

from api.cli.serving.operator import migrate, settings_of
from search_service.access import tokens
from search_service.access.callers import Scope
from search_service.store.database import make_engine, sessions
from search_service.store.tables import Token
from surrogate_zoo.store.tables import now


def add(home: Path | None, name: str, owner: str, scope: Scope, days: int | None) -> str:
    """Make a token; gives it, this once."""
    with _writing(home) as session:
        _token, secret = tokens.add(session, name, owner=owner, scope=scope, days=days)
    return secret


def revoke(home: Path | None, name: str) -> None:
    """End a token."""
    with _writing(home) as session:
        tokens.revoke(session, name)


def listed(home: Path | None) -> list[tuple[Token, str]]:
    """All tokens, each with its state."""
    with _writing(home) as session:
        return [(token, tokens.state_of(token, now())) for token in tokens.listed(session)]


@contextmanager
def _writing(home: Path | None) -> Iterator[Session]:
    settings = settings_of({"HOME": home and home.absolute()})
    migrate(settings)
    engine = make_engine(settings.database)
    try:
        with sessions(engine).begin() as session:
            yield session
    finally:
        engine.dispose()
