"""Reading of MATLAB files up to version 7, with errors that name the file."""

import zlib
from pathlib import Path
from typing import Any

from surrogate_zoo.errors import DatasetError


def read_matlab(path: Path, *variables: str) -> dict[str, Any]:
    """Variables of a MATLAB file as NumPy arrays; nothing in the file is run or unpickled.

    Raises:
        DatasetError: It is not there, no such file, or lacks a variable.
    """
    from scipy.io import loadmat  # noqa: PLC0415  (a GPU node needs scipy for these layouts alone)
    from scipy.io.matlab import MatReadError  # noqa: PLC0415

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
