"""The events of a job as an iterator, over restarts of the service."""

import math
import time
from collections.abc import Iterator

import httpx
from httpx_sse import EventSource, ServerSentEvent

from api.client.addresses import TIMEOUT_S
from api.client.answers import check, media_type, stranger
from api.client.errors import ServiceError
from api.client.transport import Transport
from api.event_schemas import EVENTS, JobEvent

_STREAM = "text/event-stream"
_PATIENCE_S = 60.0  # how long a vanished service may take to come back before the events end
_PAUSE_S = 1.0


def follow(
    transport: Transport, path: str, *, after: int = 0, deadline: float = math.inf
) -> Iterator[JobEvent]:
    """The events of a job until it is finished.

    Args:
        transport: The service.
        path: Where its events are.
        after: Number of the last event that the caller has.
        deadline: Time of ``time.monotonic`` to give up at, within a heartbeat of the service (5 s).

    Raises:
        ServiceError: The service stayed away for a minute, or refused.
        TimeoutError: The deadline passed.
    """
    patience = time.monotonic() + _PATIENCE_S
    while True:
        before = after
        try:
            with transport.stream(path, _headers(after), _silence(deadline)) as response:
                check(response)
                if response.status_code == 204:
                    return
                patience = time.monotonic() + _PATIENCE_S
                for event in _events(response, deadline):
                    after = event.sequence
                    yield event
        except ServiceError as error:
            if not error.may_pass or time.monotonic() > min(patience, deadline):
                raise _reason(error, deadline) from error
        if after == before:
            time.sleep(_PAUSE_S)


def _reason(error: ServiceError, deadline: float) -> Exception:
    return TimeoutError() if error.may_pass and time.monotonic() > deadline else error


def _headers(after: int) -> dict[str, str]:
    headers = {"Accept": _STREAM, "Cache-Control": "no-store"}
    return headers | {"Last-Event-ID": str(after)} if after else headers


def _silence(deadline: float) -> float:
    """How long the service may be silent, in seconds."""
    return min(TIMEOUT_S, max(deadline - time.monotonic(), 0.001))


def _events(response: httpx.Response, deadline: float) -> Iterator[JobEvent]:
    if media_type(response) != _STREAM:
        response.read()
        raise stranger(response)
    if isinstance(response.stream, httpx.SyncByteStream):
        response.stream = _Until(response.stream, deadline)
    for event in EventSource(response).iter_sse():
        if event.data:  # a heartbeat after the first event comes as one without
            yield _typed(event, response)


def _typed(event: ServerSentEvent, response: httpx.Response) -> JobEvent:
    model = EVENTS.get(event.event, JobEvent)
    try:
        body = {**event.json(), "event": event.event, "sequence": event.id}
        return model.model_validate(body)
    except (ValueError, TypeError) as error:
        raise ServiceError(
            f"{response.url.path} sent an event that this client cannot read; are client and service "
            "of the same version of lossfit?",
            response.status_code,
        ) from error


class _Until(httpx.SyncByteStream):
    """A stream that heartbeats do not keep going for ever."""

    def __init__(self, stream: httpx.SyncByteStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            yield chunk
            if time.monotonic() > self._deadline:
                raise httpx.ReadTimeout("")

    def close(self) -> None:
        self._stream.close()
