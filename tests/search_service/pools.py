"""The base of every pool that stands in for real workers: it satisfies ``Pool`` and runs nothing."""

from collections.abc import Callable, Sequence
from pathlib import Path

from workers.tasks.gallery import GalleryResult, GalleryTask
from workers.tasks.loss_networks import LossNetworkResult, LossNetworkTask
from workers.tasks.proxy import Candidate, Outcome, ProxyTask
from workers.tasks.retraining import RetrainingResult, RetrainingTask


class IdlePool:
    """One actor that refuses every task; a pool for a test overrides what the test needs."""

    @property
    def actors(self) -> int:
        return 1

    def evaluate(
        self,
        task: ProxyTask,
        candidates: Sequence[Candidate],
        *,
        on_outcome: Callable[[Outcome], None],
        should_stop: Callable[[], bool],
    ) -> None:
        raise NotImplementedError(f"{type(self).__name__} evaluates no candidates.")

    def retrain(
        self,
        task: RetrainingTask,
        folder: Path,
        *,
        on_progress: Callable[[int, float], None],
        should_stop: Callable[[], bool],
    ) -> RetrainingResult:
        raise NotImplementedError(f"{type(self).__name__} retrains nothing.")

    def train_loss_network(
        self,
        task: LossNetworkTask,
        folder: Path,
        *,
        on_progress: Callable[[int, float], None],
        should_stop: Callable[[], bool],
    ) -> LossNetworkResult:
        raise NotImplementedError(f"{type(self).__name__} trains no loss network.")

    def draw_gallery(
        self,
        task: GalleryTask,
        folder: Path,
        *,
        on_progress: Callable[[int, float], None],
        should_stop: Callable[[], bool],
    ) -> GalleryResult:
        raise NotImplementedError(f"{type(self).__name__} draws nothing.")
