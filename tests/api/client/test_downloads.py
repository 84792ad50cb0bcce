"""Downloads that break off, go on, come damaged, or cannot be written; against real servers."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI, Response

from api.client.client import Client
from api.client.errors import ServiceError
from search_service.store import artifacts
from search_service.store.tables import Artifact
from surrogate_zoo.errors import StorageError
from tests.api.conftest import Live, listening
from tests.api.requests import SEARCH

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PIECE = 100_000


class Breaking(ThreadingHTTPServer):
    """A server of one file that breaks off every answer after :data:`PIECE` bytes.

    Args:
        answers: How many answers bring anything; later ones break off at once.
        resumes: Whether it heeds Range.
        start: Shifts where it says that a range begins.
    """

    daemon_threads = True

    def __init__(self, *, answers: int = 100, resumes: bool = True, start: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.resumes, self.start = answers, resumes, start
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Breaking
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers.get("Range")
        server.ranges.append(wanted)
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.resumes else 0
        if self.headers.get("If-Range", f'"{SHA256}"') != f'"{SHA256}"':
            begin = 0
        self.send_response(206 if begin else 200)
        if begin:
            shown = begin + server.start
            self.send_header("Content-Range", f"bytes {shown}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(CONTENT) - begin))
        self.end_headers()
        if len(server.ranges) <= server.answers:
            self.wfile.write(CONTENT[begin : begin + PIECE])
        self.close_connection = True

    def log_message(self, *_arguments: object) -> None:
        pass


@contextmanager
def breaking(server: Breaking) -> Iterator[Breaking]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def fetched(url: str, target: Path, sha256: str = SHA256) -> Path:
    with Client(url) as client:
        return client.datasets.download_loss_network("shapes", sha256, target)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_download_that_breaks_off_goes_on_where_it_was(tmp_path: Path) -> None:
    with breaking(Breaking()) as server:
        path = fetched(server.url, tmp_path / "below" / "weights")
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-", "bytes=200000-"]
    assert names(path.parent) == {"weights"}


def test_what_came_stays_for_the_next_download(tmp_path: Path) -> None:
    target = tmp_path / "weights"
    with (
        breaking(Breaking(answers=1)) as server,
        pytest.raises(ServiceError, match=r"broke off after 100,000 bytes; try again"),
    ):
        fetched(server.url, target)
    assert names(tmp_path) == {"weights.part"}
    with breaking(Breaking()) as server:
        fetched(server.url, target)
    assert server.ranges == ["bytes=100000-", "bytes=200000-"]
    assert target.read_bytes() == CONTENT
    assert names(tmp_path) == {"weights"}


def test_a_server_that_heeds_no_range_sends_all_again(tmp_path: Path) -> None:
    target = tmp_path / "weights"
    target.with_name("weights.part").write_bytes(CONTENT[:10])
    app = FastAPI()
    app.get("/{path:path}")(lambda: Response(CONTENT))
    with listening(app) as url:
        assert fetched(url, target).read_bytes() == CONTENT


def test_a_server_that_sends_another_range_is_told(tmp_path: Path) -> None:
    with (
        breaking(Breaking(start=1)) as server,
        pytest.raises(ServiceError, match="from a wrong byte on"),
    ):
        fetched(server.url, tmp_path / "weights")


def test_damaged_bytes_are_told_and_leave_nothing(tmp_path: Path) -> None:
    app = FastAPI()
    app.get("/{path:path}")(lambda: Response(b"x" * 1000))
    with listening(app) as url, pytest.raises(ServiceError, match="arrived damaged"):
        fetched(url, tmp_path / "weights")
    assert names(tmp_path) == set()


def test_a_file_that_is_not_there_is_told_and_leaves_nothing(live: Live, tmp_path: Path) -> None:
    with pytest.raises(ServiceError) as told:
        fetched(str(live.http.base_url), tmp_path / "below" / "weights")
    assert told.value.status == 404
    assert names(tmp_path / "below") == set()


@pytest.mark.parametrize("in_the_way", ["folder", "file"])
def test_a_place_that_cannot_be_written_is_told(
    live: Live, tmp_path: Path, in_the_way: str
) -> None:
    if in_the_way == "folder":
        target = tmp_path / "taken"
        target.mkdir()
    else:
        (tmp_path / "file").touch()
        target = tmp_path / "file" / "weights"
    with breaking(Breaking()) as server, pytest.raises(StorageError, match="cannot be written"):
        fetched(server.url, target)
    (tmp_path / "above").touch()
    with Client(str(live.http.base_url)) as client, pytest.raises(StorageError):
        client.losses.download("dice", tmp_path / "above" / "dice.json")


def stored(live: Live, tmp_path: Path, contents: dict[str, bytes]) -> str:
    """A search with files, as the service stores them."""
    job = live.http.post("/v1/searches", json=SEARCH).json()["id"]
    for name, content in contents.items():
        path = tmp_path / name
        path.write_bytes(content)
        sha256, size = artifacts.store(live.settings.artifacts_root, path)
        path.unlink()
        row = Artifact(job_id=job, name=name, sha256=sha256, bytes=size)
        row.media_type = artifacts.MEDIA_TYPES[path.suffix]
        with live.sessions.begin() as session:
            session.add(row)
    return str(job)


def test_the_real_service_goes_on_after_a_part(live: Live, tmp_path: Path) -> None:
    job = stored(live, tmp_path, {"weights.safetensors": CONTENT, "empty.csv": b""})
    folder = tmp_path / "fetched"
    folder.mkdir()
    part = folder / "weights.safetensors.part"
    with Client(str(live.http.base_url)) as client:
        part.write_bytes(CONTENT[:1234])
        path = client.searches.download(job, "weights.safetensors", folder)
        assert path.read_bytes() == CONTENT
        part.write_bytes(CONTENT)  # killed before it was named
        path.unlink()
        assert client.searches.download(job, path.name, folder).read_bytes() == CONTENT
        part.write_bytes(b"of another file with that name")
        path.unlink()
        assert client.searches.download(job, path.name, folder).read_bytes() == CONTENT
        assert names(folder) == {path.name}
        written = path.stat().st_mtime_ns
        assert set(client.searches.download_all(job, folder)) == {path, folder / "empty.csv"}
        assert path.stat().st_mtime_ns == written
        with pytest.raises(ServiceError, match=r"no file 'x'"):
            client.searches.download(job, "x", folder)


def test_the_part_sent_by_the_real_service_is_no_more_than_what_is_missing(
    live: Live, tmp_path: Path
) -> None:
    job = stored(live, tmp_path, {"weights.safetensors": CONTENT})
    headers = {"Range": "bytes=299990-", "If-Range": f'"{SHA256}"'}
    path = f"/v1/searches/{job}/artifacts/weights.safetensors"
    answer = live.http.get(path, headers=headers)
    assert (answer.status_code, answer.content) == (206, CONTENT[-10:])
    other = live.http.get(path, headers=headers | {"If-Range": f'"{"0" * 64}"'})
    assert (other.status_code, other.content) == (200, CONTENT)


def test_a_small_file_goes_where_it_is_told(live: Live, tmp_path: Path) -> None:
    with Client(str(live.http.base_url)) as client:
        assert client.losses.download("dice", tmp_path) == tmp_path / "dice.json"
        named = client.losses.download("dice", tmp_path / "below" / "mine.json")
        assert named.read_bytes() == (tmp_path / "dice.json").read_bytes()
        assert names(tmp_path / "below") == {"mine.json"}
