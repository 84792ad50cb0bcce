"""Proxies of the environment: ignored for this machine, used for others."""

import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from api.client.addresses import is_loopback
from api.client.client import Client
from api.client.errors import ServiceError
from surrogate_zoo.errors import InputError
from tests.api.conftest import listening

CLOSED = "http://127.0.0.1:9"
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost"])
def test_a_service_on_this_machine_is_reached_past_a_dead_proxy(
    monkeypatch: pytest.MonkeyPatch, variable: str, host: str
) -> None:
    app = FastAPI()
    app.get("/livez")(lambda: {"status": "ok"})
    monkeypatch.setenv(variable, CLOSED)
    with listening(app, host=host) as url, Client(url) as client:
        assert client.health.live().status == "ok"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
def test_another_machine_is_reached_through_the_proxy(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    asked: list[str] = []

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":  # a proxy is asked for the whole address in place of a path
            asked.append(scope["path"])
            await JSONResponse({"status": "ok"})(scope, receive, send)

    with listening(proxy, lifespan="off") as url:
        monkeypatch.setenv(variable, url)
        with Client("http://lossfit.invalid:8000") as client:
            client.health.live()
    assert asked == ["http://lossfit.invalid:8000/livez"]


def test_a_dead_proxy_before_another_machine_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", CLOSED)
    with (
        Client("http://lossfit.invalid") as client,
        pytest.raises(ServiceError, match="through the proxy that the environment names"),
    ):
        client.health.live()


@pytest.mark.parametrize("proxy", ["nonsense://host", "http://[::1"])
def test_a_proxy_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(InputError, match="mend HTTP_PROXY"):
        Client("http://lossfit.invalid")
    Client("http://127.0.0.1:9").close()


def test_no_proxy_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", CLOSED)
    monkeypatch.setenv("NO_PROXY", "lossfit.invalid")
    with Client("http://lossfit.invalid") as client, pytest.raises(ServiceError) as told:
        client.health.live()
    assert "refused" not in str(told.value)
    assert "through the proxy" not in str(told.value)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LocalHost", True),
        ("127.0.0.1", True),
        ("127.255.0.3", True),
        ("::1", True),
        ("0.0.0.0", False),  # noqa: S104
        ("128.0.0.1", False),
        ("localhost.example", False),
        ("::2", False),
    ],
)
def test_loopback_addresses(host: str, expected: bool) -> None:
    assert is_loopback(host) == expected
