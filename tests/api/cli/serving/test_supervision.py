"""A supervised child is started again when it dies, and ends with its parent."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import psutil
import pytest

from api.cli.serving import supervision
from api.cli.serving.supervision import Supervised
from tests.conftest import DEADLINE


class Messages:
    """What was reported, with an event for the one that a test waits for."""

    def __init__(self, awaited: int) -> None:
        self.all: list[str] = []
        self.arrived = threading.Event()
        self._awaited = awaited

    def __call__(self, message: str) -> None:
        self.all.append(message)
        if len(self.all) == self._awaited:
            self.arrived.set()


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules a child can run."""
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path.cwd()}")
    return tmp_path


def test_a_dead_child_is_started_again_with_a_growing_delay(
    on_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "_FIRST_DELAY_S", 0.01)
    (on_path / "dies.py").write_text("raise SystemExit(3)")
    messages = Messages(awaited=3)
    with Supervised("controller", ["dies"], messages):
        assert messages.arrived.wait(DEADLINE)
    assert messages.all[:3] == [
        "The controller ended with status 3; it starts again in 0.01 s.",
        "The controller ended with status 3; it starts again in 0.02 s.",
        "The controller ended with status 3; it starts again in 0.04 s.",
    ]


def test_the_child_is_stopped_with_the_context_and_can_clean_up(on_path: Path) -> None:
    (on_path / "lives.py").write_text(
        textwrap.dedent("""
            import pathlib, signal, sys
            here = pathlib.Path(__file__).parent
            def stop(*_):
                (here / "stopped").touch()
                sys.exit(0)
            signal.signal(signal.SIGTERM, stop)
            with open(here / "started", "w") as fifo:
                fifo.write(sys.argv[1])
            while True:
                signal.pause()
        """)
    )
    os.mkfifo(on_path / "started")
    messages = Messages(awaited=1)
    with Supervised("controller", ["lives", "an-argument"], messages):
        assert (on_path / "started").read_text() == "an-argument"
    assert (on_path / "stopped").exists()
    assert messages.all == []


@pytest.mark.skipif(
    not Path("/proc/self/autogroup").exists(), reason="no sessions are weighed here"
)
def test_what_the_child_does_yields_to_the_parent(on_path: Path) -> None:
    (on_path / "tells.py").write_text(
        textwrap.dedent("""
            import pathlib, signal
            own = pathlib.Path("/proc/self/autogroup").read_text()
            (pathlib.Path(__file__).parent / "told").write_text(own)
            while True:
                signal.pause()
        """)
    )
    os.mkfifo(on_path / "told")
    own = Path("/proc/self/autogroup").read_text()
    with Supervised("controller", ["tells"], Messages(awaited=1)):
        assert (on_path / "told").read_text().endswith(" nice 10\n")
    assert Path("/proc/self/autogroup").read_text() == own


def test_a_child_ends_when_its_parent_is_killed(on_path: Path) -> None:
    (on_path / "parent.py").write_text(
        textwrap.dedent("""
            import sys, threading
            from api.cli.serving.supervision import Supervised
            with Supervised("child", ["child"], print):
                threading.Event().wait()
        """)
    )
    (on_path / "child.py").write_text(
        "import os, signal\nprint(os.getpid(), flush=True)\nwhile True: signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-m", "parent"], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
        _, alive = psutil.wait_procs([child], timeout=DEADLINE)
        assert not alive
