"""The client against a real server: problems, pages, broken streams, damaged downloads."""

import hashlib
from pathlib import Path

import pytest
from fastapi import FastAPI, Header, Response
from fastapi.responses import StreamingResponse

from api.client.client import Client, ServiceError, parse_events
from api.problems import problem_response
from api.schemas import FieldError
from tests.api.conftest import listening

JOB = "/v1/searches/1"


class Scripted:
    """A service whose event stream breaks off after every second event."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.seen: list[int] = []
        self.app = FastAPI()
        self.app.get(JOB)(self.job)
        self.app.get(f"{JOB}/events")(self.events)

    def job(self) -> dict[str, str]:
        return {"state": "succeeded" if self.seen[-1] + 2 >= self.total else "running"}

    def events(self, last_event_id: int = Header(0)) -> StreamingResponse:
        self.seen.append(last_event_id)
        numbers = range(last_event_id + 1, min(last_event_id + 2, self.total) + 1)
        text = "".join(f'id: {i}\nevent: trial\ndata: {{"number": {i}}}\n\n' for i in numbers)
        return StreamingResponse(iter([": heartbeat\n\n", text]), media_type="text/event-stream")


def test_events_go_on_where_a_stream_broke_off() -> None:
    service = Scripted(total=5)
    with listening(service.app) as url, Client(url) as client:
        events = list(client.events(JOB))
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]
    assert [event.body for event in events] == [{"number": i} for i in range(1, 6)]
    assert service.seen == [0, 2, 4]


def test_events_outlast_a_restart_of_the_service() -> None:
    service = Scripted(total=4)
    with listening(service.app) as url:
        client = Client(url)
        events = client.events(JOB)
        numbers = [next(events).sequence, next(events).sequence]
    with listening(service.app, port=int(url.rpartition(":")[2])), client:
        numbers += [event.sequence for event in events]
    assert numbers == [1, 2, 3, 4]


def test_an_event_cut_short_is_left_out_and_comes_again() -> None:
    lines = iter(["id: 1", 'data: {"a": 1}', "", "id: 2", 'data: {"a"'])
    assert [event.sequence for event in parse_events(lines)] == [1]


def test_an_event_of_several_lines_is_one() -> None:
    (event,) = parse_events(iter(["id: 7", "event: x", "data: {", 'data: "a": 1}', "", ""]))
    assert (event.sequence, event.kind, event.body) == (7, "x", {"a": 1})


def test_a_problem_becomes_one_message_with_its_fields() -> None:
    app = FastAPI()

    @app.get("/x")
    def refuse() -> Response:
        errors = [FieldError(place="body", field=name, message="too small") for name in ("a", "b")]
        return problem_response(422, "a: too small", instance="/x", errors=errors)

    with listening(app) as url, Client(url) as client, pytest.raises(ServiceError) as refused:
        client.get("/x")
    assert refused.value.status == 422
    assert str(refused.value).splitlines() == ["a: too small", "  a: too small", "  b: too small"]


def test_another_service_is_told_apart() -> None:
    with (
        listening(FastAPI()) as url,
        Client(url) as client,
        pytest.raises(ServiceError, match="is that the service's address"),
    ):
        client.get("/v1/searches")


def test_no_service_is_told_with_what_to_do() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(ServiceError, match="lossfit serve"):
        client.get("/v1/searches")


def test_items_come_from_every_page() -> None:
    app = FastAPI()
    pages = {None: {"items": [{"n": 1}], "next": "x"}, "x": {"items": [{"n": 2}], "next": None}}

    @app.get("/v1/losses")
    def page(after: str | None = None) -> dict[str, object]:
        return pages[after]

    with listening(app) as url, Client(url) as client:
        assert [item["n"] for item in client.items("/v1/losses")] == [1, 2]


def test_a_download_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    app = FastAPI()
    content = b"weights" * 1000

    @app.get("/file")
    def file() -> Response:
        return Response(content)

    with listening(app) as url, Client(url) as client:
        target = tmp_path / "below" / "file"
        with pytest.raises(ServiceError, match="arrived damaged"):
            client.download("/file", target, sha256="0" * 64)
        assert list(target.parent.iterdir()) == []
        client.download("/file", target, sha256=hashlib.sha256(content).hexdigest())
        assert target.read_bytes() == content
        with pytest.raises(ServiceError):
            client.download("/missing", tmp_path / "missing", sha256="0" * 64)
        assert not (tmp_path / "missing").exists()
