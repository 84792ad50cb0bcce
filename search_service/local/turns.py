"""A function that works by turns with its caller: in a thread of its own, but never at the same time."""

import threading
from collections.abc import Callable


class Turns:
    """Turns of a function and its caller: one of them works, and the other waits."""

    def __init__(self) -> None:
        self._turn, self._theirs, self._over = threading.Condition(), False, False
        self._error: BaseException | None = None

    def start(self, work: Callable[[], None]) -> None:
        """Have the function wait for its first turn; a program may end although nobody gives it one."""
        threading.Thread(target=self._run, args=(work,), name="search", daemon=True).start()

    def take(self) -> None:
        """Let the function work until it ends its turn, or comes to its end.

        Raises:
            BaseException: What it ended with, whenever it is asked again.
        """
        with self._turn:
            self._theirs = not self._over
            self._turn.notify_all()
            self._turn.wait_for(lambda: not self._theirs)
        if self._error is not None:
            raise self._error

    def end(self) -> None:
        """Called by the function: let the caller work, and wait for the next turn."""
        with self._turn:
            self._theirs = False
            self._turn.notify_all()
            self._turn.wait_for(lambda: self._theirs)

    def _run(self, work: Callable[[], None]) -> None:
        with self._turn:
            self._turn.wait_for(lambda: self._theirs)
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the caller's
            self._error = error
        with self._turn:
            self._theirs, self._over = False, True
            self._turn.notify_all()
