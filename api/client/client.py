"""The command line's way to a running service: REST over httpx, nothing else."""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from surrogate_zoo.errors import LossfitError

FINISHED = frozenset({"succeeded", "failed", "cancelled"})
TIMEOUT_S = 30.0  # how long the service may be silent
_PATIENCE_S = 60.0  # how long a vanished service may take to come back before an event stream ends


class ServiceError(LossfitError):
    """The service refused a request, or cannot be reached; the message says what to do."""

    def __init__(self, message: str, status: int | None = None) -> None:
        """Keep the HTTP ``status``, None where there was no answer."""
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class StreamedEvent:
    """One event of a job: its sequence number, kind and content."""

    sequence: int
    kind: str
    body: dict[str, Any]


class Client:
    """A connection to one service. A context manager; not shared between threads.

    Args:
        url: Where the service is, e.g. ``http://127.0.0.1:8000``.
        token: Its bearer token, where it has one.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """The JSON at ``path``; query values of None are left out."""
        return self._json("GET", path, params=_given(query))

    def post(
        self,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        key: str | None = None,
        timeout_s: float | None = TIMEOUT_S,
    ) -> dict[str, Any]:
        """Post ``body``; the same idempotency ``key`` twice makes one job.

        The service may be silent for ``timeout_s`` seconds; None waits as long as it takes.
        """
        headers = {"Idempotency-Key": key} if key else {}
        return self._json("POST", path, json=body, headers=headers, timeout=timeout_s)

    def items(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every item of a paged collection, page after page."""
        after: str | None = None
        while True:
            page = self.get(path, **query, after=after)
            yield from page["items"]
            after = page["next"]
            if after is None:
                return

    def file(self, path: str, **query: Any) -> tuple[str, bytes]:
        """A small file at ``path``: the name that the service gives it, and its bytes."""
        response = self._send("GET", path, params=_given(query))
        header = Message()
        header["Content-Disposition"] = response.headers.get("content-disposition", "")
        return Path(header.get_filename(Path(path).name)).name, response.content

    def download(self, path: str, target: Path, *, sha256: str) -> Path:
        """Fetch a file to ``target``, which appears only once all bytes are there and right.

        Raises:
            ServiceError: The bytes do not have the digest ``sha256``, or did not all come.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        digest = hashlib.sha256()
        try:
            with self._http.stream("GET", path) as response, part.open("wb") as file:
                if response.is_error:
                    response.read()
                    raise _refusal(response)
                for chunk in response.iter_bytes():
                    digest.update(chunk)
                    file.write(chunk)
        except httpx.TransportError as error:
            raise ServiceError(f"The download of {path} broke off ({error}); try again.") from error
        if digest.hexdigest() != sha256:
            part.unlink()
            raise ServiceError(f"{path} arrived damaged (its sha256 is not {sha256}); try again.")
        return part.replace(target)

    def events(self, job: str) -> Iterator[StreamedEvent]:
        """The events of the job at path ``job`` until it is finished, over restarts of the service.

        Raises:
            ServiceError: The service stayed away for a minute, or refused.
        """
        last = 0
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                for event in self._stream(f"{job}/events", last):
                    last, deadline = event.sequence, time.monotonic() + _PATIENCE_S
                    yield event
                if self.get(job)["state"] in FINISHED:
                    return
            except (httpx.TransportError, ServiceError) as error:
                is_final = isinstance(error, ServiceError) and error.status not in (None, 503)
                if is_final or time.monotonic() > deadline:
                    raise
                time.sleep(1.0)

    def _stream(self, path: str, last: int) -> Iterator[StreamedEvent]:
        headers = {"Last-Event-ID": str(last)} if last else {}
        with self._http.stream("GET", path, headers=headers) as response:
            if response.is_error:
                response.read()
                raise _refusal(response)
            yield from parse_events(response.iter_lines())

    def _json(self, method: str, path: str, **rest: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._send(method, path, **rest).json()
        return answer

    def _send(self, method: str, path: str, **rest: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **rest)
        except httpx.TransportError as error:
            raise ServiceError(
                f"No service answers at {self.url} ({error}). Start one with 'lossfit serve', "
                "or name another with --url or LOSSFIT_URL."
            ) from error
        if response.is_error:
            raise _refusal(response)
        return response


def parse_events(lines: Iterator[str]) -> Iterator[StreamedEvent]:
    """Read server-sent events; comments (heartbeats) and events cut short are left out."""
    fields: dict[str, str] = {}
    for line in lines:
        if not line:
            if "data" in fields:
                yield StreamedEvent(
                    int(fields["id"]), fields.get("event", "message"), json.loads(fields["data"])
                )
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name in fields else value


def _given(query: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _refusal(response: httpx.Response) -> ServiceError:
    """The problem document of a refused request as one message."""
    if response.headers.get("content-type") != "application/problem+json":
        return ServiceError(
            f"{response.url} answered {response.status_code}, but not as lossfit does; "
            "is that the service's address?",
            response.status_code,
        )
    problem = response.json()
    message, errors = str(problem["detail"]), problem.get("errors", [])
    if len(errors) > 1:
        message += "".join(f"\n  {error['field']}: {error['message']}" for error in errors)
    return ServiceError(message, response.status_code)
