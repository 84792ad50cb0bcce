"""Files are written whole or not at all."""

from pathlib import Path

import pytest

from surrogate_zoo.errors import StorageError
from surrogate_zoo.files import write_atomically


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(part: Path) -> None:
        part.write_text("half")
        raise OSError("disk full")

    with pytest.raises(StorageError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_text() == "old"


def test_a_missing_folder_is_an_error_of_storage(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "file"
    with pytest.raises(StorageError, match="could not be written"):
        write_atomically(path, lambda part: part.write_text("new"))
