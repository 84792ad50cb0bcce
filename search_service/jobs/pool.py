"""What the controller needs of a pool of workers; ``workers.cluster.pool.WorkerPool`` is the real one."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from workers.tasks.base import FolderTask
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

Result = TypeVar("Result")


class Pool(Protocol):
    """Runs trainings somewhere else and hands their results back; used from several threads."""

    @property
    def actors(self) -> int:
        """How many trainings can run at once."""
        ...

    @property
    def lost(self) -> str | None:
        """Why this pool is of no use any more, while another one may be; None while it is well."""
        ...

    def workers(self) -> Sequence[Mapping[str, str | int]]:
        """Every worker with its ``state`` (:data:`~search_service.store.states.WorkerState`).

        Of one that answers in time also ``host``, ``pid``, ``device``, ``threads`` and versions.
        """
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
            WorkersAwayError: No worker can be had for now.
            LossfitError: The task itself cannot be run.
        """
        ...

    def run(
        self,
        task: FolderTask[Result],
        folder: Path,
        *,
        on_progress: Callable[[int, float], None],
        should_stop: Callable[[], bool],
    ) -> Result:
        """Do a task, or go on with the one whose checkpoint is in ``folder``.

        Args:
            task: A retraining, the training of a loss network, a gallery.
            folder: For checkpoints and results, on a disk that this process and the workers share.
            on_progress: Told the steps taken and the recent training loss (of a gallery the images
                looked at and their disagreement), now and then.
            should_stop: As in :meth:`evaluate`.

        Raises:
            Stopped: ``should_stop`` became true; a checkpoint that was written stays in ``folder``.
            WorkersAwayError: No worker can be had for now.
            LossfitError: The task cannot be done.
        """
        ...


class IdlePool:
    """Stands where a job sends nothing to workers: one actor that refuses every task."""

    @property
    def actors(self) -> int:
        """As :attr:`Pool.actors`."""
        return 1

    @property
    def lost(self) -> str | None:
        """As :attr:`Pool.lost`."""
        return None

    def workers(self) -> Sequence[Mapping[str, str | int]]:
        """None."""
        return []

    def evaluate(
        self,
        task: ProxyTask,
        candidates: Sequence[Candidate],
        *,
        on_outcome: Callable[[Outcome], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Refuse the candidates."""
        raise NotImplementedError(f"{type(self).__name__} evaluates no candidates.")

    def run(
        self,
        task: FolderTask[Result],
        folder: Path,
        *,
        on_progress: Callable[[int, float], None],
        should_stop: Callable[[], bool],
    ) -> Result:
        """Refuse the task."""
        raise NotImplementedError(f"{type(self).__name__} does no {type(task).__name__}.")
