"""Reading of MATLAB files up to version 7, with errors that name the file."""

import os
import zlib
from pathlib import Path
from typing import Any, Literal

from surrogate_zoo.errors import DatasetError

MOST_INFLATED = 2**27
"""Bytes of all variables of a file, unpacked; those of a mask are a few million."""
HEADER, COMPRESSED = (
    128,
    15,
)  # bytes before the variables; the type of a variable that is compressed
BLOCK = 2**20


def read_matlab(path: Path, *variables: str) -> dict[str, Any]:
    """Variables of a MATLAB file as NumPy arrays; nothing in the file is run or unpickled.

    Raises:
        DatasetError: It is not there, no such file, or lacks a variable.
    """
    from scipy.io import loadmat  # noqa: PLC0415  (a GPU node needs scipy for these layouts alone)
    from scipy.io.matlab import MatReadError  # noqa: PLC0415

    _check_inflated(path)
    try:
        content: dict[str, Any] = loadmat(path, variable_names=variables)
    except (
        OSError, ValueError, TypeError, KeyError, IndexError, OverflowError, MemoryError,
        NotImplementedError, UnicodeDecodeError, zlib.error, MatReadError,
    ) as error:  # fmt: skip
        raise DatasetError(f"{path} cannot be read as a MATLAB file: {error}.") from error
    lacking = [variable for variable in variables if variable not in content]
    if lacking:
        raise DatasetError(f"{path} lacks the variable {', '.join(lacking)}.")
    return content


def _check_inflated(path: Path) -> None:
    """Count what a file's compressed variables hold, without keeping it.

    Raises:
        DatasetError: It cannot be read, or they hold more than :data:`MOST_INFLATED`.
    """
    total = 0
    try:
        with path.open("rb") as file:
            order: Literal["little", "big"] = "big" if file.read(HEADER)[-2:] == b"MI" else "little"
            while len(tag := file.read(8)) == 8:
                kind = int.from_bytes(tag[:4], order)
                size = int.from_bytes(tag[4:], order)
                if kind != COMPRESSED:
                    file.seek(size, os.SEEK_CUR)
                    continue
                inflate, left = zlib.decompressobj(), size
                while left > 0 and (part := file.read(min(left, BLOCK))):
                    left -= len(part)
                    while part:
                        total += len(inflate.decompress(part, BLOCK))
                        part = inflate.unconsumed_tail
                        if total > MOST_INFLATED:
                            raise DatasetError(
                                f"{path} holds more than {MOST_INFLATED:,} bytes once it is unpacked, "
                                "which no mask does."
                            )
    except (OSError, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read as a MATLAB file: {error}.") from error
