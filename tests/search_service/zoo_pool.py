"""A pool whose scores are a known function of a candidate's loss, its rate and the seed: no training."""

import hashlib
import json
from collections.abc import Callable, Sequence

from search_service.jobs.pool import IdlePool
from surrogate_zoo.losses.drafts import missing
from surrogate_zoo.metrics.targets import Target
from workers.tasks.base import Stopped
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

SECONDS = 6.0
"""What a whole training takes."""

METRICS = ("macc", "miou", "bf1", "gacc")


class ZooPool(IdlePool):
    """Scores candidates in the caller's thread."""

    def __init__(self) -> None:
        self.evaluated: list[int] = []  # numbers in the order of evaluation

    def evaluate(
        self,
        task: ProxyTask,
        candidates: Sequence[Candidate],
        *,
        on_outcome: Callable[[Outcome], None],
        should_stop: Callable[[], bool],
    ) -> None:
        for candidate in candidates:
            if should_stop():
                raise Stopped
            self.evaluated.append(candidate.number)
            on_outcome(outcome(task, candidate))


def outcome(task: ProxyTask, candidate: Candidate) -> Outcome:
    """What becomes of a candidate; the first quarter of a training tells its end, but for a tenth."""
    iterations = task.stop_after or task.training.iterations
    share = iterations / task.training.iterations
    metrics = {name: 0.1 * share + 0.9 * _drawn(name, task.seed, candidate) for name in METRICS}
    score = Target(task.metric).score(metrics)
    seconds = SECONDS * share
    return Outcome(
        candidate.number,
        score,
        metrics,
        None,
        seconds,
        iterations=iterations,
        scales=(0.5 + _drawn("scale", 0, candidate),) * missing(candidate.loss),
        hold_out="a fifth",
    )


def _drawn(metric: str, seed: int, candidate: Candidate) -> float:
    """A number in 0..1 that metric, loss and rate decide, and the seed a little."""
    loss = {name: value for name, value in candidate.loss.items() if name != "sha256"}
    told = json.dumps([metric, loss, candidate.learning_rate], sort_keys=True)
    return 0.95 * _number(told) + 0.05 * _number(f"{seed}{told}")


def _number(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48
