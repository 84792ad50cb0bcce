"""Keeps a child process running: started, started again when it dies, stopped with its parent."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

_FIRST_DELAY_S = 1.0
_LONGEST_DELAY_S = 60.0
_STEADY_S = 60.0  # a child that lived this long starts anew with the first delay
_GRACE_S = 30.0


class Supervised:
    """A Python module run as a child process for as long as the context lasts.

    A child that ends is reported and started again after a delay that doubles up to a minute; it
    never silently stays down. It gets a session of its own, so that Ctrl-C in the terminal reaches
    the parent alone, which then stops it in order; and a pipe, so that it ends with the parent.

    Args:
        name: What messages call it.
        command: Module and arguments, as after ``python -m``.
        report: Takes one message for the user; called from another thread.
    """

    def __init__(self, name: str, command: Sequence[str], report: Callable[[str], None]) -> None:
        self._name = name
        self._command = [sys.executable, "-m", "api.cli.serving.tether", *command]
        self._report = report
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"keep-{name}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _keep(self) -> None:
        delay = _FIRST_DELAY_S
        while not self._stopping.is_set():
            started = time.monotonic()
            code = self._run()
            if self._stopping.is_set():
                return
            if time.monotonic() - started > _STEADY_S:
                delay = _FIRST_DELAY_S
            self._report(
                f"The {self._name} ended with status {code}; it starts again in {delay:g} s."
            )
            self._stopping.wait(delay)
            delay = min(2 * delay, _LONGEST_DELAY_S)

    def _run(self) -> int:
        """Run the child once; return its status."""
        with subprocess.Popen(  # noqa: S603  our own interpreter and module
            self._command, stdin=subprocess.PIPE, start_new_session=True
        ) as process:
            while process.poll() is None:
                if self._stopping.wait(0.2):
                    return _stop(process)
            return process.returncode


def _stop(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    try:
        return process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
