"""The controller's process, where it cannot begin."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import DEADLINE


def test_a_ray_that_does_not_start_is_told_in_one_line(tmp_path: Path) -> None:
    no_folder = tmp_path / "file"
    no_folder.touch()
    ended = subprocess.run(
        [sys.executable, "-m", "search_service.process"],
        env={**os.environ, "LOSSFIT_HOME": str(tmp_path), "RAY_TMPDIR": str(no_folder)},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    (said,) = ended.stderr.splitlines()
    assert "ERROR search_service.controller: Ray does not start on this machine" in said
    assert f"NotADirectoryError: [Errno 20] Not a directory: '{no_folder}" in said
