"""Files that are either whole or not there, and errors of disks that take nothing."""

import errno
import lzma
import os
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

from surrogate_zoo.errors import StorageAwayError

AWAY: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.ESTALE}
)
"""What a disk says that is full, read-only, or does not answer: the same may succeed later."""

DAMAGED_ZIP: Final = (
    BadZipFile,
    EOFError,
    RuntimeError,
    UnicodeDecodeError,
    lzma.LZMAError,
    struct.error,
    zlib.error,
)
"""What ``zipfile`` raises of a damaged, an encrypted or an unknown ZIP file."""

_PROBE = bytes(2**20)


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a neighbour of ``path``, flush it to disk and rename it into place.

    What it leaves where it fails is removed, as the disk may be full.

    Raises:
        StorageAwayError: The disk could not take it.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except Exception as error:
        away = isinstance(error, OSError) or not _takes_more(part)
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if away:
            raise StorageAwayError(f"{path} could not be written: {error}.") from error
        raise


def is_away(error: BaseException) -> bool:
    """Whether an error came of a disk that takes nothing now, however it was wrapped."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, StorageAwayError) or (isinstance(seen, OSError) and seen.errno in AWAY):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _takes_more(part: Path) -> bool:
    """Whether more can be written: torch and safetensors do not tell a full disk by an OSError."""
    try:
        with part.open("ab") as file:
            file.write(_PROBE)
    except OSError:
        return False
    return True
