"""What a search publishes, from its recorded generations: a mean, or the best single candidate."""

from collections.abc import Sequence

import numpy as np

from search_service.samplers.contract import Proposal, SamplerResult, Theta, with_failures_filled
from surrogate_zoo.errors import WorkerError

ALL_FAILED = "Every proxy training failed; the trials tell why."


def mean_score(scores: Sequence[float | None]) -> float | None:
    """Mean score of a generation, failed candidates counted as its worst; None if all failed."""
    filled = with_failures_filled(scores)
    return float(np.mean(filled)) if filled else None


def best_mean(path: Sequence[Theta], scores: Sequence[float | None], *, of: int) -> SamplerResult:
    """Publish the mean whose generation scored highest; the earlier one of equals.

    Args:
        path: The policy's mean in every generation.
        scores: Mean score of every generation.
        of: Only this many generations from the first may be chosen, unless all of them failed.

    Raises:
        WorkerError: Every generation failed.
    """
    scored = [(score, i) for i, score in enumerate(scores) if score is not None]
    if not scored:
        raise WorkerError(ALL_FAILED)
    whole = [pair for pair in scored if pair[1] < of] or scored
    score, generation = max(whole, key=lambda pair: (pair[0], -pair[1]))
    return SamplerResult(path[generation], score, generation, tuple(path), tuple(scores))


class BestCandidate:
    """Follows a search that publishes the candidate of the best single score."""

    def __init__(self) -> None:
        """Nothing is scored yet."""
        self._best: tuple[float, Proposal] | None = None
        self._path: list[Theta] = []
        self._means: list[float | None] = []

    def note(self, batch: Sequence[Proposal], scores: Sequence[float | None]) -> None:
        """Take the scores of the next generation."""
        for proposal, score in zip(batch, scores, strict=True):
            if score is not None and (self._best is None or score > self._best[0]):
                self._best = score, proposal
        self._means.append(mean_score(scores))
        self._path.append(self._best[1].theta if self._best else batch[0].theta)

    def result(self) -> SamplerResult:
        """Publish it.

        Raises:
            WorkerError: Not one candidate got a score.
        """
        if self._best is None:
            raise WorkerError(ALL_FAILED)
        score, best = self._best
        return SamplerResult(
            best.theta, score, best.generation, tuple(self._path), tuple(self._means)
        )
