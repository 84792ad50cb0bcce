"""What goes into and comes out of trainings on workers. Needs no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from surrogate_zoo.errors import SeglossError

Curve = tuple[tuple[int, float], ...]


class Stopped(SeglossError):  # noqa: N818 - a request that was met, not an error
    """The caller's ``should_stop`` became true; what had finished before was handed over."""


@dataclass(frozen=True)
class Candidate:
    """One candidate of a search.

    Attributes:
        number: Its trial number.
        loss: A loss file's content (``segloss/loss/v1``).
    """

    number: int
    loss: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of one candidate.

    Attributes:
        number: The candidate's trial number.
        score: The task's metric on the hold-out set, in 0..1; None where the candidate failed or
            was rejected.
        metrics: All metrics on the hold-out set; a metric with nothing to measure is left out.
        error: Why it failed or was rejected, or None.
        seconds: Wall-clock seconds of its training and evaluation; a pack's are shared evenly.
        curve: (iteration, mean training loss since the point before), about fifty points.
        worker: Where it ran: host, pid, device, threads and the version of torch. Scores repeat bit
            for bit on a CPU with the same thread count and version.
        iterations: Steps that it was trained for.
        rejected: Whether it was not trained because it is hopeless (see ``workers.rejection``).
    """

    number: int
    score: float | None
    metrics: Mapping[str, float]
    error: str | None
    seconds: float
    curve: Curve = ()
    worker: Mapping[str, str | int] = field(default_factory=dict)
    iterations: int = 0
    rejected: bool = False


@dataclass(frozen=True)
class RetrainingResult:
    """A finished retraining.

    Attributes:
        metrics: All metrics on the task's split; a metric with nothing to measure is left out.
        files: Names of the files written into its folder.
        seconds: Wall-clock seconds it took, interruptions left out.
    """

    metrics: Mapping[str, float]
    files: tuple[str, ...]
    seconds: float
