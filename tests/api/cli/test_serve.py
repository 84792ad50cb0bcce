"""What ``lossfit serve`` says when it cannot serve."""

import os
import socket
import subprocess
import sys
from pathlib import Path


def serve(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "api.cli", "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = serve("--home", str(tmp_path), "--port", str(port))
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Error: Cannot listen on 127.0.0.1:{port}")


def test_a_wrong_setting_is_told_with_its_name(tmp_path: Path) -> None:
    ended = serve("--home", str(tmp_path), LOSSFIT_CONCURRENT_JOBS="none")
    assert ended.returncode == 1
    assert "concurrent_jobs" in ended.stderr


def test_another_kind_of_database_is_refused(tmp_path: Path) -> None:
    ended = serve("--home", str(tmp_path), LOSSFIT_DATABASE_URL="mysql://localhost/x")
    assert ended.returncode == 1
    assert "use sqlite or postgresql" in ended.stderr
