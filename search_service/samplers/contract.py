"""A sampler's contract: a search is a deterministic function of its seed and of ``evaluate``."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, TypeAlias

from search_service.spaces.space import Box, Theta
from surrogate_zoo.metrics.targets import Target


@dataclass(frozen=True)
class Proposal:
    """One candidate that a sampler wants scored.

    Attributes:
        number: 0, 1, 2, ... in the order of proposing.
        generation: Index of the batch it belongs to.
        theta: Its parameters; inside the box of a bounded space.
        is_mean: Whether it is the mean of the sampler's policy.
    """

    number: int
    generation: int
    theta: Theta
    is_mean: bool = False


class Score(float):
    """What a candidate scored, higher is better: a number that knows what it is the mean of.

    A sampler with one objective takes the number, one with several takes the parts. Both are merits
    (:meth:`surrogate_zoo.metrics.targets.Target.merit`): where lower is better, negated scores.

    Attributes:
        parts: Metric -> its merit, of every metric of the search's target.
    """

    __slots__ = ("parts",)

    parts: Mapping[str, float]

    def __new__(cls, mean: float, parts: Mapping[str, float]) -> Self:
        """Make the score of a weighted mean and its parts."""
        score = super().__new__(cls, mean)
        score.parts = parts
        return score

    @classmethod
    def of(cls, target: Target, score: float, measured: Mapping[str, float]) -> Self:
        """What a sampler is told of a candidate with this stored score and these metrics."""
        return cls(target.merit_of(score), target.merits(measured))


Evaluate: TypeAlias = Callable[[Sequence[Proposal]], Sequence[Score | None]]
"""Scores a batch, in its order; None where a candidate failed."""


@dataclass(frozen=True)
class SamplerResult:
    """What a search found.

    What is published differs. PPO2 and CMA-ES have a policy, and publish the mean of the generation
    whose mean score was the highest: the score averages over a generation, so noise in single
    trainings hardly enters it, but it is the score of the neighbourhood of theta and usually below
    that of theta itself. TPE and GP publish the candidate from which a Gaussian process through all
    scores expects most, and that expectation: noise is smoothed away as far as neighbours tell.
    NSGA-II does likewise with every metric, and publishes of the candidates that no other one beats
    the one whose expected scores have the best weighted mean.
    Random search, the control, publishes the theta of the best single score: that score is the
    maximum of many noisy ones, hence too high. These kinds of scores are not comparable;
    compare samplers by training with what they publish.

    Attributes:
        theta: The parameters to publish.
        score: The score that they were chosen by; see above. A merit, like the mean scores, until
            :meth:`in_scores_of` is asked.
        generation: Generation that they belong to.
        path: The policy's mean in every generation (PPO2, CMA-ES), or the theta of the best single
            score so far.
        mean_scores: Mean score of every generation, failed candidates counted as its worst; None
            where all its candidates failed.
        trial: Number of the candidate that has these parameters; None of a policy's mean.
    """

    theta: Theta
    score: float
    generation: int
    path: tuple[Theta, ...]
    mean_scores: tuple[float | None, ...]
    trial: int | None = None

    def in_scores_of(self, target: Target) -> Self:
        """The result with scores of the target in place of merits, as they are stored and shown."""
        means = (None if mean is None else target.merit_of(mean) for mean in self.mean_scores)
        return replace(self, score=target.merit_of(self.score), mean_scores=tuple(means))


class Sampler(Protocol):
    """A sampler: its proposals follow from ``space``, ``spec``, ``seed``, ``start`` and the scores.

    It keeps its own random generators and neither reads nor moves a global one, so searches in
    threads of one process do not disturb each other. It may be run again with recorded scores: it
    then makes the very same proposals. What ``evaluate`` raises passes through.
    """

    def __call__(
        self,
        space: Box,
        spec: Any,
        evaluate: Evaluate,
        seed: int,
        start: Theta | None = None,
    ) -> SamplerResult:
        """Search ``space`` as ``spec`` (an entry of ``sampler_specs.SamplerSpec``) says.

        Args:
            space: What to search.
            spec: The sampler's options.
            evaluate: Scores a batch.
            seed: Of the sampler's generators.
            start: Where to begin; None takes the straight line.

        Raises:
            WorkerError: Not one candidate got a score.
        """
        ...


def with_failures_filled(scores: Sequence[float | None]) -> list[float] | None:
    """Give failed candidates the worst score of their generation; None if all of it failed.

    A failed training tells that its parameters are bad, not how bad; the worst score that was seen
    beside it keeps the update's scale. The same holds for a candidate that was rejected before it
    was trained: those score like the worst of the others where they are trained anyway
    (``benchmarks/results/cheaper-proxies``).
    """
    finite = [score for score in scores if score is not None]
    if not finite:
        return None
    worst = min(finite)
    return [worst if score is None else score for score in scores]
