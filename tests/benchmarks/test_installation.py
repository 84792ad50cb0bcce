"""What an installation costs: the size of its folder, the seconds of a command."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.installation import megabytes, seconds


def test_a_folder_is_as_large_as_its_files(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "a").write_bytes(bytes(1_500_000))
    (tmp_path / "below" / "b").write_bytes(bytes(500_000))
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert megabytes(tmp_path) == pytest.approx(2.0)


def test_a_command_that_fails_has_no_time() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        seconds(sys.executable, "-c", "raise SystemExit(3)")
