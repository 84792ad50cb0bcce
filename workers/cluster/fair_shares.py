"""Hands idle workers to calls that compete for them, so that none starves another.

A call that needs several at once gets all of them or none: no two calls can each hold what the other waits
for. Placement groups of Ray would not do here: a group waits for room that the pool's own workers hold while
they are idle, too (two workers on two CPUs, both idle: a group of two was not ready after 20 s), and it knows
nothing of the turns that calls take.
"""

import itertools
import threading
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

Worker = TypeVar("Worker", bound=Hashable)


@dataclass(eq=False)
class Call:
    """One caller.

    Attributes:
        held: How many workers it holds.
        waiting: Its turn since it asked for more in vain; None if it did not.
    """

    held: int = 0
    waiting: int | None = None


class FairShares(Generic[Worker]):
    """Idle workers and the calls that want them; every method may be called from any thread.

    Idle workers go to a call only if no other waiting call holds fewer, or as few and waits longer: with two
    calls that both have enough to do, each ends up with half of the workers, and one that needs several at
    once gets them as they come back.

    Args:
        place: Where a worker is; several that are handed out at once are of as few places as can be.
    """

    def __init__(self, place: Callable[[Worker], Hashable] = lambda _: None) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._idle: deque[Worker] = deque()
        self._calls: list[Call] = []
        self._turns = itertools.count()

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

    def claim(self, call: Call, number: int = 1) -> list[Worker]:
        """Take so many idle workers; none if there are fewer, or if another waiting call is owed them."""
        with self._lock:
            if call.waiting is None:
                call.waiting = next(self._turns)
            own = (call.held, call.waiting)
            owed = any(
                other.waiting is not None and (other.held, other.waiting) < own
                for other in self._calls
            )
            if owed or len(self._idle) < number:
                return []
            call.held += number
            call.waiting = None
            if number > 1:
                there = Counter(map(self._place, self._idle))
                order = {place: rank for rank, (place, _) in enumerate(there.most_common())}
                self._idle = deque(sorted(self._idle, key=lambda one: order[self._place(one)]))
            return [self._idle.popleft() for _ in range(number)]

    def rest(self, call: Call) -> None:
        """Say that ``call`` wants no further worker for now."""
        with self._lock:
            call.waiting = None

    def give_back(self, call: Call, worker: Worker | None) -> None:
        """Return a worker; None if it was lost."""
        with self._lock:
            call.held -= 1
            if worker is not None:
                self._idle.append(worker)
