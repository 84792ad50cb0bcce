"""A pool whose score is a known function of theta: a quadratic bowl with its best point inside."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from surrogate_zoo.parameters import ParameterSpace
from workers.candidates import Candidate, Outcome, RetrainingResult, Stopped
from workers.specs import ProxyTask, RetrainingTask


def optimum(dimension: int) -> np.ndarray:
    """Theta of the best score, 1."""
    return np.linspace(0.2, 0.8, dimension)


def bowl(theta: Sequence[float]) -> float:
    """1 at the optimum, falling with the squared distance, in every dimension alike."""
    point = np.asarray(theta, dtype=np.float64)
    return float(1.0 - np.mean((point - optimum(len(point))) ** 2))


class BowlPool:
    """Scores candidates by :func:`bowl` in the caller's thread, each after ``seconds``.

    Args:
        seconds: What a candidate takes.
        gate: If given, every candidate waits until it is set.
    """

    def __init__(self, seconds: float = 0.0, gate: threading.Event | None = None) -> None:
        self.seconds, self.gate = seconds, gate
        self.evaluated: list[tuple[str, int]] = []  # (metric, number) in the order of evaluation
        self.began = threading.Event()
        self._pause = threading.Event()

    def evaluate(
        self,
        task: ProxyTask,
        candidates: Sequence[Candidate],
        *,
        on_outcome: Callable[[Outcome], None],
        should_stop: Callable[[], bool],
    ) -> None:
        space = ParameterSpace(task.metric)
        for candidate in reversed(candidates):  # any order is allowed, so take an unexpected one
            self.began.set()
            while self.gate is not None and not self.gate.wait(0.02):
                if should_stop():
                    raise Stopped
            self._pause.wait(self.seconds)
            if should_stop():
                raise Stopped
            theta = space.theta(candidate.loss["control_points"])
            score = round(bowl(theta.tolist()), 6)
            self.evaluated.append((task.metric, candidate.number))
            on_outcome(Outcome(candidate.number, score, {task.metric: score}, None, self.seconds))

    def retrain(
        self,
        task: RetrainingTask,
        folder: Path,
        *,
        on_progress: Callable[[int, float], None],
        should_stop: Callable[[], bool],
    ) -> RetrainingResult:
        raise NotImplementedError
