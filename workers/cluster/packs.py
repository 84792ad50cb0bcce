"""Packs of candidates on their way to workers, and what becomes of those that failed: budgets by class."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from workers.tasks.failures import Failure
from workers.tasks.proxy import Candidate, Outcome

ATTEMPTS: Mapping[Failure, int] = {"lost": 5, "unexpected": 2, "stuck": 2, "memory": 1}
"""How often a candidate, or a training, may fail of a class before it counts as the culprit.

Of those that are not here, ``infeasible`` and ``user`` are results, and ``infrastructure`` is nobody's.
"""


@dataclass(frozen=True)
class Ended:
    """How a run ended that brought no result.

    Attributes:
        failure: Of which class.
        reason: In a line.
    """

    failure: Failure
    reason: str


@dataclass(frozen=True)
class Pack:
    """Candidates that train side by side.

    Attributes:
        candidates: The candidates.
        origin: Number of the first candidate of the pack that it was cut from.
        failed: Classes of its failures so far, one for each.
    """

    candidates: tuple[Candidate, ...]
    origin: int
    failed: tuple[Failure, ...] = ()


def cut_packs(candidates: Sequence[Candidate], size: int) -> deque[Pack]:
    """Cut ``candidates`` into packs of at most ``size``, in order."""
    starts = range(0, len(candidates), size)
    return deque(
        Pack(tuple(candidates[start : start + size]), candidates[start].number) for start in starts
    )


def again(pack: Pack, ended: Ended, on_outcome: Callable[[Outcome], None]) -> list[Pack]:
    """What to run again of a pack that failed.

    Where memory was not enough its halves come back, where the machine was lost the pack as it is, and
    else its candidates one by one, so that the culprit takes no other along. A candidate whose budget is
    used up has failed: ``on_outcome`` gets that, and nothing comes back.
    """
    if ended.failure == "infrastructure":
        return [pack]
    if ended.failure == "memory" and len(pack.candidates) > 1:
        half = (len(pack.candidates) + 1) // 2
        return [
            replace(pack, candidates=part)
            for part in (pack.candidates[:half], pack.candidates[half:])
        ]
    failed = (*pack.failed, ended.failure)
    if len(pack.candidates) > 1 or may_go_on(failed):
        return [Pack((candidate,), pack.origin, failed) for candidate in pack.candidates]
    (candidate,) = pack.candidates
    error = verdict(failed, ended)
    on_outcome(Outcome(candidate.number, None, {}, error, seconds=0.0, failure=ended.failure))
    return []


def may_go_on(failed: Sequence[Failure]) -> bool:
    """Whether the last of these failures leaves something of the budget of its class."""
    return failed[-1] not in ATTEMPTS or failed.count(failed[-1]) < ATTEMPTS[failed[-1]]


def verdict(failed: Sequence[Failure], ended: Ended) -> str:
    """What is told of who has used its budget up."""
    times = failed.count(ended.failure)
    match ended.failure:
        case "memory":
            return f"Out of memory, also alone on its worker: {ended.reason}"
        case "lost":
            return f"worker lost {times} times: {ended.reason}"
        case _:
            return f"failed {times} times: {ended.reason}"
