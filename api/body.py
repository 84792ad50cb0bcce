"""What a request must be before any route sees it: small enough, JSON, and free of NUL.

Standard JSON has no NaN, PostgreSQL stores neither NUL nor lone surrogates, and a body without a
bound would fill the memory; all of it is refused here, once, for every route.
"""

import json
import math
from collections.abc import Iterator
from typing import Any, NoReturn

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem_response
from api.schemas import FieldError

_MAX_DEPTH = 64


class Refusal(Exception):  # noqa: N818  it is an answer, and never leaves this module
    """The request is refused with this status, detail and offending fields."""

    def __init__(self, status: int, detail: str, errors: tuple[FieldError, ...] = ()) -> None:
        """Keep what the answer says."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors


class BodyMiddleware:
    """Reads a request's body up to a limit, checks it, and hands it on whole."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        """Bound the bodies that ``app`` gets to ``max_bytes``."""
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body in one piece, or answer with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            check_address(scope)
            checked = await self._checked(scope, receive)
        except Refusal as refusal:
            response = problem_response(
                refusal.status,
                refusal.detail,
                instance=scope["path"].replace("\x00", ""),
                errors=refusal.errors,
            )
            await response(scope, receive, send)
            return
        await self._app(scope, checked, send)

    async def _checked(self, scope: Scope, receive: Receive) -> Receive:
        headers = Headers(scope=scope)
        if "content-length" not in headers and "transfer-encoding" not in headers:
            return receive
        if int(headers.get("content-length", "0")) > self._max_bytes:
            raise self._too_large()
        body = await self._read(receive)
        if body is None:  # the client went away
            return receive
        if body and scope["method"] in ("POST", "PUT", "PATCH"):
            check_content_type(headers.get("content-type"))
            check_json(body)
        return replay(body, receive)

    async def _read(self, receive: Receive) -> bytes | None:
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._max_bytes:
                raise self._too_large()
            more = message.get("more_body", False)
        return bytes(body)

    def _too_large(self) -> Refusal:
        return Refusal(
            413, f"A request body may have at most {self._max_bytes} bytes; send a smaller one."
        )


def check_address(scope: Scope) -> None:
    """Refuse (400) a NUL in path or query: no stored name holds one, and PostgreSQL fails on it."""
    if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
        raise Refusal(400, "The address holds a NUL character; leave it out.")


def replay(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives ``body`` in one message, then what the server sends."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


def check_content_type(content_type: str | None) -> None:
    """Refuse (415) what does not call itself JSON."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    is_json = media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )
    if not is_json:
        sent = f"not {media_type!r}" if media_type else "which the request lacks"
        raise Refusal(415, f"Send the body with 'Content-Type: application/json', {sent}.")


def check_json(body: bytes) -> None:
    """Refuse (400) what is not standard JSON in UTF-8, or holds what no database stores."""
    try:
        document = json.loads(body.decode(), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise Refusal(400, f"The body is not UTF-8: {error.reason}.") from error
    except RecursionError as error:
        raise Refusal(400, "The body is nested too deeply.") from error
    except ValueError as error:  # JSONDecodeError, and numbers of thousands of digits
        raise Refusal(400, f"The body is not JSON: {error}.") from error
    for path, value, depth in walk(document):
        if fault := _fault(value, depth):
            field = FieldError(place="body", field=_printable(path), message=fault)
            raise Refusal(400, f"{field.field or 'body'}: {fault}", (field,))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def walk(document: Any) -> Iterator[tuple[str, Any, int]]:
    """Yield every value and key of a parsed document with its dotted path and depth."""
    stack: list[tuple[str, Any, int]] = [("", document, 0)]
    while stack:
        path, value, depth = stack.pop()
        yield path, value, depth
        if depth > _MAX_DEPTH:
            continue
        if isinstance(value, dict):
            for key, inner in value.items():
                below = f"{path}.{key}" if path else key
                yield below, key, depth
                stack.append((below, inner, depth + 1))
        elif isinstance(value, list):
            stack += [(f"{path}.{i}", inner, depth + 1) for i, inner in enumerate(value)]


def _fault(value: Any, depth: int) -> str | None:
    if depth > _MAX_DEPTH:
        return f"nested deeper than {_MAX_DEPTH} levels."
    if isinstance(value, float) and not math.isfinite(value):
        return "a number too large to hold; send a finite one."
    if isinstance(value, str):
        if "\x00" in value:
            return "the text holds a NUL character; leave it out."
        if any("\ud800" <= character <= "\udfff" for character in value):
            return "the text holds half a surrogate pair, which is no character; leave it out."
    return None


def _printable(path: str) -> str:
    return path.encode("utf-8", "replace").decode().replace("\x00", "?")
