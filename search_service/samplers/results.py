"""What a search publishes, from its recorded generations: a mean, or one of the candidates."""

from collections.abc import Sequence

import numpy as np

from search_service.samplers.contract import Proposal, SamplerResult, Score, with_failures_filled
from search_service.samplers.fronts import front
from search_service.samplers.smoothing import expected_scores
from search_service.spaces.space import Box, Theta
from surrogate_zoo.errors import WorkerError

ALL_FAILED = "Every proxy training failed; the trials tell why."


def mean_score(scores: Sequence[float | None]) -> float | None:
    """Mean score of a generation, failed candidates counted as its worst; None if all failed."""
    filled = with_failures_filled(scores)
    return float(np.mean(filled)) if filled else None


def parts_filled(
    scores: Sequence[Score | None], metrics: Sequence[str]
) -> list[tuple[float, ...] | None]:
    """A generation's scores on each metric; a failed candidate gets the worst that was seen in each.

    None for every candidate if all failed.
    """
    columns = [
        with_failures_filled([None if score is None else score.parts[metric] for score in scores])
        for metric in metrics
    ]
    whole = [column for column in columns if column is not None]
    return list(zip(*whole, strict=True)) if whole else [None] * len(scores)


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
        self._scored: list[tuple[Proposal, Score]] = []
        self._path: list[Theta] = []
        self._means: list[float | None] = []

    def note(self, batch: Sequence[Proposal], scores: Sequence[Score | None]) -> None:
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
        return self._publish([float(score) for _, score in self._scored])

    def best_expected(self, space: Box) -> SamplerResult:
        """Publish the candidate of the best :func:`expected score <expected_scores>`.

        Raises:
            WorkerError: Not one candidate got a score.
        """
        return self._publish(self._expected(space, [float(score) for _, score in self._scored]))

    def best_of_front(self, space: Box) -> SamplerResult:
        """Publish that candidate of the front whose expected scores have the best weighted mean.

        Which candidates are on the front, their scores themselves tell; the weights are those of
        the space's target.

        Raises:
            WorkerError: Not one candidate got a score.
        """
        target = space.target
        columns = [[score.parts[name] for _, score in self._scored] for name in target.metrics]
        expected = [self._expected(space, column) for column in columns]
        means = np.average(expected, axis=0, weights=[weight for weight, _ in target.terms])
        return self._publish(means.tolist(), among=front(np.transpose(columns)))

    def _expected(self, space: Box, scores: Sequence[float]) -> list[float]:
        """What each scored candidate would score on average."""
        if not scores:
            raise WorkerError(ALL_FAILED)
        points = np.array([p.theta for p, _ in self._scored]) / (space.high - space.low)
        expected: list[float] = expected_scores(points, np.array(scores)).tolist()
        return expected

    def _publish(
        self, scores: Sequence[float], among: Sequence[int] | None = None
    ) -> SamplerResult:
        if not scores:
            raise WorkerError(ALL_FAILED)
        best = max(range(len(scores)) if among is None else among, key=scores.__getitem__)
        proposal = self._scored[best][0]
        return SamplerResult(
            theta=proposal.theta,
            score=scores[best],
            generation=proposal.generation,
            path=tuple(self._path),
            mean_scores=tuple(self._means),
            trial=proposal.number,
        )


def _score(scored: tuple[Proposal, float]) -> float:
    return scored[1]
