"""What the controller needs of a pool of workers; ``workers.cluster.pool.WorkerPool`` is the real one."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from workers.tasks.gallery import GalleryResult, GalleryTask
from workers.tasks.loss_networks import LossNetworkResult, LossNetworkTask
from workers.tasks.proxy import Candidate, Outcome, ProxyTask
from workers.tasks.retraining import RetrainingResult, RetrainingTask


class Pool(Protocol):
    """Runs trainings somewhere else and hands their results back; used from several threads."""

    @property
    def actors(self) -> int:
        """How many trainings can run at once."""
        ...

    def evaluate(
        self,
        task: ProxyTask,
        candidates: Sequence[Candidate],
        *,
        on_outcome: Callable[[Outcome], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Evaluate all candidates; calls ``on_outcome`` in this thread as they finish, in any order.

        The scores depend on ``task`` and each candidate alone.

        Raises:
            Stopped: ``should_stop`` became true; it is asked about once a second.
            LossfitError: The task itself cannot be run.
        """
        ...

    def retrain(
        self,
        task: RetrainingTask,
        folder: Path,
        *,
        on_progress: Callable[[int, float], None],
        should_stop: Callable[[], bool],
    ) -> RetrainingResult:
        """Run a retraining, or go on with the one whose checkpoint is in ``folder``.

        Args:
            task: What to train.
            folder: For checkpoints and results.
            on_progress: Told the steps taken and the recent training loss, now and then.
            should_stop: As in :meth:`evaluate`.

        Raises:
            Stopped: ``should_stop`` became true; the last checkpoint stays in ``folder``.
            LossfitError: The task cannot be run.
        """
        ...

    def train_loss_network(
        self,
        task: LossNetworkTask,
        folder: Path,
        *,
        on_progress: Callable[[int, float], None],
        should_stop: Callable[[], bool],
    ) -> LossNetworkResult:
        """Train a loss network and write its weights into ``folder``; keeps no checkpoint.

        Args:
            task: What to train.
            folder: For the weights.
            on_progress: As in :meth:`retrain`.
            should_stop: As in :meth:`evaluate`.

        Raises:
            Stopped: ``should_stop`` became true; what was trained so far is lost.
            LossfitError: The task cannot be run.
        """
        ...

    def draw_gallery(
        self,
        task: GalleryTask,
        folder: Path,
        *,
        on_progress: Callable[[int, float], None],
        should_stop: Callable[[], bool],
    ) -> GalleryResult:
        """Draw predictions of trained networks side by side into ``folder``.

        Args:
            task: The networks and the images to choose from.
            folder: For the pictures.
            on_progress: Told the images looked at, now and then.
            should_stop: As in :meth:`evaluate`.

        Raises:
            Stopped: ``should_stop`` became true.
            LossfitError: The pictures cannot be drawn.
        """
        ...
