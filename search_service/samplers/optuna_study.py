"""Optuna's samplers behind this package's contract: batches are asked, scored, and told."""

import threading
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import BaseSampler
from optuna.trial import Trial, TrialState

from search_service.samplers.contract import Evaluate, Proposal, SamplerResult
from search_service.samplers.results import Candidates
from search_service.spaces.space import Box, Theta

ASKING = threading.Lock()
"""Optuna's Gaussian process changes torch's thread count while it fits: one at a time."""


class Budget(Protocol):
    """What every specification of an Optuna sampler says.

    Attributes:
        trials: Proposals in total.
        batch: Proposals that are evaluated together.
    """

    @property
    def trials(self) -> int: ...  # noqa: D102

    @property
    def batch(self) -> int: ...  # noqa: D102


class BatchStudy:
    """An Optuna study in memory; its first proposal is the start.

    Args:
        space: The parameters; their box, widened to hold the start, is what Optuna draws from.
        sampler: Seeded, and of this study alone.
        start: The first proposal.
        objectives: Scores a candidate has, each to be maximised.
    """

    def __init__(self, space: Box, sampler: BaseSampler, start: Theta, objectives: int = 1) -> None:
        """Make the study."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # it reports every study otherwise
        self._names = space.names
        self._box = box(space, [start])
        self._study = optuna.create_study(directions=["maximize"] * objectives, sampler=sampler)
        self._study.enqueue_trial(dict(zip(space.names, start, strict=True)))
        self._asked: list[Trial] = []

    def ask(self, count: int) -> list[Theta]:
        """Propose a batch; each of it is chosen before the score of any is known."""
        with ASKING:
            self._asked = [self._study.ask(self._box) for _ in range(count)]
        return [tuple(float(t.params[name]) for name in self._names) for t in self._asked]

    def tell(self, scores: Sequence[Sequence[float] | None]) -> None:
        """Tell the scores of the batch that was asked last; None where a candidate failed.

        Optuna's samplers learn nothing from a failed candidate.
        """
        for trial, values in zip(self._asked, scores, strict=True):
            if values is None:
                self._study.tell(trial, state=TrialState.FAIL)
            else:
                self._study.tell(trial, values)


def box(space: Box, thetas: Sequence[Sequence[float]]) -> dict[str, BaseDistribution]:
    """Optuna's search space: the box of ``space``, widened to hold all of ``thetas``."""
    points = np.array(thetas, dtype=np.float64).reshape(-1, space.dimension)
    low = np.vstack([space.low, points]).min(axis=0).tolist()
    high = np.vstack([space.high, points]).max(axis=0).tolist()
    ranges = zip(space.names, low, high, strict=True)
    return {name: FloatDistribution(least, most) for name, least, most in ranges}


def search(
    space: Box,
    spec: Budget,
    sampler: BaseSampler,
    evaluate: Evaluate,
    start: Theta | None,
) -> SamplerResult:
    """Search for the best of one score, and publish the candidate of the best expected score.

    Raises:
        WorkerError: Not one candidate got a score.
    """
    study = BatchStudy(space, sampler, tuple(space.start.tolist()) if start is None else start)
    candidates = Candidates()
    for generation, first in enumerate(range(0, spec.trials, spec.batch)):
        thetas = study.ask(min(spec.batch, spec.trials - first))
        batch = [Proposal(number, generation, theta) for number, theta in enumerate(thetas, first)]
        scores = evaluate(batch)
        study.tell([None if score is None else (score,) for score in scores])
        candidates.note(batch, scores)
    return candidates.best_expected(space)
