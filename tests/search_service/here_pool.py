"""A pool that does in the caller's thread what workers do in theirs."""

from collections.abc import Callable, Sequence
from pathlib import Path

from search_service.jobs.pool import IdlePool, Result
from workers.cluster.worker import FUNCTIONS
from workers.proxy.proxy import evaluate_pack
from workers.tasks.base import FolderTask
from workers.tasks.proxy import Candidate, Outcome, ProxyTask


class HerePool(IdlePool):
    """Does what workers do, in the caller's thread."""

    def evaluate(
        self,
        task: ProxyTask,
        candidates: Sequence[Candidate],
        *,
        on_outcome: Callable[[Outcome], None],
        should_stop: Callable[[], bool],  # noqa: ARG002 - as all pools
    ) -> None:
        for outcome in evaluate_pack(task, candidates, device="cpu"):
            on_outcome(outcome)

    def run(
        self,
        task: FolderTask[Result],
        folder: Path,
        *,
        on_progress: Callable[[int, float], None],
        should_stop: Callable[[], bool],
    ) -> Result:
        work: Callable[..., Result] = FUNCTIONS[type(task)]
        return work(task, folder, device="cpu", on_progress=on_progress, should_stop=should_stop)
