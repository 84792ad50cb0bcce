"""Files that jobs leave behind, stored under the SHA-256 of their content."""

import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from surrogate_zoo.errors import NotFoundError, StorageError

MEDIA_TYPES = {
    ".json": "application/json",
    ".png": "image/png",
    ".csv": "text/csv",
    ".html": "text/html",
    ".db": "application/vnd.sqlite3",
    ".safetensors": "application/octet-stream",
}
"""Media type of a file by its suffix."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


def store(root: Path, path: Path) -> tuple[str, int]:
    """Copy a file below ``root``; a reader sees the whole file or none, also after a power cut.

    Returns:
        The content's SHA-256 in lower-case hex, and its size in bytes.

    Raises:
        StorageError: The file cannot be read, or the disk does not take it.
    """
    try:
        sha256, size = _digest(path)
        target = _place(root, sha256)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy_atomically(path, target)
    except OSError as error:
        raise StorageError(f"Cannot store {path.name} under {root}: {error}") from error
    return sha256, size


def open_artifact(root: Path, sha256: str) -> Path:
    """Return the path of a stored file after checking its content against its name.

    Raises:
        NotFoundError: No file of that SHA-256 is stored, or the text is no SHA-256.
        StorageError: The stored file is damaged.
    """
    if not _SHA256.fullmatch(sha256):
        raise NotFoundError(f"{sha256!r} is not a SHA-256 in lower-case hex.")
    path = _place(root, sha256)
    if not path.is_file():
        raise NotFoundError(f"No artifact with SHA-256 {sha256} is stored.")
    if _digest(path)[0] != sha256:
        raise StorageError(f"Artifact {sha256} is damaged on disk; run its job again.")
    return path


def _place(root: Path, sha256: str) -> Path:
    return root / sha256[:2] / sha256


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return sha256, file.tell()


def _copy_atomically(source: Path, target: Path) -> None:
    with (
        source.open("rb") as read,
        tempfile.NamedTemporaryFile(dir=target.parent, prefix=".partial-", delete=False) as copy,
    ):
        try:
            shutil.copyfileobj(read, copy)
            copy.flush()
            os.fsync(copy.fileno())
            Path(copy.name).replace(target)
        except BaseException:
            Path(copy.name).unlink(missing_ok=True)
            raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename itself must survive a power cut
    finally:
        os.close(folder)
