"""A pool whose score is a known function of theta: a quadratic bowl with its best point inside."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from search_service.requests import SearchRequest
from search_service.samplers import SAMPLERS, Proposal, Theta
from surrogate_zoo.parameters import ControlPoints, ParameterSpace
from workers.candidates import Candidate, Outcome, RetrainingResult, Stopped
from workers.specs import ProxyTask, RetrainingTask

Scored = list[tuple[int, list[float], float | None]]


def optimum(dimension: int) -> np.ndarray:
    """Theta of the best score, 1."""
    return np.linspace(0.2, 0.8, dimension)


def bowl(theta: Sequence[float]) -> float:
    """1 at the optimum, falling with the squared distance, in every dimension alike."""
    point = np.asarray(theta, dtype=np.float64)
    return float(1.0 - np.mean((point - optimum(len(point))) ** 2))


def bowl_of_curves(space: ParameterSpace, control_points: ControlPoints) -> float:
    """:func:`bowl` of the theta that a candidate's curves tell."""
    return bowl(space.theta(control_points).tolist())


def expected(
    request: SearchRequest, start: Theta | None = None
) -> tuple[Scored, dict[str, list[float]]]:
    """Trials (number, theta, score) and published control points that a search must end with."""
    space = ParameterSpace(request.metric, request.family, request.segments)
    trials: Scored = []

    def evaluate(batch: Sequence[Proposal]) -> list[float | None]:
        scores = [bowl_of_curves(space, space.control_points(p.theta)) for p in batch]
        trials.extend((p.number, list(p.theta), s) for p, s in zip(batch, scores, strict=True))
        return list(scores)

    result = SAMPLERS[request.sampler.name](space, request.sampler, evaluate, request.seed, start)
    return trials, space.control_points(result.theta)


class BowlPool:
    """Scores candidates by :func:`bowl` in the caller's thread.

    Args:
        seconds: What a candidate takes.
        closed: Let nothing through until :attr:`gate` is set.
    """

    def __init__(self, seconds: float = 0.0, *, closed: bool = False) -> None:
        self.seconds = seconds
        self.gate = threading.Event()
        if not closed:
            self.gate.set()
        self.entered = threading.Semaphore(0)  # counts calls of evaluate
        self.evaluated: list[tuple[str, int]] = []  # (metric, number) in the order of evaluation

    def evaluate(
        self,
        task: ProxyTask,
        candidates: Sequence[Candidate],
        *,
        on_outcome: Callable[[Outcome], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self.entered.release()
        for candidate in reversed(candidates):  # any order is allowed, so take an unexpected one
            while not self.gate.wait(0.02):
                if should_stop():
                    raise Stopped
            threading.Event().wait(self.seconds)
            if should_stop():
                raise Stopped
            space = ParameterSpace(task.metric, candidate.loss["family"])
            score = bowl_of_curves(space, candidate.loss["control_points"])
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
        raise NotImplementedError("A bowl trains nothing.")
