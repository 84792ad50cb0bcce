"""Tokens with owners: made, listed and revoked by the operator, told once and kept as digests.

A token is 256 random bits, which nobody guesses, so its plain SHA-256 is digest enough.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from search_service.access.callers import OPERATOR, SCOPES, Caller, Scope
from search_service.store.tables import Token
from surrogate_zoo.errors import ConflictError, InputError, NotFoundError
from surrogate_zoo.store.tables import now

_PREFIX: Final = "lossfit_"  # by which scanners of repositories know a secret
_BYTES: Final = 32
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MOST_DAYS: Final = 36_500


def add(
    session: Session, name: str, *, owner: str, scope: Scope, days: int | None = None
) -> tuple[Token, str]:
    """Make a token.

    Args:
        session: A writing session.
        name: What the operator calls it; no two have one name, revoked ones included.
        owner: Whose jobs it makes and sees.
        scope: What it may do.
        days: After how many it expires; None never.

    Returns:
        Its row, and the token itself, which is kept nowhere.

    Raises:
        InputError: The name, the owner, the scope or the days cannot be.
        ConflictError: There is a token of that name.
    """
    for what, given in (("name", name), ("owner", owner)):
        if not _NAME.fullmatch(given):
            raise InputError(
                f"{given!r} cannot be the {what} of a token: take 1 to 100 letters, digits, '.', '_' and "
                "'-', a letter or a digit first."
            )
    if owner == OPERATOR:
        raise InputError(f"{OPERATOR!r} is who has LOSSFIT_TOKEN: take another owner.")
    if scope not in SCOPES:
        raise InputError(f"{scope!r} is no scope: take one of {', '.join(SCOPES)}.")
    if days is not None and not 1 <= days <= _MOST_DAYS:
        raise InputError(f"A token lasts 1 to {_MOST_DAYS} days, not {days}.")
    if session.get(Token, name) is not None:
        raise ConflictError(
            f"There is a token {name!r} already, maybe a revoked one: take another name."
        )
    secret = _PREFIX + secrets.token_urlsafe(_BYTES)
    made = now()
    token = Token(name=name, owner=owner, scope=scope, sha256=_digest(secret), created_at=made)
    token.expires_at = None if days is None else made + timedelta(days=days)
    session.add(token)
    session.flush()
    return token, secret


def revoke(session: Session, name: str) -> Token:
    """End a token; from the next request on it is a wrong one. Again changes nothing.

    Raises:
        NotFoundError: There is no token of that name.
    """
    token = session.get(Token, name)
    if token is None:
        raise NotFoundError(f"There is no token {name!r}.")
    token.revoked_at = token.revoked_at or now()
    return token


def listed(session: Session) -> Sequence[Token]:
    """All tokens, the oldest first."""
    return session.scalars(select(Token).order_by(Token.created_at, Token.name)).all()


def caller_of(session: Session, secret: str) -> Caller | None:
    """Who has a token; None where it is none, is revoked or has expired."""
    token = session.scalar(select(Token).where(Token.sha256 == _digest(secret)))
    if token is None or state_of(token, now()) != "valid":
        return None
    (scope,) = (scope for scope in SCOPES if scope == token.scope)
    return Caller(token.owner, scope, token.name)


def state_of(token: Token, moment: datetime) -> str:
    """``valid``, ``expired`` or ``revoked``."""
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at is not None and token.expires_at <= moment else "valid"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
