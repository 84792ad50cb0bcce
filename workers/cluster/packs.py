"""Packs of candidates on their way to workers, and what happens to those whose worker is lost."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workers.tasks.proxy import Candidate, Outcome

ATTEMPTS = 3  # workers that a candidate may lose before it counts as the culprit


@dataclass(frozen=True)
class Pack:
    """Candidates that train side by side.

    Attributes:
        candidates: The candidates.
        lost: How many workers were lost while they trained this pack.
    """

    candidates: tuple[Candidate, ...]
    lost: int = 0


def cut_packs(candidates: Sequence[Candidate], size: int) -> deque[Pack]:
    """Cut ``candidates`` into packs of at most ``size``, in order."""
    starts = range(0, len(candidates), size)
    return deque(Pack(tuple(candidates[start : start + size])) for start in starts)


def retry(pack: Pack, reason: str, on_outcome: Callable[[Outcome], None]) -> list[Pack]:
    """What to run again after a worker was lost with ``pack``.

    Its candidates come back one by one, so that one that kills its worker takes no other along. A
    candidate that lost three workers fails: ``on_outcome`` gets that, and nothing comes back.
    """
    lost = pack.lost + 1
    if lost < ATTEMPTS:
        return [Pack((candidate,), lost) for candidate in pack.candidates]
    for candidate in pack.candidates:
        error = f"worker lost {lost} times: {reason}"
        on_outcome(Outcome(candidate.number, None, {}, error, seconds=0.0))
    return []
