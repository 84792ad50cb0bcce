"""The path that a proxy puts the service under: off what it passes on, and before where answers lead."""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
            send = self._with_root(send)
        await self._app(scope, receive, send)

    def _with_root(self, send: Send) -> Send:
        """What is sent, its Location below the prefix."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("location", "").startswith("/"):
                    headers["location"] = self._root + headers["location"]
            await send(message)

        return sent

    def _without_root(self, scope: Scope) -> Scope:
        if not scope["path"].startswith(f"{self._root}/"):
            return {}
        raw = scope.get("raw_path") or b""
        return {
            "path": scope["path"].removeprefix(self._root),
            "raw_path": raw.removeprefix(self._root.encode()),
        }
