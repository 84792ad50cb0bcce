"""Files that jobs leave behind, stored under the SHA-256 of their content.

The root is a folder, or whatever else fsspec has a URL for. A file is written under a name of its
own, and renamed when it is whole: a reader sees all of it or nothing, whenever the writer is killed.
What a killed writer leaves is swept out by those that write a day later.
"""

import hashlib
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from surrogate_zoo.errors import (
    InputError,
    LossfitError,
    NotFoundError,
    StorageAwayError,
    StorageError,
)

MEDIA_TYPES = {
    ".json": "application/json",
    ".png": "image/png",
    ".csv": "text/csv",
    ".html": "text/html",
    ".md": "text/markdown",
    ".db": "application/vnd.sqlite3",
    ".safetensors": "application/octet-stream",
    ".tfevents": "application/octet-stream",
}
"""Media type of a file by its suffix."""

DAY = 24 * 3600
"""Seconds that a file which nobody finished, or nobody reads, is kept."""

_PARTIAL = ".partial"
_PROBE_BYTES = 4096
_BLOCK = 8 * 2**20  # bytes in memory at a time, and a part of S3's uploads in parts
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FETCHING = [threading.Lock() for _ in range(256)]  # by the first byte of the SHA-256


@dataclass(frozen=True)
class Root:
    """Where files are stored.

    Attributes:
        location: A folder, or a URL of fsspec such as ``s3://bucket/folder``; its options come from
            the environment, as fsspec reads it (``FSSPEC_S3_ENDPOINT_URL``).
        cache: Folder on this machine that files of a URL are read from. One that was not asked for
            in a day is removed.
    """

    location: str
    cache: Path

    def __str__(self) -> str:
        """The location without a password."""
        return re.sub(r"//[^/@]*@", "//", self.location)


def prepare(root: Root) -> None:
    """Make the root's folder where it is missing; tell at once what keeps it from being used.

    Raises:
        InputError: fsspec knows no such kind of URL, or lacks the package for it.
        StorageAwayError: It does not answer, or the folder cannot be made.
    """
    with _told(f"Cannot use {root} for artifacts"):
        files, base = _connect(root)
        if not files.exists(base):
            files.makedirs(base, exist_ok=True)


def probe(root: Root) -> None:
    """Write a small file and remove it again: the root takes files.

    Raises:
        InputError: As of :func:`prepare`.
        StorageAwayError: It takes none.
    """
    with _told(f"Cannot store anything under {root}"):
        files, base = _connect(root)
        name = f"{base}/{_PARTIAL}/{int(time.time())}-{uuid4().hex}"
        files.makedirs(f"{base}/{_PARTIAL}", exist_ok=True)
        files.pipe_file(name, bytes(_PROBE_BYTES))
        files.rm_file(name)


def store(root: Root, path: Path) -> tuple[str, int]:
    """Copy a file below ``root``; a reader sees the whole file or none, also after a power cut.

    What is stored there already is written again, so that damage is repaired.

    Returns:
        The content's SHA-256 in lower-case hex, and its size in bytes.

    Raises:
        StorageAwayError: The file cannot be read, or the root does not take it.
    """
    with _told(f"Cannot store {path.name} under {root}"):
        sha256, size = _digest(path)
        files, base = _connect(root)
        _sweep_partials(files, f"{base}/{_PARTIAL}")
        _put(files, base, path, sha256)
    return sha256, size


def is_stored(root: Root, sha256: str) -> bool:
    """Whether there is a file of that SHA-256; its content is not looked at.

    Raises:
        StorageAwayError: The root cannot be asked.
    """
    with _told(f"Cannot look for artifact {sha256} under {root}"):
        files, base = _connect(root)
        return bool(_SHA256.fullmatch(sha256)) and bool(files.isfile(_place(base, sha256)))


def open_artifact(root: Root, sha256: str) -> Path:
    """Return the path of a stored file after checking its content against its name.

    Below a folder that is where it is stored; below a URL it is a copy in the cache, fetched now
    unless it is there.

    Raises:
        NotFoundError: No file of that SHA-256 is stored, or the text is no SHA-256.
        StorageError: The stored file is damaged, or cannot be had.
    """
    if not _SHA256.fullmatch(sha256):
        raise NotFoundError(f"{sha256!r} is not a SHA-256 in lower-case hex.")
    with _told(f"Cannot open artifact {sha256}"):
        files, base = _connect(root)
    if not isinstance(files, LocalFileSystem):
        return _cached(root, sha256)
    path = Path(_place(base, sha256))
    if not path.is_file():
        raise _missing(sha256)
    if _digest(path)[0] != sha256:
        raise _damaged(root, sha256)
    return path


