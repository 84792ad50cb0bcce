"""Tokens are told once, kept as digests, and end when they expire or are revoked."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from search_service.access import tokens
from search_service.access.callers import SCOPES, Caller
from search_service.store.database import sessions
from search_service.store.tables import Token
from surrogate_zoo.errors import ConflictError, InputError, NotFoundError
from surrogate_zoo.store.tables import now


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with sessions(engine).begin() as session:
        yield session


def test_a_token_tells_its_owner_and_is_kept_nowhere(session: Session) -> None:
    row, secret = tokens.add(session, "laptop", owner="ada", scope="submit")
    assert tokens.caller_of(session, secret) == Caller("ada", "submit", "laptop")
    assert tokens.caller_of(session, secret + "x") is None
    kept = [str(value) for value in vars(row).values()]
    assert not any(secret in value or value in secret for value in kept if len(value) > 10)


def test_no_two_tokens_are_alike(session: Session) -> None:
    secrets = {tokens.add(session, f"t{i}", owner="ada", scope="read")[1] for i in range(20)}
    assert len(secrets) == 20
    assert {len(secret) for secret in secrets} == {len("lossfit_") + 43}


def test_a_revoked_token_is_a_wrong_one_and_its_name_stays_taken(session: Session) -> None:
    _, secret = tokens.add(session, "laptop", owner="ada", scope="admin")
    first = tokens.revoke(session, "laptop").revoked_at
    assert tokens.revoke(session, "laptop").revoked_at == first
    assert tokens.caller_of(session, secret) is None
    with pytest.raises(ConflictError, match="revoked"):
        tokens.add(session, "laptop", owner="ada", scope="admin")
    assert [token.name for token in tokens.listed(session)] == ["laptop"]


def test_a_token_expires_at_its_moment(session: Session) -> None:
    row, secret = tokens.add(session, "guest", owner="bob", scope="read", days=3)
    assert row.expires_at == row.created_at + timedelta(days=3)
    assert tokens.caller_of(session, secret) == Caller("bob", "read", "guest")
    row.expires_at = now()
    session.flush()
    assert tokens.caller_of(session, secret) is None
    assert tokens.state_of(row, now()) == "expired"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"owner": "-ada"}, "owner"),
        ({"owner": "ada\n"}, "owner"),
        ({"owner": "operator"}, "LOSSFIT_TOKEN"),
        ({"scope": "write"}, "read, submit, admin"),
        ({"days": 0}, "days"),
        ({"days": 10**9}, "days"),
    ],
)
def test_what_cannot_be_a_token_is_refused(
    session: Session, changes: dict[str, Any], told: str
) -> None:
    arguments: dict[str, Any] = {"name": "laptop", "owner": "ada", "scope": "read"} | changes
    with pytest.raises(InputError, match=told):
        tokens.add(session, arguments.pop("name"), **arguments)
    assert session.scalars(select(Token)).all() == []


def test_a_token_that_is_not_there_cannot_be_revoked(session: Session) -> None:
    with pytest.raises(NotFoundError, match="'none'"):
        tokens.revoke(session, "none")


def test_scopes_contain_the_narrower_ones() -> None:
    may = {scope: [Caller("ada", scope).may(other) for other in SCOPES] for scope in SCOPES}
    assert may == {
        "read": [True, False, False],
        "submit": [True, True, False],
        "admin": [True, True, True],
    }
    assert [Caller("ada", scope).sees for scope in SCOPES] == ["ada", "ada", None]
