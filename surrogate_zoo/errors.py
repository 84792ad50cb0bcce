"""Every error that lossfit raises on purpose.

::

    LossfitError
    ├── InputError          the caller's input is wrong (also a ValueError)
    │   ├── UnknownNameError    no metric, loss, dataset, network or sampler of that name (also a KeyError)
    │   ├── DatasetError        images, masks or splits on disk are missing or wrong; names the file
    │   └── LossFileError       a loss file is malformed or does not match its checksum
    ├── NotFoundError       a stored object (job, loss, dataset, artifact) does not exist
    ├── ConflictError       the stored object is in a state that does not allow this, or exists already
    ├── StorageError        disk or database could not take or give back the bytes
    │   └── StorageAwayError    for now: it is full, or does not answer; the same may succeed later
    └── WorkerError         a worker was lost, or a training could not be run
        └── WorkersAwayError    for now: no worker can be had; the same may succeed later
"""

from collections.abc import Sequence


class LossfitError(Exception):
    """Root of all errors raised on purpose; its text is one message meant for the user."""


class InputError(LossfitError, ValueError):
    """The caller's input is wrong; the message says what is wrong and what to do."""


class UnknownNameError(InputError, KeyError):
    """No entry of that name in a registry."""

    def __init__(self, kind: str, name: object, names: object) -> None:
        """Name the registry's ``kind``, the unknown ``name`` and the ``names`` that it has."""
        listed = ", ".join(sorted(str(entry) for entry in names))  # type: ignore[attr-defined]
        super().__init__(f"There is no {kind} named {name!r}. Known: {listed}.")

    def __str__(self) -> str:  # KeyError would print the repr
        return str(self.args[0])


class DatasetError(InputError):
    """Images, masks or splits on disk are missing or wrong; the message names the file.

    Attributes:
        faults: Everything that is wrong, a sentence each; the message may show the first of many.
    """

    def __init__(self, message: str, faults: Sequence[str] = ()) -> None:
        """Say what is wrong; ``faults`` where there is more than one thing."""
        super().__init__(message)
        self.faults = tuple(faults) or (message,)


class LossFileError(InputError):
    """A loss file is malformed, of another schema, or does not match its checksum."""


class NotFoundError(LossfitError):
    """A stored object does not exist."""


class ConflictError(LossfitError):
    """The stored object is in a state that does not allow this, or exists already."""


class StorageError(LossfitError):
    """Disk or database could not take or give back the bytes."""


class StorageAwayError(StorageError):
    """Disk or store does not take or give bytes now: it is full, or does not answer; try again later."""


class WorkerError(LossfitError):
    """A worker was lost too often, or a training could not be run.

    Attributes:
        failure: Which class of failure it is (``workers.tasks.failures``).
    """

    def __init__(self, message: str, failure: str = "infeasible") -> None:
        """Say why; a training that could not be run was infeasible unless something else is said."""
        super().__init__(message)
        self.failure = failure


class WorkersAwayError(WorkerError):
    """No worker can be had now: Ray is gone, or starts none; try again later."""

    def __init__(self, message: str) -> None:
        """Say why."""
        super().__init__(message, "infrastructure")
