"""A run that an actor has been given."""

from dataclasses import dataclass

from workers.cluster.actors import Seat
from workers.cluster.calls import Reference


@dataclass(frozen=True)
class Flight:
    """A run on its way.

    Attributes:
        seat: The actor that has it.
        ticket: Names it for :meth:`workers.cluster.worker.TrainingWorker.stop`.
        reference: Of its result.
    """

    seat: Seat
    ticket: str
    reference: Reference
