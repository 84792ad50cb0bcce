"""Hands idle workers to calls that compete for them, so that none starves another."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

Worker = TypeVar("Worker")


@dataclass(eq=False)
class Call:
    """One caller: how many workers it holds, and whether it asked for one more in vain."""

    held: int = 0
    waiting: bool = False


class FairShares(Generic[Worker]):
    """Idle workers and the calls that want them; every method may be called from any thread.

    An idle worker goes to a call only if no other waiting call holds fewer: with two calls that
    both have enough to do, each ends up with half of the workers.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: deque[Worker] = deque()
        self._calls: list[Call] = []

    @contextmanager
    def call(self) -> Iterator[Call]:
        """Enter as a caller; leave when done. Workers still held are the caller's to return."""
        call = Call()
        with self._lock:
            self._calls.append(call)
        try:
            yield call
        finally:
            with self._lock:
                self._calls.remove(call)

    def add(self, worker: Worker) -> None:
        """Add a worker that is ready and idle."""
        with self._lock:
            self._idle.append(worker)

    def idle(self) -> set[Worker]:
        """Those that nobody holds now."""
        with self._lock:
            return set(self._idle)

    def claim(self, call: Call) -> Worker | None:
        """Take an idle worker; None if there is none or another waiting call is owed it."""
        with self._lock:
            owed = any(other.waiting and other.held < call.held for other in self._calls)
            if owed or not self._idle:
                call.waiting = True
                return None
            call.held += 1
            call.waiting = False
            return self._idle.popleft()

    def rest(self, call: Call) -> None:
        """Say that ``call`` wants no further worker for now."""
        with self._lock:
            call.waiting = False

    def give_back(self, call: Call, worker: Worker | None) -> None:
        """Return a worker; None if it was lost."""
        with self._lock:
            call.held -= 1
            if worker is not None:
                self._idle.append(worker)
