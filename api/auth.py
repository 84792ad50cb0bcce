"""The optional bearer token: one shared secret in front of everything but the health checks."""

import logging
import secrets

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import problem_response

PROTECTED = ("/v1", "/metrics")

_log = logging.getLogger(__name__)


class TokenMiddleware:
    """Refuses requests below :data:`PROTECTED` that do not carry the token.

    It stands before routing and before the body is read, so that a stranger learns no path and
    costs no parsing. Without a configured token every request passes.
    """

    def __init__(self, app: ASGIApp, token: SecretStr | None) -> None:
        """Guard ``app`` with ``token``."""
        self._app = app
        self._expected = token.get_secret_value().encode() if token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        if self._expected is None or scope["type"] != "http" or self._may_pass(scope):
            await self._app(scope, receive, send)
            return
        response = problem_response(
            401,
            "Send the service's token as 'Authorization: Bearer <token>' (LOSSFIT_TOKEN).",
            instance=scope["path"],
            headers={"WWW-Authenticate": "Bearer"},
        )
        await response(scope, receive, send)

    def _may_pass(self, scope: Scope) -> bool:
        if not any(is_below(scope["path"], prefix) for prefix in PROTECTED):
            return True
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        # Header values are latin-1 on the wire; bytes keep compare_digest from refusing non-ASCII.
        token = given.strip(" ").encode("latin-1")
        passes = scheme.lower() == "bearer" and secrets.compare_digest(token, self._expected or b"")
        if given and not passes:
            client, _port = scope["client"] or ("somebody", 0)
            _log.warning("%s sent a wrong token for %r", client, scope["path"])
        return passes


def is_below(path: str, prefix: str) -> bool:
    """Whether ``path`` is ``prefix`` or lies below it."""
    return path == prefix or path.startswith(f"{prefix}/")
