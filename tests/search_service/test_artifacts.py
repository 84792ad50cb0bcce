import hashlib
import threading
from pathlib import Path

import pytest

from search_service.artifacts import open_artifact, store
from surrogate_zoo.errors import NotFoundError, StorageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.bin"
    path.write_bytes(b"content" * 1000)
    return path


def test_a_file_comes_back_by_its_sha256(file: Path, tmp_path: Path) -> None:
    sha256, size = store(tmp_path / "root", file)
    assert sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert size == 7000
    assert open_artifact(tmp_path / "root", sha256).read_bytes() == file.read_bytes()


def test_the_same_content_is_stored_once_and_nothing_is_left_over(
    file: Path, tmp_path: Path
) -> None:
    threads = [threading.Thread(target=store, args=(tmp_path / "root", file)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([path for path in (tmp_path / "root").rglob("*") if path.is_file()]) == 1


def test_a_damaged_file_is_not_given_out(file: Path, tmp_path: Path) -> None:
    sha256, _ = store(tmp_path / "root", file)
    path = open_artifact(tmp_path / "root", sha256)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StorageError, match="damaged"):
        open_artifact(tmp_path / "root", sha256)


@pytest.mark.parametrize("name", ["0" * 64, "", "../../etc/passwd", "A" * 64, "0" * 64 + "\n"])
def test_an_unknown_name_is_not_found(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFoundError):
        open_artifact(tmp_path, name)


def test_a_file_that_cannot_be_stored_leaves_nothing(file: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"a\.bin"):
        store(file / "no folder", file)
    with pytest.raises(StorageError, match=r"missing\.bin"):
        store(tmp_path / "root", tmp_path / "missing.bin")
    assert not (tmp_path / "root").exists()
