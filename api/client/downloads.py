"""Large files: fetched piece by piece, gone on with where they broke off, checked by their SHA-256."""

import hashlib
import re
from pathlib import Path

import httpx

from api.client.answers import check
from api.client.errors import ServiceError
from api.client.named_file import unwritable
from api.client.transport import Transport

_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


def download(transport: Transport, path: str, target: Path, *, sha256: str) -> Path:
    """Fetch a file; ``target`` appears only once all bytes are there and right.

    What came of it lies in ``<target>.part`` until then, and the next download of the file goes on
    from there. A target that is there already is not fetched again.

    Args:
        transport: The service.
        path: Where the service has it.
        target: The file to write.
        sha256: Of the file; also its ETag.

    Raises:
        ServiceError: The bytes do not have the digest, or did not all come.
        StorageError: They cannot be written.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        if target.is_file() and _digest(target) == sha256:
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        is_resumed = part.exists()
        _complete(transport, path, part, sha256)
        if is_resumed and _digest(part) != sha256:  # it began as another file of that name
            part.unlink()
            _complete(transport, path, part, sha256)
        if _digest(part) != sha256:
            part.unlink()
            raise ServiceError(
                f"{path} arrived damaged (its sha256 is not {sha256}); try again, and see that no "
                "proxy answers in the service's place."
            )
        return part.replace(target)
    except OSError as error:
        raise unwritable(target, error) from error


def _complete(transport: Transport, path: str, part: Path, sha256: str) -> None:
    """Fetch what is missing, over as many connections as it takes while each brings something."""
    while True:
        size = _size(part)
        try:
            _append(transport, path, part, sha256)
        except ServiceError as error:
            if not error.may_pass:
                raise
            if _size(part) <= size:
                raise ServiceError(
                    f"The download of {path} broke off after {size:,} bytes; try again, and it goes "
                    f"on from there. {error}"
                ) from error
        else:
            return


def _append(transport: Transport, path: str, part: Path, sha256: str) -> None:
    """Fetch what comes after the bytes that are there, or all where the service sends all."""
    size = _size(part)
    headers = {"Accept-Encoding": "identity"}
    headers |= {"Range": f"bytes={size}-", "If-Range": f'"{sha256}"'} if size else {}
    with transport.stream(path, headers) as response:
        if size and response.status_code == 416:
            return  # nothing comes after them; whether they are the file, the digest tells
        check(response)
        with part.open("ab" if size and _starts_at(response, size) else "wb") as file:
            for chunk in response.iter_bytes():
                file.write(chunk)


def _starts_at(response: httpx.Response, size: int) -> bool:
    """Whether an answer goes on after ``size`` bytes; else it is the whole file.

    Raises:
        ServiceError: It is some other range.
    """
    if response.status_code != 206:
        return False
    start = _RANGE.fullmatch(response.headers.get("content-range", ""))
    if start is None or int(start[1]) != size:
        raise ServiceError(f"{response.url.path} came from a wrong byte on; try again.", 206)
    return True


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