def fetch(root: Root, sha256: str, path: Path) -> None:
    """Copy a stored file to ``path``, whole or not at all, after checking it against its name.

    Raises:
        NotFoundError: No file of that SHA-256 is stored.
        StorageError: The stored file is damaged, or cannot be had.
    """
    if not is_stored(root, sha256):
        raise _missing(sha256)
    with _told(f"Cannot fetch artifact {sha256} from {root}"):
        files, base = _connect(root)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{_PARTIAL}-{uuid4().hex}")
        try:
            name = _place(base, sha256)
            options = {"block_size": _BLOCK, "cache_type": "none"}
            with files.open(name, "rb", **options) as read, partial.open("wb") as write:
                shutil.copyfileobj(read, write, _BLOCK)
            if _digest(partial)[0] != sha256:
                raise _damaged(root, sha256)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


@dataclass(frozen=True)
class StoredFile:
    """A stored file: its size, and when it was written."""

    bytes: int
    written: datetime


def stored(root: Root) -> dict[str, StoredFile]:
    """Every stored file, by its SHA-256.

    Raises:
        StorageAwayError: The root cannot be asked.
    """
    with _told(f"Cannot list {root}"):
        files, base = _connect(root)
        files.invalidate_cache(base)
        names = {name.rpartition("/")[2]: name for name in files.find(base)}
        return {
            sha256: StoredFile(files.size(name), _written(files, name))
            for sha256, name in names.items()
            if _SHA256.fullmatch(sha256)
        }


def remove(root: Root, sha256: str, *, older_than: timedelta) -> None:
    """Remove a file that was written at least so long ago; one that is not there is removed already.

    Raises:
        StorageAwayError: The root cannot be asked, or does not remove it.
    """
    with _told(f"Cannot remove artifact {sha256} under {root}"):
        files, base = _connect(root)
        name = _place(base, sha256)
        with suppress(FileNotFoundError):
            if datetime.now(UTC) - _written(files, name) >= older_than:
                files.rm_file(name)


def _written(files: Any, name: str) -> datetime:
    moment: datetime = files.modified(name)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _connect(root: Root) -> tuple[Any, str]:
    """The file system of a root, and the root's name there."""
    try:
        files, base = url_to_fs(root.location)
    except (ValueError, ImportError) as error:
        raise InputError(f"LOSSFIT_ARTIFACTS cannot be {root}: {error}") from error
    return files, base


def _put(files: Any, base: str, path: Path, sha256: str) -> None:
    target = _place(base, sha256)
    folder = target.rpartition("/")[0]
    partial = f"{base}/{_PARTIAL}/{int(time.time())}-{uuid4().hex}"
    local = isinstance(files, LocalFileSystem)
    for needed in (folder, f"{base}/{_PARTIAL}"):
        files.makedirs(needed, exist_ok=True)
    try:
        _send(files, path, partial)
        if local:
            _flush(partial)
        files.mv(partial, target)
    except BaseException:
        with suppress(Exception):
            files.rm_file(partial)
        raise
    if local:
        for renamed in (folder, base):  # the rename itself must survive a power cut
            _flush(renamed)


def _send(files: Any, path: Path, name: str) -> None:
    with path.open("rb") as read, files.open(name, "wb", block_size=_BLOCK) as write:
        shutil.copyfileobj(read, write, _BLOCK)
    if files.size(name) != path.stat().st_size:
        raise StorageAwayError(f"Only a part of {path.name} arrived as {name}.")


def _cached(root: Root, sha256: str) -> Path:
    """A file of a URL, in the cache; the requests for one file wait for the first of them."""
    path = root.cache / sha256
    with _FETCHING[int(sha256[:2], 16)]:
        if not (path.is_file() and _digest(path)[0] == sha256):
            fetch(root, sha256, path)
        os.utime(path, (time.time(), path.stat().st_mtime))
    for file in root.cache.iterdir():
        with suppress(FileNotFoundError):  # another process sweeps too
            if max(file.stat().st_atime, file.stat().st_mtime) < time.time() - DAY:
                file.unlink()
    return path


def _sweep_partials(files: Any, folder: str) -> None:
    """Remove what writers that were killed began a day ago or earlier."""
    files.invalidate_cache(folder)
    if not files.exists(folder):
        return
    for name in files.ls(folder, detail=False):
        began = name.rpartition("/")[2].partition("-")[0]
        if began.isdecimal() and int(began) < time.time() - DAY:
            with suppress(FileNotFoundError):
                files.rm_file(name)


def _place(base: str, sha256: str) -> str:
    return f"{base}/{sha256[:2]}/{sha256}"


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return sha256, file.tell()


def _flush(path: str) -> None:
    """Let a file, or a folder's list of names, survive a power cut."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Errors as one message; every kind of storage has errors of its own."""
    try:
        yield
    except LossfitError:
        raise
    except Exception as error:
        raise StorageAwayError(f"{what}: {error}") from error


def _missing(sha256: str) -> NotFoundError:
    return NotFoundError(f"No artifact with SHA-256 {sha256} is stored.")


def _damaged(root: Root, sha256: str) -> StorageError:
    return StorageError(f"Artifact {sha256} is damaged under {root}; run its job again.")
