"""Pages of other sites, in the browser of somebody who runs the service, get nothing from it."""

from collections.abc import Callable

import pytest

from tests.api.conftest import Live
from tests.api.test_problems import is_problem

TOKEN = "a secret of this test"  # noqa: S105
WRITES = ["/v1/searches", "/v1/searches/any/cancel", "/v1/registrations", "/v1/nowhere"]
READS = ["/v1/searches", "/", "/readyz", "/metrics", "/openapi.json"]


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "http://localhost:1"},
        {"Origin": "null"},
    ],
)
def test_a_foreign_page_changes_nothing(live: Live, path: str, headers: dict[str, str]) -> None:
    is_problem(live.http.post(path, headers=headers, json={}), 403)


def test_the_services_own_page_and_programs_do(live: Live) -> None:
    host = live.http.base_url.netloc.decode()
    own: list[dict[str, str]] = [
        {},
        {"Sec-Fetch-Site": "same-origin", "Origin": f"http://{host}"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": f"http://{host}"},
        # A proxy with TLS that asks by another name: the browser has seen that both are one.
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://lossfit.example"},
    ]
    for headers in own:
        is_problem(live.http.post("/v1/searches/any/cancel", headers=headers), 404)


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(
    "host", ["elsewhere.example", "elsewhere.example:8000", "10.0.0.1", "[", ""]
)
def test_a_name_that_was_pointed_here_reads_nothing(live: Live, path: str, host: str) -> None:
    is_problem(live.http.get(path, headers={"Host": host}), 403)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1"])
def test_this_machines_own_names_read(live: Live, host: str) -> None:
    assert live.http.get("/v1/searches", headers={"Host": host}).status_code == 200


def test_the_operator_names_more_of_them(serve: Callable[..., Live]) -> None:
    http = serve(allowed_hosts=("GPU.lab.example",)).http
    assert http.get("/v1/searches", headers={"Host": "gpu.lab.example:8000"}).status_code == 200
    is_problem(http.get("/v1/searches", headers={"Host": "elsewhere.example"}), 403)


def test_with_a_token_every_name_will_do(serve: Callable[..., Live]) -> None:
    http = serve(token=TOKEN).http
    rebound = {"Host": "elsewhere.example"}
    is_problem(http.get("/v1/searches", headers=rebound), 401)
    told = rebound | {"Authorization": f"Bearer {TOKEN}"}
    assert http.get("/v1/searches", headers=told).status_code == 200


@pytest.mark.parametrize("path", [*READS, "/docs", "/docs/reference.js", "/v1/nowhere"])
def test_every_answer_tells_browsers_to_keep_it_apart(live: Live, path: str) -> None:
    headers = live.http.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["content-security-policy"].count("default-src") == 1
