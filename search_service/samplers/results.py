"""What a search publishes, from its recorded generations: a mean, or one of the candidates."""

from collections.abc import Sequence

import numpy as np

from search_service.samplers.contract import Proposal, SamplerResult, Theta, with_failures_filled
from search_service.samplers.smoothing import expected_scores
from surrogate_zoo.errors import WorkerError
from surrogate_zoo.parameters import ParameterSpace

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


class Candidates:
    """Follows a search that publishes one of its candidates."""

    def __init__(self) -> None:
        """Nothing is scored yet."""
        self._scored: list[tuple[Proposal, float]] = []
        self._path: list[Theta] = []
        self._means: list[float | None] = []

    def note(self, batch: Sequence[Proposal], scores: Sequence[float | None]) -> None:
        """Take the scores of the next generation."""
        pairs = zip(batch, scores, strict=True)
        self._scored += [(proposal, score) for proposal, score in pairs if score is not None]
        self._means.append(mean_score(scores))
        best = max(self._scored, key=_score, default=(batch[0], 0.0))
        self._path.append(best[0].theta)

    def best(self) -> SamplerResult:
        """Publish the candidate of the best single score; the earlier one of equals.

        Raises:
            WorkerError: Not one candidate got a score.
        """
        return self._publish([score for _, score in self._scored])

    def best_expected(self, space: ParameterSpace) -> SamplerResult:
        """Publish the candidate of the best :func:`expected score <expected_scores>`.

        Raises:
            WorkerError: Not one candidate got a score.
        """
        if not self._scored:
            raise WorkerError(ALL_FAILED)
        points = np.array([p.theta for p, _ in self._scored]) / (space.high - space.low)
        scores = np.array([score for _, score in self._scored])
        return self._publish(expected_scores(points, scores).tolist())

    def _publish(self, scores: Sequence[float]) -> SamplerResult:
        if not scores:
            raise WorkerError(ALL_FAILED)
        best = max(range(len(scores)), key=scores.__getitem__)
        proposal, path = self._scored[best][0], tuple(self._path)
        return SamplerResult(
            proposal.theta, scores[best], proposal.generation, path, tuple(self._means)
        )


def _score(scored: tuple[Proposal, float]) -> float:
    return scored[1]
