"""Whether a run goes on: its steps are asked for now and then, and the answer is not waited for."""

import time

from workers.cluster.calls import Reference, control, finished, result_of
from workers.cluster.flight import Flight
from workers.cluster.timer import Timer

MOST_LOOKS = 4.0  # a stall is looked for at least so often in its time


class Pulse:
    """The pulse of one run.

    Args:
        flight: The run.
        every: Seconds between two questions.
        stall: Seconds without a step, or without an answer, after which it counts as stuck.
    """

    def __init__(self, flight: Flight, every: float, stall: float) -> None:
        self._flight, self.stall = flight, stall
        self._timer = Timer(min(every, stall / MOST_LOOKS))
        self._question: Reference | None = None
        self._told: tuple[int, float] | None = None
        self._moved = time.monotonic()

    def look(self) -> tuple[int, float] | None:
        """Steps and loss where they are news."""
        if self._question is None:
            if self._timer.due():
                actor = self._flight.seat.actor
                self._question = control(actor.progress, self._flight.ticket)
            return None
        if not finished([self._question], timeout=0):
            return None
        told, self._question = result_of(self._question), None
        if not isinstance(told, tuple) or told == self._told:
            return None
        self._told, self._moved = told, time.monotonic()
        return self._told

    @property
    def is_stuck(self) -> bool:
        """Whether it has not moved for too long."""
        return time.monotonic() - self._moved > self.stall
