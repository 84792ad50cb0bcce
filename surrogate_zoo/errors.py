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

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_MOST_NAMES = 100
_LONGEST = 128


class LossfitError(Exception):
    """Root of all errors raised on purpose; its text is one message meant for the user."""


class InputError(LossfitError, ValueError):
    """The caller's input is wrong; the message says what is wrong and what to do."""


def meant(name: object, names: Iterable[object]) -> str:
    """Ask whether the nearest of ``names`` was meant by ``name``, which is none of them; or ``""``."""
    known = {str(entry).lower(): str(entry) for entry in names}
    close = get_close_matches(_short(name).lower(), known, n=1, cutoff=0.6)
    return f"Did you mean {known[close[0]]!r}?" if close else ""


def unknown(kind: str, name: object, names: Iterable[object]) -> str:
    """What to say of a name that is none: which was meant, perhaps, and what there is.

    Args:
        kind: What it should have been the name of: ``metric``.
        name: What was written.
        names: Those that there are; of more than a hundred the nearest are told.
    """
    known = sorted({str(entry) for entry in names})
    told = f"There is no {kind} named {_short(name)!r}."
    if (close := meant(name, known)) != "":
        told = f"{told} {close}"
    if len(known) > _MOST_NAMES:
        nearest = get_close_matches(_short(name), known, n=_MOST_NAMES, cutoff=0.0)
        return f"{told} Known: {', '.join(sorted(nearest))} and {len(known) - _MOST_NAMES} more."
    return f"{told} Known: {', '.join(known)}."


def _short(name: object) -> str:
    """A name, cut off where it is longer than any that there is: what is near takes long to find."""
    text = str(name)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


class UnknownNameError(InputError, KeyError):
    """No entry of that name in a registry."""

    def __init__(self, kind: str, name: object, names: Iterable[object]) -> None:
        """Name the registry's ``kind``, the unknown ``name`` and the ``names`` that it has."""
        super().__init__(unknown(kind, name, names))

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
