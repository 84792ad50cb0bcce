"""Files that are either whole or not there."""

import os
from collections.abc import Callable
from pathlib import Path

from surrogate_zoo.errors import StorageAwayError


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a neighbour of ``path``, flush it to disk and rename it into place.

    Raises:
        StorageAwayError: The disk could not take it.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise StorageAwayError(f"{path} could not be written: {error}.") from error
