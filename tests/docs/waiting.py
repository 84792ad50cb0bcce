"""Waiting for another process."""

import threading
import time
from collections.abc import Callable

from tests.conftest import DEADLINE


def until(met: Callable[[], bool], what: str) -> None:
    """Look until it is there, or the deadline has passed."""
    deadline, pause = time.monotonic() + DEADLINE, threading.Event()
    while not met():
        assert time.monotonic() < deadline, f"{what} did not come within {DEADLINE} s"
        pause.wait(0.2)
