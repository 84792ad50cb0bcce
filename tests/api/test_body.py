"""The body's limit, and what a body may hold, on a server that counts what reaches the routes."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI, Request

from api.body import BodyMiddleware, Refusal, check_content_type, check_json, walk
from tests.api.conftest import listening
from tests.conftest import DEADLINE

LIMIT = 1024 * 1024
MIB = b" " * LIMIT


@pytest.fixture
def echo() -> Iterator[httpx.Client]:
    """A server behind the middleware that answers with the length of what it got."""
    app = FastAPI()
    app.add_middleware(BodyMiddleware, max_bytes=LIMIT)

    @app.api_route("/", methods=["GET", "POST"])
    async def length(request: Request) -> int:
        return len(await request.body())

    with listening(app) as url, httpx.Client(base_url=url, timeout=DEADLINE) as client:
        yield client


def chunks(count: int) -> Iterator[bytes]:
    yield b'"'
    for _ in range(count):
        yield MIB


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_declared_100_mb_body_is_refused(echo: httpx.Client, method: str) -> None:
    response = echo.request(method, "/", content=MIB * 100)
    assert response.status_code == 413
    assert response.json()["type"] == "urn:lossfit:problem:body-too-large"
    assert str(LIMIT) in response.json()["detail"]


def test_a_chunked_100_mb_body_is_refused(echo: httpx.Client) -> None:
    response = echo.post("/", content=chunks(100), headers={"Content-Type": "application/json"})
    assert response.status_code == 413
    assert echo.get("/").json() == 0


def test_a_body_of_just_the_limit_passes_whole(echo: httpx.Client) -> None:
    body = b'"' + b"a" * (LIMIT - 2) + b'"'
    json = {"Content-Type": "application/json"}
    assert echo.post("/", content=body, headers=json).json() == LIMIT
    assert echo.post("/", content=body + b" ", headers=json).status_code == 413


def test_a_body_that_comes_in_pieces_passes_whole(echo: httpx.Client) -> None:
    pieces = iter([b'{"a"', b": ", b"[1, 2]", b"}"])
    response = echo.post("/", content=pieces, headers={"Content-Type": "application/json"})
    assert response.json() == len('{"a": [1, 2]}')


@pytest.mark.parametrize(
    "media_type", ["application/json", "Application/JSON; charset=utf-8", "application/x+json"]
)
def test_json_may_call_itself_in_several_ways(media_type: str) -> None:
    check_content_type(media_type)


@pytest.mark.parametrize("media_type", [None, "", "text/json", "text/plain", "application/xml"])
def test_what_is_no_json_is_refused(media_type: str | None) -> None:
    with pytest.raises(Refusal) as refused:
        check_content_type(media_type)
    assert refused.value.status == 415


def test_sound_json_passes() -> None:
    check_json('{"ä": [1, -2.5e300, true, null, "😀", "\\ud83d\\ude00"], "": {}}'.encode())


def test_walk_names_every_place() -> None:
    paths = {path for path, _, _ in walk({"a": [{"b": 1}, 2], "c": "x"})}
    assert paths == {"", "a", "a.0", "a.0.b", "a.1", "c"}
