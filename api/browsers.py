"""What keeps other pages in a user's browser away from the service.

A page of anywhere may send requests to ``127.0.0.1``: a form needs no permission, and a name that its
owner points at this machine (DNS rebinding) makes the page and the service one origin. So the service
answers to its own names alone, and changes nothing for a page that is not its own.
"""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth import READING
from api.problems import problem_response
from search_service.settings import LOOPBACK, Settings

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""On every answer that does not say otherwise: pages of the service's own do."""

_OWN_PAGE: Final = ("same-origin", "none")
"""What a browser says of a request that the service's own page made, or the user (Sec-Fetch-Site)."""


class BrowserMiddleware:
    """Refuses what a foreign page in a browser asks for, and tells browsers to keep answers apart."""

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None) -> None:
        """Guard ``app``, which is called by one of ``hosts``; None takes every name."""
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope["method"], Headers(scope=scope))
        if refusal is None:
            await self._app(scope, receive, marked)
            return
        response = problem_response(403, refusal, instance=scope["path"])
        await response(scope, receive, marked)

    def _refusal(self, method: str, headers: Headers) -> str | None:
        """Why a request is refused; None where it is not."""
        host = headers.get("host", "")
        if self._hosts is not None and _name(host) not in self._hosts:
            return (
                f"This service does not go by the name {_name(host)!r}: name it in "
                "LOSSFIT_ALLOWED_HOSTS, or ask by one of its own names."
            )
        if method not in READING and is_foreign(headers):
            return "A page of another site asked for this change: use the service's own page or a client."
        return None


def names_of(settings: Settings) -> frozenset[str] | None:
    """The names that a service answers to; None where any will do.

    Without a token those of this machine, of ``host`` and of ``allowed_hosts``. With one all, unless
    ``allowed_hosts`` has some: a page that was rebound to the service does not have the token.
    """
    if settings.token is not None and not settings.allowed_hosts:
        return None
    return frozenset({*LOOPBACK, settings.host.lower(), *map(str.lower, settings.allowed_hosts)})


def is_foreign(headers: Headers) -> bool:
    """Whether a page of another origin made a request: by what its browser says, else by Origin.

    Programs send neither.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in _OWN_PAGE
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


def _name(host: str) -> str:
    """The name in a Host header, lower-case, without its port and the brackets of IPv6."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return host
