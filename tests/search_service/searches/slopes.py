"""A bowl whose scores grow with training, each candidate's at a pace of its own, in a process too.

``python -m tests.search_service.searches.slopes SECONDS``: as ``tests.search_service.process``.
"""

import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from search_service.controller import Controller
from search_service.settings import Settings
from tests.search_service.bowl import BowlPool
from tests.search_service.brief import draw_one_later
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

SICK = 5  # every candidate whose number is one less than a multiple of it is rejected


def grown(score: float, iterations: int, total: int, seed: int = 0) -> float:
    """The score after some of the iterations: better candidates begin slower; the seed is noise."""
    share = iterations / total
    return score * share + (1 - share) * (1 - score) + 0.001 * seed


class SlopePool(BowlPool):
    """Scores candidates by :func:`grown`."""

    def evaluate(
        self,
        task: ProxyTask,
        candidates: Sequence[Candidate],
        *,
        on_outcome: Callable[[Outcome], None],
        should_stop: Callable[[], bool],
    ) -> None:
        total = task.training.iterations
        done = task.stop_after or total

        def grow(outcome: Outcome) -> None:
            if task.rejection is not None and outcome.number % SICK == SICK - 1:
                rejected = Outcome(outcome.number, None, {}, "hopeless", 0.0, rejected=True)
                on_outcome(rejected)
                return
            score = grown(float(outcome.score or 0.0), done, total, task.seed)
            metrics = {task.metric: score}
            on_outcome(replace(outcome, score=score, metrics=metrics, iterations=done))

        super().evaluate(task, candidates, on_outcome=grow, should_stop=should_stop)


if __name__ == "__main__":
    draw_one_later()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with Controller(Settings(), SlopePool(seconds=float(sys.argv[1]))) as controller:
        controller.work(stop)
