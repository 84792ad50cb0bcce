"""The description of the routes for people, at ``/docs``."""

import re

from tests.api.conftest import Live
from tests.api.test_problems import is_problem


def test_it_takes_everything_from_the_service_itself(live: Live) -> None:
    page = live.http.get("/docs").text
    parts = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert {part.rpartition("/")[2] for part in parts} == {
        "swagger-ui.css",
        "swagger-ui-bundle.js",
        "reference.js",
    }
    for part in parts:
        answer = live.http.get(f"/{part}")
        assert answer.status_code == 200
        kind = "text/css" if part.endswith("css") else "text/javascript"
        assert answer.headers["content-type"].startswith(kind)
    assert "<script>" not in page  # the policy lets none through
    assert live.http.get("/openapi.json").json()["openapi"].startswith("3.1")


def test_it_has_no_other_files(live: Live) -> None:
    is_problem(live.http.get("/docs/oauth2-redirect.html"), 404)
    is_problem(live.http.get("/docs/..%2Fapp.py"), 404)
