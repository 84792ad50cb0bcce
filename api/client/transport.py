"""Requests and answers of one service, over httpx: JSON, pages, small files, streams."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import httpx
from pydantic_core import to_jsonable_python

from api.client.addresses import TIMEOUT_S, has_proxy, http_client, printable, shown
from api.client.answers import Answer, check, parsed
from api.client.errors import ServiceError
from api.client.named_file import NamedFile
from api.schemas import Item, NumberedPage, Page
from surrogate_zoo.errors import InputError

Value: TypeAlias = str | int | Sequence[str] | None
"""Value of a query's field, or several; None leaves it out."""

Body: TypeAlias = Mapping[str, object]
"""Fields of what is posted; values may be pydantic's models."""


class Transport:
    """A connection to one service; every error is a message. Not shared between threads.

    Args:
        address: Where the service is.
        token: Its bearer token, where it has one.
    """

    def __init__(self, address: str, token: str | None) -> None:
        self._address, self._token = address, token
        self._http = http_client(address, token)
        self.url = shown(self._http.base_url)

    def another(self) -> "Transport":
        """Another connection to the same service, for another thread."""
        return Transport(self._address, self._token)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def read(self, model: type[Answer], path: str, **query: Value) -> Answer:
        """The JSON at a path."""
        return parsed(self._send("GET", path, params=_without_none(query)), model)

    def post(
        self,
        model: type[Answer],
        path: str,
        body: Body | None = None,
        *,
        key: str | None = None,
        query: Mapping[str, Sequence[str]] | None = None,
        timeout_s: float | None = TIMEOUT_S,
    ) -> Answer:
        """Post a body, and give the JSON of the answer.

        Args:
            model: What the answer is.
            path: Where to.
            body: The request's fields.
            key: The same idempotency key twice makes one job.
            query: Fields of the query, each with its values.
            timeout_s: How long the service may be silent; None waits as long as it takes.

        Raises:
            InputError: The body or the key cannot be sent.
            ServiceError: The service refused it, or cannot be reached.
        """
        headers = {"Content-Type": "application/json"} if body is not None else {}
        headers |= {"Idempotency-Key": printable("The key", key)} if key is not None else {}
        content = None if body is None else _encoded(body)
        response = self._send(
            "POST", path, params=query, content=content, headers=headers, timeout=timeout_s
        )
        return parsed(response, model)

    def delete(self, model: type[Answer], path: str, *, dry_run: bool) -> Answer:
        """Delete what is at a path, or tell what that would delete; gives the JSON of the answer."""
        query = {"dry_run": "true"} if dry_run else {}
        return parsed(self._send("DELETE", path, params=query), model)

    def pages(
        self, model: type[Page[Item]] | type[NumberedPage[Item]], path: str, **query: Value
    ) -> Iterator[Item]:
        """Every item of a paged collection, page after page."""
        after: Value = None
        while True:
            page = self.read(model, path, **query, after=after)
            yield from page.items
            after = page.next
            if after is None:
                return

    def text(self, path: str) -> str:
        """The text at a path."""
        return self._send("GET", path).text

    def file(self, path: str, **query: Value) -> NamedFile:
        """A small file."""
        return NamedFile.of(self._send("GET", path, params=_without_none(query)))

    @contextmanager
    def stream(
        self, path: str, headers: Mapping[str, str], read_s: float = TIMEOUT_S
    ) -> Iterator[httpx.Response]:
        """An answer whose body is read bit by bit, also a refusal.

        Args:
            path: Where it is.
            headers: Of the request.
            read_s: How long the service may be silent.

        Raises:
            ServiceError: There is no answer, or it broke off; the status is None.
        """
        timeout = httpx.Timeout(TIMEOUT_S, read=read_s)
        try:
            with self._http.stream("GET", path, headers=headers, timeout=timeout) as response:
                yield response
        except httpx.RequestError as error:
            raise self._unreachable(error) from error

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int | Sequence[str]] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = TIMEOUT_S,
    ) -> httpx.Response:
        try:
            response = self._http.request(
                method, path, params=params, content=content, headers=headers, timeout=timeout
            )
        except httpx.RequestError as error:
            raise self._unreachable(error) from error
        except UnicodeEncodeError as error:
            raise InputError(f"{error.object!r} is no text.") from error
        check(response)
        return response

    def _unreachable(self, error: httpx.RequestError) -> ServiceError:
        reason = str(error) or type(error).__name__
        if isinstance(error, httpx.TimeoutException):
            reason = "it is silent for too long"
        proxy = " through the proxy that the environment names" if self._has_proxy() else ""
        return ServiceError(
            f"No service answers at {self.url}{proxy} ({reason}). Start one with 'lossfit serve', "
            "or name another with --url or LOSSFIT_URL."
        )

    def _has_proxy(self) -> bool:
        return has_proxy(self._http.base_url)


def _without_none(query: Mapping[str, Value]) -> dict[str, str | int | Sequence[str]]:
    return {name: value for name, value in query.items() if value is not None}


def _encoded(body: Body) -> bytes:
    """A request as JSON.

    Raises:
        InputError: It holds a number that is none, or something that JSON has no word for.
    """
    try:
        return json.dumps(to_jsonable_python(body), allow_nan=False).encode()
    except ValueError as error:
        raise InputError(f"The request cannot be written as JSON: {error}.") from error
