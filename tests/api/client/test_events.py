"""Events of a job over broken streams, restarts and heartbeats, and waiting for its end."""

import itertools
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest
from fastapi import FastAPI, Header, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from api.client import events as client_events
from api.client.client import Client
from api.client.errors import JobError, JobTimeoutError, ServiceError, StrangerError
from api.event_schemas import JobEvent, TrialEvent
from search_service.jobs import ledger
from tests.api.client.scripted import job, sent, trial
from tests.api.conftest import Live, listening
from tests.api.requests import SEARCH
from tests.conftest import DEADLINE

JOB = "/v1/searches/1"
EVENT_STREAM = "text/event-stream"


class Scripted:
    """A service whose event stream breaks off after every second event."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.seen: list[int] = []
        self.app = FastAPI()
        self.app.get(JOB)(self.job)
        self.app.get(f"{JOB}/events")(self.events)

    def job(self) -> dict[str, Any]:
        return job()

    def events(self, last_event_id: int = Header(0)) -> Response:
        self.seen.append(last_event_id)
        if last_event_id == self.total:
            return Response(status_code=204)
        numbers = range(last_event_id + 1, min(last_event_id + 2, self.total) + 1)
        parts = [part for i in numbers for part in (sent(i, "trial", trial(i)), ": heartbeat\n\n")]
        return StreamingResponse(iter([": heartbeat\n\n", *parts]), media_type=EVENT_STREAM)


def streaming(*parts: str, status: int = 200, media_type: str = EVENT_STREAM) -> FastAPI:
    """A service whose event stream is always these parts."""
    app = FastAPI()

    @app.get(f"{JOB}/events")
    def events() -> StreamingResponse:
        return StreamingResponse(iter(parts), status, media_type=media_type)

    return app


def test_events_go_on_where_a_stream_broke_off_and_end_with_the_job() -> None:
    service = Scripted(total=5)
    with listening(service.app) as url, Client(url) as client:
        events = list(client.searches.events("1"))
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]
    assert all(isinstance(event, TrialEvent) for event in events)
    assert [event.score for event in events if isinstance(event, TrialEvent)] == [
        0.1,
        0.2,
        0.3,
        0.4,
        0.5,
    ]
    assert service.seen == [0, 2, 4, 5]


def test_events_start_after_those_that_the_caller_has() -> None:
    service = Scripted(total=4)
    with listening(service.app) as url, Client(url) as client:
        assert [event.sequence for event in client.searches.events("1", after=3)] == [4]


def test_events_outlast_a_restart_of_the_service() -> None:
    service = Scripted(total=4)
    with listening(service.app) as url:
        client = Client(url)
        events = client.searches.events("1")
        numbers = [next(events).sequence, next(events).sequence]
    with listening(service.app, port=int(url.rpartition(":")[2])), client:
        numbers += [event.sequence for event in events]
    assert numbers == [1, 2, 3, 4]


def test_a_proxy_that_misses_the_service_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_events, "_PAUSE_S", 0.01)
    service = Scripted(total=2)
    statuses = iter([503, 502, 504])
    app = FastAPI()

    @app.get(f"{JOB}/events")
    def events(last_event_id: int = Header(0)) -> Response:
        if (status := next(statuses, None)) is not None:
            return HTMLResponse("<h1>Bad gateway</h1>", status)
        return service.events(last_event_id)

    with listening(app) as url, Client(url) as client:
        assert [event.sequence for event in client.searches.events("1")] == [1, 2]


def test_a_service_that_stays_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_events, "_PATIENCE_S", 0.2)
    monkeypatch.setattr(client_events, "_PAUSE_S", 0.01)
    with (
        Client("http://127.0.0.1:9") as client,
        pytest.raises(ServiceError, match="No service answers"),
    ):
        next(client.searches.events("1"))


def test_a_stream_cut_within_an_event_brings_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_events, "_PAUSE_S", 0.01)
    whole = sent(1, "trial", trial(1))
    answers = iter([whole[:-9], whole])
    app = FastAPI()

    @app.get(f"{JOB}/events")
    def events() -> Response:
        part = next(answers, None)
        if part is None:
            return Response(status_code=204)
        return StreamingResponse(iter([part]), media_type=EVENT_STREAM)

    with listening(app) as url, Client(url) as client:
        assert [event.sequence for event in client.searches.events("1")] == [1]


def test_an_event_of_a_kind_that_is_not_known_keeps_its_fields() -> None:
    app = streaming(sent(1, "hail", {"colour": "green"}))
    with listening(app) as url, Client(url) as client:
        event = next(client.searches.events("1"))
    assert type(event) is JobEvent
    assert event.event == "hail"
    assert event.model_extra == {"colour": "green"}


@pytest.mark.parametrize(
    "part",
    [
        "id: 1\nevent: trial\ndata: {nonsense\n\n",
        "id: 1\nevent: trial\ndata: [1]\n\n",
        "id: 1\nevent: trial\ndata: {}\n\n",
        "event: hail\ndata: {}\n\n",
    ],
    ids=["no JSON", "no object", "no fields", "no number"],
)
def test_an_event_that_cannot_be_read_is_one_message(part: str) -> None:
    with (
        listening(streaming(part)) as url,
        Client(url) as client,
        pytest.raises(ServiceError, match="an event that this client cannot read"),
    ):
        next(client.searches.events("1"))


def test_a_page_in_place_of_a_stream_is_one_message() -> None:
    app = streaming("<h1>Log in</h1>", media_type="text/html")
    with (
        listening(app) as url,
        Client(url) as client,
        pytest.raises(StrangerError, match="200 OK with text/html"),
    ):
        next(client.searches.events("1"))


def test_a_wait_tells_every_event_and_gives_the_finished_job() -> None:
    told: list[JobEvent] = []
    with listening(Scripted(total=3).app) as url, Client(url) as client:
        finished = client.searches.wait("1", told.append)
    assert [event.sequence for event in told] == [1, 2, 3]
    assert finished.result == {"loss": "found"}


def beating() -> FastAPI:
    """A service whose job never ends, and whose stream is kept open by heartbeats."""
    app = FastAPI()

    async def beats() -> AsyncIterator[str]:
        for _ in itertools.count():
            yield ": heartbeat\n\n"
            await anyio.sleep(0.01)

    @app.get(f"{JOB}/events")
    async def events() -> StreamingResponse:
        return StreamingResponse(beats(), media_type=EVENT_STREAM)

    return app


def silent() -> FastAPI:
    """A service whose stream never says anything."""
    app = FastAPI()

    async def nothing() -> AsyncIterator[str]:
        await anyio.sleep_forever()
        yield ""

    @app.get(f"{JOB}/events")
    async def events() -> StreamingResponse:
        return StreamingResponse(nothing(), media_type=EVENT_STREAM)

    return app


@pytest.mark.parametrize("service", [beating, silent])
def test_a_wait_ends_when_the_time_is_up(service: Any) -> None:
    with (
        listening(service()) as url,
        Client(url) as client,
        pytest.raises(JobTimeoutError, match=r"not finished after 0\.3 s; it goes on") as ended,
    ):
        client.searches.wait("1", timeout=0.3)
    assert isinstance(ended.value, TimeoutError)


def test_a_cancelled_job_of_the_real_service_ends_a_wait(live: Live) -> None:
    with Client(str(live.http.base_url)) as client:
        search = client.searches.submit(SEARCH)
        told: list[JobEvent] = []
        started = threading.Event()

        def note(event: JobEvent) -> None:
            told.append(event)
            started.set()

        def cancel() -> None:
            assert started.wait(DEADLINE)
            with live.sessions.begin() as session:
                ledger.move(session, search.id, {"queued": "cancelled"})

        cancelling = threading.Thread(target=cancel)
        cancelling.start()
        with pytest.raises(JobError, match=f"The search {search.id} was cancelled") as ended:
            client.searches.wait(search.id, note)
        cancelling.join()
    assert ended.value.job.state == "cancelled"
    assert [event.event for event in told] == ["state", "state"]


def test_events_that_are_not_read_to_the_end_leave_the_client_usable(live: Live) -> None:
    with Client(str(live.http.base_url)) as client:
        search = client.searches.submit(SEARCH)
        events: Iterator[JobEvent] = client.searches.events(search.id)
        next(events)
        assert client.searches.cancel(search.id).state == "cancelled"
        assert [event.sequence for event in events] == [2]
