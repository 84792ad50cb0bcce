"""The path that a proxy puts the service under, taken off what it passes on."""

from typing import Final

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_CONNECTIONS: Final = ("http", "websocket")


class RootPathMiddleware:
    """Lets proxies pass paths on whole or without the prefix: everything behind it sees them without.

    It stands in front of all, so that what is guarded by its path is guarded under the prefix too.
    """

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        """Take ``root_path`` (``/lossfit``; empty for none) off the paths that ``app`` is asked for."""
        self._app = app
        self._root = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if self._root and scope["type"] in _CONNECTIONS:
            if scope["path"] == self._root:  # what the page names is relative to a folder
                await RedirectResponse(f"{self._root}/", 308)(scope, receive, send)
                return
            scope = {**scope, **self._without_root(scope)}
        await self._app(scope, receive, send)

    def _without_root(self, scope: Scope) -> Scope:
        if not scope["path"].startswith(f"{self._root}/"):
            return {}
        raw = scope.get("raw_path") or b""
        return {
            "path": scope["path"].removeprefix(self._root),
            "raw_path": raw.removeprefix(self._root.encode()),
        }
