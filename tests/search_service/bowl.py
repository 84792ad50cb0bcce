"""A pool whose scores are known functions of theta: quadratic bowls with their best points inside."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from search_service.jobs.pool import IdlePool
from search_service.samplers.contract import Proposal, Score
from search_service.samplers.registry import SAMPLERS
from search_service.searches.request import SearchRequest
from search_service.searches.space import space_of
from search_service.spaces.curves import CurveSpace
from search_service.spaces.space import Theta
from surrogate_zoo.losses.drafts import missing
from surrogate_zoo.losses.parameter_space import ControlPoints, ParameterSpace
from surrogate_zoo.metrics.targets import Target
from workers.tasks.base import Stopped
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

Scored = list[tuple[int, list[float], float | None]]

SCALE = 2.0
"""What is measured of every loss."""

HANDMADE = 0.5
"""What handmade losses score, which are no bowl."""


def optimum(dimension: int) -> np.ndarray:
    """Theta of the best score, 1."""
    return np.linspace(0.2, 0.8, dimension)


def bowl(theta: Sequence[float] | np.ndarray) -> float:
    """1 at the optimum, falling with the squared distance, in every dimension alike."""
    point = np.asarray(theta, dtype=np.float64)
    return float(1.0 - np.mean((point - optimum(len(point))) ** 2))


def alone(scores: Iterable[float | None]) -> list[Score | None]:
    """Scores of candidates that are the mean of no metrics, as a sampler with one objective takes."""
    return [None if score is None else Score(score, {}) for score in scores]


def scores_of(target: Target, theta: Sequence[float]) -> Score:
    """:func:`bowl` for the first of the target's metrics, and turned around for every other one."""
    parts = {m: bowl(theta[::-1] if index else theta) for index, m in enumerate(target.metrics)}
    return Score(target.score(parts) or 0.0, parts)


def curves_of(document: Mapping[str, Any]) -> ControlPoints:
    """Control points of a loss file, named as in the space of its search."""
    if document["kind"] != "sum":
        return dict(document["control_points"])
    losses = [term["loss"] for term in document["terms"]]
    return {
        f"{loss['metric']}:{curve}": points
        for loss in losses
        for curve, points in loss["control_points"].items()
    }


def curves_space(request: SearchRequest) -> CurveSpace:
    """The space of a request that searches curves."""
    space = space_of(request)
    assert isinstance(space, CurveSpace)
    return space


def expected(
    request: SearchRequest, start: Theta | None = None
) -> tuple[Scored, dict[str, list[float]]]:
    """Trials (number, theta, score) and published control points that a search must end with."""
    space = curves_space(request)
    curves = space.parameters
    trials: Scored = []

    def evaluate(batch: Sequence[Proposal]) -> list[Score | None]:
        # Through control points and back, as candidates travel.
        told = [
            curves.theta(curves.control_points(p.theta), curves.weights(p.theta)) for p in batch
        ]
        scores = [scores_of(space.target, theta.tolist()) for theta in told]
        trials.extend((p.number, list(p.theta), s) for p, s in zip(batch, scores, strict=True))
        return list(scores)

    result = SAMPLERS[request.sampler.name](space, request.sampler, evaluate, request.seed, start)
    return trials, curves.control_points(result.theta)


class BowlPool(IdlePool):
    """Scores candidates by :func:`scores_of` in the caller's thread.

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
            if task.stop_after != 1:  # a single step measures the scale of what was never trained
                self.evaluated.append((task.metric, candidate.number))
            on_outcome(self.outcome(task, candidate))

    def outcome(self, task: ProxyTask, candidate: Candidate) -> Outcome:
        """What becomes of a candidate; a handmade loss scores :data:`HANDMADE` in every metric."""
        target = Target(task.metric)
        if candidate.loss["kind"] == "handmade":
            score = Score(HANDMADE, dict.fromkeys(target.metrics, HANDMADE))
        else:
            score = scores_of(target, _theta(task.metric, candidate.loss))
        scales = (SCALE,) * missing(candidate.loss)
        return Outcome(candidate.number, score, score.parts, None, self.seconds, scales=scales)


def _theta(metric: str, document: Mapping[str, Any]) -> list[float]:
    """The theta that a candidate's loss file tells; of a sum with its weights."""
    whole = document["kind"] == "sum"
    losses = [term["loss"] for term in document["terms"]] if whole else [document]
    weights = [term["weight"] for term in document["terms"]] if whole else None
    space = ParameterSpace(metric, losses[0]["family"], mixed=whole)
    return [float(coordinate) for coordinate in space.theta(curves_of(document), weights)]
