"""Who calls: bearer tokens in front of everything but the health checks."""

import logging
import secrets
import time
from collections import deque
from typing import Final

from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import problem_response
from search_service.access import tokens
from search_service.access.callers import Caller
from search_service.access.callers import Scope as Permission

PROTECTED: Final = ("/v1", "/metrics")

READING: Final = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing."""

WRONG_TOKENS: Final = 10
"""Wrong tokens an address may send within :data:`WINDOW_S`."""
WINDOW_S: Final = 60.0

_MOST_ADDRESSES: Final = 10_000

_log = logging.getLogger(__name__)


class TokenMiddleware:
    """Finds out who calls, and refuses requests below :data:`PROTECTED` of those who may not.

    It stands before routing and before the body is read, so that a stranger learns no path and
    costs no parsing. Without a configured token everybody is the operator.
    """

    def __init__(
        self, app: ASGIApp, token: SecretStr | None, reading: sessionmaker[Session]
    ) -> None:
        """Guard ``app`` with the operator's ``token`` and those in the database of ``reading``."""
        self._app = app
        self._expected = token.get_secret_value().encode() if token else None
        self._reading = reading
        self._wrong = _Wrong()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its caller, or answer 401, 403 or 429."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = await self._identify(scope)
        if isinstance(answer, Caller):
            scope.setdefault("state", {})["caller"] = answer
            await self._app(scope, receive, send)
        else:
            await answer(scope, receive, send)

    async def _identify(self, scope: Scope) -> Caller | Response:
        is_protected = any(is_below(scope["path"], prefix) for prefix in PROTECTED)
        if self._expected is None or not is_protected:
            return Caller()
        secret = _bearer(scope)
        if secret is None:
            return _unknown(scope["path"])
        # Header values are latin-1 on the wire; bytes keep compare_digest from refusing non-ASCII.
        if secrets.compare_digest(secret.encode("latin-1"), self._expected):
            return Caller()
        try:
            caller = await run_in_threadpool(self._look_up, secret)
        except SQLAlchemyError as error:
            return _unavailable(scope["path"], error)
        return self._refuse_wrong(scope) if caller is None else _admitted(caller, scope)

    def _look_up(self, secret: str) -> Caller | None:
        with self._reading() as session:
            return tokens.caller_of(session, secret)

    def _refuse_wrong(self, scope: Scope) -> Response:
        client, _port = scope["client"] or ("somebody", 0)
        wait_s = self._wrong.count(client, time.monotonic())
        if wait_s is None:
            _log.warning("%s sent a wrong token for %r", client, scope["path"])
            return _unknown(scope["path"])
        detail = f"Too many wrong tokens came from {client}: try again in {wait_s} s."
        return problem_response(
            429, detail, instance=scope["path"], headers={"Retry-After": str(wait_s)}
        )


class _Wrong:
    """When each address sent wrong tokens lately."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}

    def count(self, client: str, moment: float) -> int | None:
        """Count one more; gives the seconds to wait where there have been too many, else None."""
        times = self._times.setdefault(client, deque(maxlen=WRONG_TOKENS))
        if len(times) == WRONG_TOKENS and moment - times[0] < WINDOW_S:
            return int(WINDOW_S - (moment - times[0])) + 1
        times.append(moment)
        if len(self._times) > _MOST_ADDRESSES:
            oldest = min(self._times, key=lambda address: self._times[address][-1])
            del self._times[oldest]
        return None


def refusal(caller: Caller, needed: Permission) -> str:
    """Why a caller may not do what takes a scope, and what to do."""
    return (
        f"The token {caller.token!r} has the scope {caller.scope!r}, and this takes {needed!r}: ask the "
        "operator for one that has it."
    )


def is_below(path: str, prefix: str) -> bool:
    """Whether ``path`` is ``prefix`` or lies below it."""
    return path == prefix or path.startswith(f"{prefix}/")


def _bearer(scope: Scope) -> str | None:
    """The token that a request carries."""
    scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
    return given.strip(" ") or None if scheme.lower() == "bearer" else None


def _admitted(caller: Caller, scope: Scope) -> Caller | Response:
    needed: Permission = "read" if scope["method"] in READING else "submit"
    if caller.may(needed):
        return caller
    return problem_response(403, refusal(caller, needed), instance=scope["path"])


def _unavailable(path: str, error: SQLAlchemyError) -> Response:
    return problem_response(
        503,
        f"The database cannot tell whose token this is ({type(error).__name__}); try again in a moment.",
        instance=path,
        headers={"Retry-After": "2"},
    )


def _unknown(path: str) -> Response:
    return problem_response(
        401,
        "Send a token of this service as 'Authorization: Bearer <token>' (LOSSFIT_TOKEN).",
        instance=path,
        headers={"WWW-Authenticate": "Bearer"},
    )
