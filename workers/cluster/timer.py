"""Something to do every few seconds in a loop that turns faster."""

import time


class Timer:
    """Is due every ``seconds``; the first time at once, or ``first`` seconds from now."""

    def __init__(self, seconds: float, *, first: float = 0.0) -> None:
        self._seconds = seconds
        self._next = time.monotonic() + first

    def due(self) -> bool:
        """Whether the time has come; the next one is then ``seconds`` away."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + self._seconds
        return True
