"""The store on a folder, on a URL, and on a real S3 server where ``s3fs`` and ``moto`` are installed."""

import errno
import hashlib
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from fsspec.core import url_to_fs

from search_service.store.artifacts import (
    DAY,
    Root,
    fetch,
    is_stored,
    open_artifact,
    prepare,
    store,
)
from surrogate_zoo.errors import InputError, NotFoundError, StorageError
from tests.conftest import CHECKOUT, DEADLINE
from tests.search_service.store.s3 import Server, s3_server

LARGE = 128 * 2**20
STORE = """
import sys
from pathlib import Path
from search_service.store.artifacts import Root, store
store(Root(sys.argv[1], Path(sys.argv[2])), Path(sys.argv[3]))
"""


@pytest.fixture(scope="module")
def s3() -> Iterator[Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Root:
    return Root(str(tmp_path / "root"), tmp_path / "cache")


@pytest.fixture
def url(tmp_path: Path) -> Root:
    """A URL that is not taken for a folder of this machine."""
    return Root(f"dir::file://{tmp_path / 'root'}", tmp_path / "cache")


@pytest.fixture(params=["folder", "url", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Root:
    if request.param != "s3":
        found: Root = request.getfixturevalue(request.param)
        return found
    server: Server = request.getfixturevalue("s3")
    return Root(server.folder(), tmp_path / "cache")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.bin"
    path.write_bytes(b"content" * 1000)
    return path


def stored(root: Root) -> list[str]:
    """Every file below the root, half ones too."""
    files, base = url_to_fs(root.location)
    files.invalidate_cache()
    return sorted(files.find(base)) if files.exists(base) else []


def damage(root: Root, sha256: str) -> None:
    """Change the stored bytes behind the store's back."""
    files, _ = url_to_fs(root.location)
    (name,) = [name for name in stored(root) if name.endswith(sha256)]
    files.pipe_file(name, b"something else")


def test_a_file_comes_back_by_its_sha256(root: Root, file: Path) -> None:
    prepare(root)
    sha256, size = store(root, file)
    assert sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert size == 7000
    assert is_stored(root, sha256)
    for _ in range(2):  # the second one from the cache
        assert open_artifact(root, sha256).read_bytes() == file.read_bytes()
    fetch(root, sha256, root.cache / "there" / "b.bin")
    assert (root.cache / "there" / "b.bin").read_bytes() == file.read_bytes()


def test_the_same_content_is_stored_once_and_nothing_is_left_over(root: Root, file: Path) -> None:
    threads = [threading.Thread(target=store, args=(root, file)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stored(root)) == 1


def test_a_damaged_file_is_not_given_out_and_storing_it_again_repairs_it(
    root: Root, file: Path
) -> None:
    sha256, _ = store(root, file)
    damage(root, sha256)
    for read in (lambda: open_artifact(root, sha256), lambda: fetch(root, sha256, file)):
        with pytest.raises(StorageError, match="damaged"):
            read()
    assert store(root, file)[0] == sha256  # what could not be fetched has replaced nothing
    assert open_artifact(root, sha256).read_bytes() == file.read_bytes()


def test_a_damaged_copy_is_fetched_again(url: Root, file: Path) -> None:
    sha256, _ = store(url, file)
    copy = open_artifact(url, sha256)
    assert copy.parent == url.cache
    copy.write_bytes(b"something else")
    assert open_artifact(url, sha256).read_bytes() == file.read_bytes()


def test_copies_that_nobody_reads_go_after_a_day(url: Root, file: Path) -> None:
    first, _ = store(url, file)
    file.write_bytes(b"another")
    second, _ = store(url, file)
    copies = [open_artifact(url, sha256) for sha256 in (first, second)]
    changed = copies[0].stat().st_mtime
    for copy in copies:
        os.utime(copy, (0, time.time() - DAY - 1))
    open_artifact(url, second)
    assert [copy.exists() for copy in copies] == [False, True]
    assert copies[1].stat().st_mtime < changed  # what HTTP calls Last-Modified stays


@pytest.mark.parametrize("name", ["0" * 64, "", "../../etc/passwd", "A" * 64, "0" * 64 + "\n"])
def test_an_unknown_name_is_not_found(root: Root, name: str, tmp_path: Path) -> None:
    assert not is_stored(root, name)
    with pytest.raises(NotFoundError):
        open_artifact(root, name)
    with pytest.raises(NotFoundError):
        fetch(root, name, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_file_that_cannot_be_stored_leaves_nothing(file: Path, folder: Root) -> None:
    with pytest.raises(StorageError, match=r"a\.bin"):
        store(Root(str(file / "no folder"), folder.cache), file)
    with pytest.raises(StorageError, match=r"missing\.bin"):
        store(folder, file.with_name("missing.bin"))
    assert stored(folder) == []


@pytest.mark.parametrize("location", ["nope://x", "gs://bucket/x"])
def test_a_url_that_cannot_be_is_refused_at_the_start(location: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(f"LOSSFIT_ARTIFACTS cannot be {location}: ")):
        prepare(Root(location, tmp_path))


def test_a_server_that_does_not_answer_is_told_without_the_password(
    tmp_path: Path, file: Path
) -> None:
    root = Root("ftp://me:secret@127.0.0.1:1/x", tmp_path)
    for use in (
        lambda: prepare(root),
        lambda: store(root, file),
        lambda: is_stored(root, "0" * 64),
    ):
        with pytest.raises(StorageError, match=re.escape("ftp://127.0.0.1:1/x")) as told:
            use()
        assert "secret" not in str(told.value)


def test_what_killed_writers_left_is_swept_out_a_day_later(root: Root, file: Path) -> None:
    files, base = url_to_fs(root.location)
    files.makedirs(f"{base}/.partial", exist_ok=True)
    now = int(time.time())
    for began in (now - DAY - 10, now - 10):
        files.pipe_file(f"{base}/.partial/{began}-x", b"half")
    store(root, file)
    assert [name.rpartition("/")[2] for name in stored(root) if ".partial" in name] == [
        f"{now - 10}-x"
    ]


def start(
    root: Root,
    file: Path,
    *,
    env: Mapping[str, str] | None = None,
    preexec_fn: Callable[[], None] | None = None,
) -> subprocess.Popen[str]:
    """Store a file in a process of its own."""
    command = [sys.executable, "-c", STORE, root.location, str(root.cache), str(file)]
    return subprocess.Popen(
        command,
        cwd=CHECKOUT,
        text=True,
        stderr=subprocess.PIPE,
        env=env,
        preexec_fn=preexec_fn,  # noqa: PLW1509 - no other thread holds a lock that it needs
    )


def test_a_writer_killed_half_way_leaves_no_file(folder: Root, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    with large.open("wb") as zeros:
        zeros.truncate(LARGE)
    half = Path(folder.location) / ".partial"
    left = 0
    deadline = time.monotonic() + DEADLINE
    while not 0 < left < LARGE:  # a kill that came late met a whole file: once more
        assert time.monotonic() < deadline
        with start(folder, large) as process:
            while not (half.is_dir() and any(part.stat().st_size for part in half.iterdir())):
                assert process.poll() is None, process.stderr
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert [name for name in stored(folder) if "/.partial/" not in name] == []
        left = max(part.stat().st_size for part in half.iterdir())
        for part in half.iterdir():
            part.unlink()
    sha256, size = store(folder, large)
    assert size == LARGE
    assert open_artifact(folder, sha256).stat().st_size == LARGE


def test_an_upload_killed_half_way_leaves_no_file(s3: Server, tmp_path: Path) -> None:
    root = Root(s3.folder(), tmp_path / "cache")
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(8 * 2**20))
    with s3.relay() as relay:
        process = start(root, large, env=os.environ | relay.environment)
        relay.after(2**20, process.kill)
        assert process.wait(DEADLINE) == -signal.SIGKILL
    process.communicate()
    assert relay.passed > 2**20
    assert stored(root) == []
    sha256, _ = store(root, large)
    assert open_artifact(root, sha256).read_bytes() == large.read_bytes()


def limited() -> None:
    """As a full disk: no file of this process grows beyond 64 KiB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))


def test_a_disk_that_is_full_leaves_no_file(folder: Root, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(2**20))
    process = start(folder, large, preexec_fn=limited)
    _, told = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1
    assert "StorageAwayError: Cannot store large.bin under" in told
    assert os.strerror(errno.EFBIG) in told
    assert stored(folder) == []
