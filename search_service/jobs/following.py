"""A training on the workers on behalf of a job: progress as events, a stop as an interruption."""

from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any, Protocol, TypeVar

from search_service.jobs import run as runs
from workers.tasks.base import Spec, Stopped

_MOST_PROGRESS_EVENTS = 200

Result_co = TypeVar("Result_co", covariant=True)


class Training(Protocol[Result_co]):
    """A method of the pool that trains one thing."""

    def __call__(
        self,
        task: Any,
        folder: Path,
        *,
        on_progress: Callable[[int, float], None],
        should_stop: Callable[[], bool],
    ) -> Result_co:
        """See :class:`search_service.jobs.pool.Pool`."""
        ...


def follow(
    run: runs.Run,
    train: Training[Result_co],
    task: Spec,
    folder: Path,
    *,
    total: int,
    stage: str | None = None,
) -> Result_co:
    """Let the pool train, and tell its progress as some 200 events, however long it is.

    Args:
        run: The run of the job.
        train: Method of ``run.pool``.
        task: Its task.
        folder: Its folder; made if it is not there.
        total: Steps of the training.
        stage: What is trained, where the job trains something else after it.

    Raises:
        Interrupted: The job is to pause or to stop.
        LossfitError: The training cannot be run.
    """
    label = {} if stage is None else {"stage": stage}
    told = 0

    def tell(done: int, loss: float) -> None:
        nonlocal told
        if done - told >= total / _MOST_PROGRESS_EVENTS or done == total:
            told = done
            known = loss if isfinite(loss) else None
            run.tell("progress", {"done": done, "total": total, "loss": known, **label})

    folder.mkdir(parents=True, exist_ok=True)
    try:
        result = train(task, folder, on_progress=tell, should_stop=run.should_stop)
    except Stopped as stopped:
        raise runs.Interrupted from stopped
    if told < total:  # the pool looks now and then, and may miss the last steps
        run.tell("progress", {"done": total, "total": total, "loss": None, **label})
    return result
