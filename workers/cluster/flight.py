"""Runs that actors have been given, each by one of them or by several together."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.cluster.actors import Seat
from workers.cluster.calls import Lost, Reference, address_of, control, finished, result_of
from workers.cluster.packs import Ended
from workers.cluster.refusal import Refusal
from workers.tasks.base import FolderTask
from workers.tasks.failures import Failure
from workers.tasks.shares import Share

LISTEN_SECONDS = 30.0  # for an actor to say where it listens
TOGETHER_SECONDS = (
    30.0  # for those that train together to end when one of them does, and Ray to say why
)

CULPRITS: tuple[Failure, ...] = ("memory", "infrastructure", "lost", "unexpected", "stuck")
"""Failures of those that train together, each more likely the reason of the others' than the other way round:
where one ends, torch raises something in the others or lets them wait."""


@dataclass(frozen=True)
class Flight:
    """A run on its way, or the share of one actor in it.

    Attributes:
        seat: The actor that has it.
        ticket: Names it for :meth:`workers.cluster.worker.TrainingWorker.stop`.
        reference: Of its result.
    """

    seat: Seat
    ticket: str
    reference: Reference


def flown(seat: Seat, method: Any, *arguments: object) -> Flight:
    """Give an actor something to do."""
    ticket = uuid.uuid4().hex
    return Flight(seat, ticket, method.remote(ticket, *arguments))


def flown_together(seats: Sequence[Seat], task: FolderTask[Any], folder: Path) -> list[Flight]:
    """Give actors a task to do together, in ``folder``; the first of them does what one alone would do."""
    path = str(folder.resolve())
    if len(seats) == 1:
        return [flown(seats[0], seats[0].actor.run, task, path)]
    host = address_of(seats[0].node)
    asked = control(seats[0].actor.listen, host)
    port = result_of(asked) if finished([asked], LISTEN_SECONDS) else None
    # One that does not say it is lost, which its share tells as well; the others meet nobody at port 0.
    known = port if isinstance(port, int) else 0
    shares = [Share(rank, len(seats), host, known) for rank in range(len(seats))]
    return [
        flown(seat, seat.actor.run, task, path, share)
        for seat, share in zip(seats, shares, strict=True)
    ]


def outcome_of(flight: Flight) -> tuple[Ended | None, Any]:
    """How a run that has ended failed, or else its result."""
    result = result_of(flight.reference)
    if isinstance(result, Lost):
        return Ended(result.failure, result.reason), None
    if isinstance(result, Refusal) and result.failure is not None:
        return Ended(result.failure, result.message), None  # the process may be damaged
    return None, result


def outcomes_of(flights: Sequence[Flight]) -> list[tuple[Ended | None, Any]]:
    """As :func:`outcome_of`, of all that train together where one has failed; waits a while for them."""
    deadline = time.monotonic() + TOGETHER_SECONDS
    outcomes = []
    for flight in flights:
        patience = max(0.0, deadline - time.monotonic())
        if finished([flight.reference], patience):
            outcomes.append(outcome_of(flight))
        else:
            outcomes.append((Ended("stuck", "it did not end with the others"), None))
    return outcomes


def culprit_of(failures: Sequence[Ended]) -> Ended:
    """How several failed that trained together: as those did who were the reason."""
    failure = min((each.failure for each in failures), key=CULPRITS.index)
    reasons = dict.fromkeys(each.reason for each in failures if each.failure == failure)
    return Ended(failure, "; ".join(reasons))
