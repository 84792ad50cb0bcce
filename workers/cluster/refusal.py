"""Errors on their way from a worker to the caller. Needs no torch, since callers have none to load."""

from dataclasses import dataclass
from typing import NoReturn

from surrogate_zoo import errors
from workers.tasks.base import Stopped
from workers.tasks.failures import Failure


@dataclass(frozen=True)
class Refusal:
    """An error on its way from a worker to the caller.

    Attributes:
        kind: Name of the class in ``surrogate_zoo.errors``, ``Stopped``, or "" for an error that
            nobody raised on purpose.
        message: Its text.
        failure: Class of an error that may not come again elsewhere.
    """

    kind: str
    message: str
    failure: Failure | None = None

    def throw(self) -> NoReturn:
        """Raise the error; as an InputError where its own class needs more than a text."""
        if self.kind == Stopped.__name__:
            raise Stopped(self.message)
        if self.kind == errors.UnknownNameError.__name__:
            raise errors.InputError(self.message)
        raise getattr(errors, self.kind, errors.WorkerError)(self.message)
