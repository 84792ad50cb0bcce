"""A pool that scores losses of the zoo by kind, learning rate and parameters, in a process too.

``python -m tests.search_service.searches.kinds SECONDS``: as ``tests.search_service.process``.
"""

import math
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any
from zlib import crc32

import numpy as np

from search_service.controller import Controller
from search_service.samplers.contract import Score
from search_service.settings import Settings
from surrogate_zoo.metrics.targets import Target
from tests.search_service.bowl import BowlPool
from tests.search_service.brief import draw_one_later
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

BASES: Mapping[str, Mapping[str, float]] = {
    "miou": {"surrogate-miou": 0.60, "lovasz": 0.55, "cross-entropy": 0.45},
    "macc": {"lovasz": 0.60, "surrogate-macc": 0.52, "cross-entropy": 0.50},
}
"""Metric -> kind of loss -> what it scores at its best; :data:`OTHERS` where it is not told."""
OTHERS = 0.40
BEST_RATE = 3.0
HOLD_OUT = "whole images"
NOISE = 0.002
"""Standard deviation of what a seed adds to a loss's score, of each loss apart."""


def scored(loss: Mapping[str, Any], rate: float, metric: str, seed: int) -> float:
    """The score of a loss, which falls by 0.1 for a factor of 10 between its rate and the best one.

    Mixtures with a fifth of cross entropy are 0.02 better than a loss alone; curves of a surrogate are
    0.05 worse at their ends than in the middle. A sum of two others is 0.05 worse than the worse one.
    """
    if loss["kind"] == "sum" and loss["terms"][1]["loss"]["name"] != "cross-entropy":
        parts = [scored(term["loss"], rate, metric, seed) for term in loss["terms"]]
        return min(parts) - 0.05
    share = float(loss["terms"][1]["weight"]) if loss["kind"] == "sum" and "scale" in loss else 0.0
    own = loss["terms"][0]["loss"] if share else loss
    name = str(own["name"])
    score = BASES.get(metric, {}).get(name, OTHERS) + 0.02 * (share > 0) - 0.1 * abs(share - 0.2)
    score -= 0.1 * abs(math.log10(rate / BEST_RATE))
    if points := [point for row in own.get("control_points", {}).values() for point in row]:
        score -= 0.1 * abs(float(np.mean(points)) - 0.5)
    drawn = np.random.default_rng([seed, crc32(f"{metric} {name} {share} {rate}".encode())])
    return score + NOISE * float(drawn.standard_normal())


def lacking(draft: Mapping[str, Any]) -> int:
    """How many scales a draft lacks."""
    inner = sum(lacking(term["loss"]) for term in draft.get("terms", ()))
    return inner + ("scale" in draft and draft["scale"] is None)


class KindPool(BowlPool):
    """Scores candidates by :func:`scored`; after a part of the schedule they score in proportion."""

    def outcome(self, task: ProxyTask, candidate: Candidate) -> Outcome:
        target = Target(task.metric)
        rate = (candidate.learning_rate or 0.0) / task.training.learning_rate
        done = task.stop_after or task.training.iterations
        share = done / task.training.iterations
        parts = {
            metric: share * scored(candidate.loss, rate, metric, task.seed)
            for metric in target.metrics
        }
        score = Score(target.score(parts) or 0.0, parts)
        return Outcome(
            candidate.number, score, parts, None, self.seconds, iterations=done,
            scales=(2.0,) * lacking(candidate.loss), hold_out=HOLD_OUT,
        )  # fmt: skip


if __name__ == "__main__":
    draw_one_later()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with Controller(Settings(), KindPool(seconds=float(sys.argv[1]))) as controller:
        controller.work(stop)
