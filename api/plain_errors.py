"""Turns the plain-text errors that the framework itself sends into problems."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem_response


class PlainErrorMiddleware:
    """Answers with a problem where the application answers with a plain-text error.

    Starlette's file response refuses a wrong Range header that way, past all error handlers.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Watch what ``app`` answers."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer too unless it is a plain-text error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused: Message | None = None
        text = bytearray()

        async def watched(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and _is_plain_error(message):
                refused = message
            elif refused is None:
                await send(message)
            else:
                text.extend(message.get("body", b""))

        await self._app(scope, receive, watched)
        if refused is not None:
            headers = Headers(raw=refused["headers"])
            response = problem_response(
                refused["status"],
                text.decode(errors="replace")
                or "The header Range asks for bytes that are not there.",
                instance=scope["path"],
                headers={k: v for k, v in headers.items() if k == "content-range"},
            )
            await response(scope, receive, send)


def _is_plain_error(message: Message) -> bool:
    media_type = Headers(raw=message["headers"]).get("content-type", "text/plain")
    return message["status"] >= 400 and media_type.startswith("text/plain")
