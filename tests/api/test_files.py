"""Stored files over REST, from a folder and from a URL: whole, in parts, or not at all."""

import hashlib
import re
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from search_service.jobs import ledger
from search_service.store import artifacts
from search_service.store.tables import Artifact
from tests.api.conftest import Live
from tests.api.requests import SEARCH
from tests.api.test_problems import is_problem

CONTENT = bytes(range(250)) * 4
TAG = f'"{hashlib.sha256(CONTENT).hexdigest()}"'


@pytest.fixture(params=["folder", "url"])
def live(request: pytest.FixtureRequest, serve: Callable[..., Live], tmp_path: Path) -> Live:
    """An API whose artifacts are in a folder, or in what it does not take for one."""
    return serve(artifacts="" if request.param == "folder" else f"dir::file://{tmp_path}/stored")


@pytest.fixture
def listed(live: Live, tmp_path: Path) -> str:
    """The path of a job with one file of 1000 bytes."""
    job = live.http.post("/v1/searches", json=SEARCH).json()
    (tmp_path / "search.png").write_bytes(CONTENT)
    sha256, size = artifacts.store(live.settings.artifacts_root, tmp_path / "search.png")
    row = Artifact(job_id=str(job["id"]), name="search.png", sha256=sha256, bytes=size)
    row.media_type = "image/png"
    with live.sessions.begin() as session:
        ledger.record_artifact(session, row)
    return f"/v1/searches/{job['id']}/artifacts"


@pytest.fixture
def file(listed: str) -> str:
    return f"{listed}/search.png"


def test_a_file_can_be_fetched_whole_and_in_parts(live: Live, listed: str, file: str) -> None:
    (one,) = live.http.get(listed).json()["items"]
    assert (one["name"], one["bytes"]) == ("search.png", 1000)
    whole = live.http.get(file)
    assert whole.content == CONTENT
    assert whole.headers["content-type"] == "image/png"
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["etag"] == TAG
    assert 'filename="search.png"' in whole.headers["content-disposition"]
    for asked, first, last in [("990-", 990, 999), ("-10", 990, 999), ("0-0", 0, 0)]:
        part = live.http.get(file, headers={"Range": f"bytes={asked}"})
        assert part.status_code == 206
        assert part.content == CONTENT[first : last + 1]
        assert part.headers["content-range"] == f"bytes {first}-{last}/1000"
        assert part.headers["etag"] == TAG


def test_head_tells_what_get_would_send(live: Live, file: str) -> None:
    head, whole = live.http.head(file), live.http.get(file)
    assert head.content == b""
    assert head.headers["content-length"] == "1000"
    for name in ("etag", "content-type", "accept-ranges", "last-modified", "content-disposition"):
        assert head.headers[name] == whole.headers[name]


def test_several_ranges_come_in_one_answer(live: Live, file: str) -> None:
    answer = live.http.get(file, headers={"Range": "bytes=0-1, 500-501"})
    assert answer.status_code == 206
    kind, _, boundary = answer.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/byteranges"
    parts = answer.content.split(f"--{boundary}".encode())[1:-1]
    assert [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts] == [
        CONTENT[:2],
        CONTENT[500:502],
    ]
    told = [re.search(rb"Content-Range: (.*)\r\n", part) for part in parts]
    assert [one and one[1] for one in told] == [b"bytes 0-1/1000", b"bytes 500-501/1000"]
    # Ranges without end would be cheap to ask for and dear to answer.
    many = ",".join(f"{2 * i}-{2 * i}" for i in range(101))
    whole = live.http.get(file, headers={"Range": f"bytes={many}"})
    assert (whole.status_code, whole.content) == (200, CONTENT)


def test_a_wrong_range_is_a_problem(live: Live, file: str) -> None:
    for asked, status in [("bytes=5000-", 416), ("lines=1-2", 400), ("bytes=x-y", 400)]:
        response = live.http.get(file, headers={"Range": asked})
        is_problem(response, status)
        assert (response.headers.get("content-range") == "bytes */1000") == (status == 416)


def test_what_the_client_has_is_not_sent_again(live: Live, file: str) -> None:
    for known, method in product([TAG, f"W/{TAG}", f'"old", {TAG}', "*"], ["GET", "HEAD"]):
        asked = {"If-None-Match": known, "Range": "bytes=0-1"}
        same = live.http.request(method, file, headers=asked)
        assert (same.status_code, same.content) == (304, b"")
        assert same.headers["etag"] == TAG


def test_what_the_client_has_of_another_version_is_sent_anew(live: Live, file: str) -> None:
    other = f'"{"0" * 64}"'
    assert live.http.get(file, headers={"If-None-Match": other}).content == CONTENT
    for condition, status in [(TAG, 206), (other, 200)]:
        part = live.http.get(file, headers={"Range": "bytes=0-1", "If-Range": condition})
        assert part.status_code == status


def test_no_other_file_can_be_fetched(live: Live, listed: str) -> None:
    for name in ("other.png", "..%2f..%2flossfit.db", "%2e%2e"):
        is_problem(live.http.get(f"{listed}/{name}"), 404)


def stored(live: Live, tmp_path: Path) -> Path:
    """Where the bytes lie, not their copy in the cache."""
    home = live.settings.home / "artifacts" if not live.settings.artifacts else tmp_path / "stored"
    (path,) = home.rglob(TAG.strip('"'))
    return path


def test_a_damaged_file_is_not_given_out(live: Live, file: str, tmp_path: Path) -> None:
    stored(live, tmp_path).write_bytes(b"something else")
    for headers in ({}, {"Range": "bytes=0-1"}):
        is_problem(live.http.get(file, headers=headers), 503)


def test_a_file_that_is_gone_is_not_found(live: Live, file: str, tmp_path: Path) -> None:
    stored(live, tmp_path).unlink()
    is_problem(live.http.get(file), 404)
