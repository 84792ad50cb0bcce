"""A pool that scores margins of embeddings by a known function of them, in a process too.

``python -m tests.search_service.searches.margin_pool SECONDS``: as ``tests.search_service.process``.
"""

import math
import signal
import sys
import threading
from zlib import crc32

import numpy as np

from search_service.controller import Controller
from search_service.samplers.contract import Score
from search_service.settings import Settings
from surrogate_zoo.metrics.targets import Target
from tests.search_service.bowl import BowlPool
from tests.search_service.brief import draw_one_later
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

HOLD_OUT = "whole images"
NOISE = 0.002
BEST = {"delta_v": 0.3, "beta": 1.0}
"""Where the score is highest; with 8 channels, clustered with its own delta_d, at the schedule's rate."""


def scored(candidate: Candidate, rate: float, seed: int) -> float:
    """0.7 at the best margins, falling with the logarithms of what differs from them."""
    loss = next(t["loss"] for t in candidate.loss["terms"] if t["loss"]["loss"] == "discriminative")
    clustering = candidate.clustering
    assert clustering is not None
    assert clustering.radius is not None
    margins = loss["parameters"]
    away = {
        **{name: margins[name] / best for name, best in BEST.items()},
        "rate": rate,
        "width": (candidate.embedding or 1) / 8,
        "radius": clustering.radius / margins["delta_d"],
    }
    score = 0.7 - 0.1 * sum(abs(math.log(each)) for each in away.values())
    drawn = np.random.default_rng([seed, crc32(repr(sorted(away.items())).encode())])
    return score + NOISE * float(drawn.standard_normal())


class MarginPool(BowlPool):
    """Scores candidates by :func:`scored` in every metric; a part of the schedule in proportion.

    Args:
        seconds: What a candidate takes.
        paper: What the paper's margins score in any case; None scores them as others.
    """

    def __init__(self, seconds: float = 0.0, paper: float | None = None) -> None:
        super().__init__(seconds)
        self.paper = paper

    def outcome(self, task: ProxyTask, candidate: Candidate) -> Outcome:
        target = Target(task.metric)
        rate = (candidate.learning_rate or 0.0) / task.training.learning_rate
        done = task.stop_after or task.training.iterations
        score = scored(candidate, rate, task.seed)
        if self.paper is not None and _is_papers(candidate):
            score = self.paper
        parts = dict.fromkeys(target.metrics, score * done / task.training.iterations)
        told = Score(target.score(parts) or 0.0, parts)
        return Outcome(
            candidate.number, told, parts, None, self.seconds, iterations=done, hold_out=HOLD_OUT
        )


def _is_papers(candidate: Candidate) -> bool:
    (loss,) = (term["loss"] for term in candidate.loss["terms"] if term["loss"]["parameters"])
    margins = loss["parameters"]
    return (margins["delta_v"], margins["delta_d"], margins["beta"]) == (0.5, 1.5, 1.0)


if __name__ == "__main__":
    draw_one_later()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with Controller(Settings(), MarginPool(seconds=float(sys.argv[1]))) as controller:
        controller.work(stop)
