"""The token guards everything but the health checks, and is never told."""

from collections.abc import Callable

import pytest

from tests.api.conftest import Live
from tests.api.test_problems import is_problem

TOKEN = "a secret of this test"  # noqa: S105


@pytest.fixture
def guarded(serve: Callable[..., Live]) -> Live:
    return serve(token=TOKEN)


@pytest.mark.parametrize("path", ["/v1/searches", "/v1/nowhere", "/v1", "/metrics"])
@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN} ".strip() + "x",
        "Bearer \xe4\xf6",
    ],
)
def test_without_the_token_nothing_is_told(guarded: Live, path: str, header: str | None) -> None:
    headers = [] if header is None else [(b"Authorization", header.encode("latin-1"))]
    response = guarded.http.get(path, headers=headers)
    is_problem(response, 401)
    assert response.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in response.text


def test_with_the_token_all_is_told(guarded: Live) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert guarded.http.get("/v1/searches", headers=headers).status_code == 200
    assert guarded.http.get("/metrics", headers=headers).status_code == 200


def test_the_scheme_knows_no_case(guarded: Live) -> None:
    for scheme in ("bearer", "BEARER"):
        headers = {"Authorization": f"{scheme} {TOKEN}"}
        assert guarded.http.get("/v1/searches", headers=headers).status_code == 200


def test_a_wrong_token_is_logged_without_its_text(
    guarded: Live, caplog: pytest.LogCaptureFixture
) -> None:
    guarded.http.get("/v1/searches", headers={"Authorization": "Bearer almost-right"})
    [told] = [record.getMessage() for record in caplog.records if record.name == "api.auth"]
    assert told == "127.0.0.1 sent a wrong token for '/v1/searches'"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/openapi.json"])
def test_health_needs_no_token(guarded: Live, path: str) -> None:
    assert guarded.http.get(path).status_code == 200


def test_a_stranger_costs_no_parsing(guarded: Live) -> None:
    is_problem(guarded.http.post("/v1/searches", content=b"{" * 10**6), 401)


def test_the_document_tells_of_the_token(guarded: Live) -> None:
    document = guarded.http.get("/openapi.json").json()
    assert document["paths"]["/v1/searches"]["get"]["security"] == [{"token": []}]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_the_document_tells_of_no_token_where_there_is_none(live: Live) -> None:
    document = live.http.get("/openapi.json").json()
    assert "security" not in document["paths"]["/v1/searches"]["get"]
    assert "securitySchemes" not in document["components"]
