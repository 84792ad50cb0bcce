"""Answers that are not the service's, refusals, and requests that cannot be sent."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse

from api.client.client import Client
from api.client.errors import ServiceError, StrangerError
from api.problems import problem_response
from api.schemas import FieldError
from surrogate_zoo.errors import InputError
from tests.api.conftest import Live, listening
from tests.api.requests import SEARCH

TOKEN = "only-a-test-has-this-token"  # noqa: S105


def answering(response: Callable[[], Response]) -> FastAPI:
    """A server that gives one answer to everything."""
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    def answer(path: str) -> Response:
        return response()

    return app


def refused(response: Callable[[], Response], ask: Callable[[Client], object]) -> ServiceError:
    """What the client says of that answer."""
    with (
        listening(answering(response)) as url,
        Client(url) as client,
        pytest.raises(ServiceError) as told,
    ):
        ask(client)
    return told.value


def problem(media_type: str = "application/problem+json") -> Response:
    errors = [FieldError(place="body", field=name, message="too small") for name in ("a", "b")]
    response = problem_response(422, "a: too small", instance="/x", errors=errors)
    response.headers["content-type"] = media_type
    return response


@pytest.mark.parametrize(
    "media_type", ["application/problem+json", "application/problem+json; charset=utf-8"]
)
def test_a_problem_becomes_one_message_with_its_fields(media_type: str) -> None:
    error = refused(lambda: problem(media_type), lambda client: client.metrics.list())
    assert error.status == 422
    assert str(error).splitlines() == [
        "The request is not valid:",
        "  a: too small",
        "  b: too small",
    ]


STRANGE: dict[str, tuple[Callable[[], Response], str]] = {
    "a login page": (lambda: HTMLResponse("<h1>Log in</h1>"), "answered 200 OK with text/html"),
    "a proxy's error": (
        lambda: HTMLResponse("<h1>Bad gateway</h1>", 502),
        "answered 502 Bad Gateway with text/html",
    ),
    "a proxy's plain error": (
        lambda: PlainTextResponse("upstream", 504),
        "answered 504 Gateway Timeout with text/plain",
    ),
    "nothing": (Response, "answered 200 OK with nothing"),
    "no content": (lambda: Response(status_code=204), "answered 204 No Content with nothing"),
    "half of a JSON": (
        lambda: Response('{"items": [', media_type="application/json"),
        "answered 200 OK with application/json",
    ),
    "bytes that are no text": (
        lambda: Response(b"\xff\xfe\x00", media_type="application/json"),
        "answered 200 OK with application/json",
    ),
    "another's error": (
        lambda: JSONResponse({"detail": "Not Found"}, 404),
        "answered 404 Not Found with application/json",
    ),
    "a problem that is none": (
        lambda: Response("{}", 400, media_type="application/problem+json"),
        "answered 400 Bad Request with application/problem",
    ),
    "a way to a login page": (
        lambda: RedirectResponse("https://login.example/?next=x"),
        "sends on to https://login.example/?next=x",
    ),
}
ASKS: dict[str, Callable[[Client], object]] = {
    "a catalogue": lambda client: client.metrics.list(),
    "a page": lambda client: next(client.losses.list()),
    "a post": lambda client: client.searches.submit(SEARCH),
    "a job of any kind": lambda client: client.find("1"),
}


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
@pytest.mark.parametrize(("response", "told"), STRANGE.values(), ids=STRANGE)
def test_what_is_not_the_service_is_one_message(
    response: Callable[[], Response], told: str, ask: Callable[[Client], object]
) -> None:
    error = refused(response, ask)
    assert isinstance(error, StrangerError)
    assert told in str(error)
    assert "is that the service's address" in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("content", "field"),
    [({}, "items"), ({"items": [{"name": "miou"}]}, "items.0.title"), ([], "")],
)
def test_json_of_another_version_is_one_message(content: Any, field: str) -> None:
    error = refused(lambda: JSONResponse(content), lambda client: client.metrics.list())
    assert f"cannot read ({field}: " in str(error)
    assert "same version" in str(error)
    assert "\n" not in str(error)


def test_no_service_is_told_with_what_to_do() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(ServiceError) as told:
        client.metrics.list()
    assert told.value.status is None
    assert "lossfit serve" in str(told.value)


def test_a_password_in_the_address_is_not_shown() -> None:
    with Client("http://me:secret@127.0.0.1:9/") as client, pytest.raises(ServiceError) as told:
        client.metrics.list()
    assert client.url == "http://127.0.0.1:9"
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1:8000", "ftp://host", "http://", "http://[::1", "http://host:99999"]
)
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(InputError, match="write it as http://HOST:PORT"):
        Client(address)


@pytest.mark.parametrize("token", ["geheimniß", "two\nlines", "x\x00"])
def test_a_token_that_no_header_can_hold_is_told_without_it(token: str) -> None:
    with pytest.raises(InputError, match="The token must be printable") as told:
        Client("http://127.0.0.1:9", token)
    assert token not in str(told.value)


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.searches.submit(SEARCH, key="schlüssel"),
        lambda client: client.searches.submit(SEARCH, seed=math.nan),
        lambda client: client.searches.submit(SEARCH, seed=object()),
        lambda client: client.searches.get(""),
        lambda client: client.searches.get(".."),
        lambda client: client.losses.get("\udc80"),
        lambda client: next(client.losses.list(metric="\udc80")),
    ],
    ids=["key", "not a number", "no JSON", "empty id", "folder", "no text", "query of no text"],
)
def test_what_cannot_be_sent_is_one_message(live: Live, ask: Callable[[Client], object]) -> None:
    with Client(str(live.http.base_url)) as client, pytest.raises(InputError) as told:
        ask(client)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["a/b", "a?b=c", "a#b", "a b", "%2e", "ä"])
def test_a_name_stays_one_segment_of_the_path(live: Live, name: str) -> None:
    with Client(str(live.http.base_url)) as client, pytest.raises(ServiceError) as told:
        client.searches.get(name)
    assert told.value.status == 404
    assert not isinstance(told.value, StrangerError)


def test_a_job_that_is_nowhere_is_told(live: Live) -> None:
    with (
        Client(str(live.http.base_url)) as client,
        pytest.raises(ServiceError, match="no job 'nonsense'"),
    ):
        client.find("nonsense")


def test_a_token_is_sent_and_asked_for(serve: Callable[..., Live]) -> None:
    live = serve(token=TOKEN)
    url = str(live.http.base_url)
    with Client(url, TOKEN) as client:
        assert client.metrics.list()
    with Client(url) as client, pytest.raises(ServiceError) as told:
        client.metrics.list()
    assert told.value.status == 401


def test_a_folder_before_the_paths_is_kept() -> None:
    app = FastAPI()
    app.get("/behind/a/proxy/livez")(lambda: {"status": "ok"})
    with listening(app) as url, Client(f"{url}/behind/a/proxy/") as client:
        assert client.health.live().status == "ok"
