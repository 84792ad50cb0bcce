"""A sampler's contract: a search is a deterministic function of its seed and of ``evaluate``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from surrogate_zoo.parameters import ParameterSpace


@dataclass(frozen=True)
class Proposal:
    """One candidate that a sampler wants scored.

    Attributes:
        number: 0, 1, 2, ... in the order of proposing.
        generation: Index of the batch it belongs to.
        theta: Its parameters, each in [0, 1]; length ``space.dimension``.
        is_mean: Whether it is the mean of the sampler's policy.
    """

    number: int
    generation: int
    theta: tuple[float, ...]
    is_mean: bool = False


Evaluate: TypeAlias = Callable[[Sequence[Proposal]], Sequence[float | None]]
"""Scores a batch, higher is better, in its order; None where a candidate failed."""


@dataclass(frozen=True)
class SamplerResult:
    """What a search found.

    Attributes:
        theta: The parameters to publish.
        score: The score that they were chosen by; of PPO2 the mean score of the generation that was
            sampled around them.
        generation: Generation that they belong to.
        path: The policy's mean in every generation (PPO2), or the best theta so far (random).
        mean_scores: Mean score of every generation; None where all its candidates failed.
    """

    theta: tuple[float, ...]
    score: float
    generation: int
    path: tuple[tuple[float, ...], ...]
    mean_scores: tuple[float | None, ...]


class Sampler(Protocol):
    """A sampler: its proposals follow from ``space``, ``spec``, ``seed`` and the scores alone.

    It keeps its own random generators and neither reads nor moves a global one, so searches in
    threads of one process do not disturb each other. It may be run again with recorded scores: it
    then makes the very same proposals. What ``evaluate`` raises passes through.
    """

    def __call__(
        self, space: ParameterSpace, spec: Any, evaluate: Evaluate, seed: int
    ) -> SamplerResult:
        """Search ``space`` as ``spec`` (an entry of ``requests.SamplerSpec``) says.

        Raises:
            WorkerError: Not one candidate got a score.
        """
        ...


def with_failures_filled(scores: Sequence[float | None]) -> list[float] | None:
    """Give failed candidates the worst score of their generation; None if all of it failed.

    A failed training tells that its parameters are bad, not how bad; the worst score that was seen
    beside it keeps the update's scale.
    """
    finite = [score for score in scores if score is not None]
    if not finite:
        return None
    worst = min(finite)
    return [worst if score is None else score for score in scores]
