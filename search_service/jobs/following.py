"""A training on the workers on behalf of a job: progress as events, a stop as an interruption."""

import time
from math import isfinite
from pathlib import Path
from typing import TypeVar

from search_service.jobs import ledger
from search_service.jobs.run import Interrupted, Run
from workers.tasks.base import FolderTask, Stopped

_MOST_PROGRESS_EVENTS = 200

Result = TypeVar("Result")


def follow(
    run: Run,
    task: FolderTask[Result],
    folder: Path,
    *,
    total: int,
    stage: str | None = None,
) -> Result:
    """Let the pool train, and tell its progress as some 200 events, however long it is.

    Args:
        run: The run of the job.
        task: What to do.
        folder: Its folder; made if it is not there.
        total: Steps of the training.
        stage: What is trained, where the job trains something else after it.

    Raises:
        Interrupted: The job is to pause or to stop.
        LossfitError: The training cannot be run.
    """
    label = {} if stage is None else {"stage": stage}
    last_told = 0

    def tell(done: int, loss: float) -> None:
        nonlocal last_told
        if done - last_told >= total / _MOST_PROGRESS_EVENTS or done == total:
            last_told = done
            finite = loss if isfinite(loss) else None
            run.tell("progress", {"done": done, "total": total, "loss": finite, **label})

    folder.mkdir(parents=True, exist_ok=True)
    run.tell("stage", {"stage": stage or "training", "trainings": 1})
    began = time.monotonic()
    try:
        result = run.pool.run(task, folder, on_progress=tell, should_stop=run.should_stop)
    except Stopped as stopped:
        raise Interrupted from stopped
    finally:
        with run.writing.begin() as session:
            seconds = task.workers * (time.monotonic() - began)
            ledger.spend(session, run.job.id, seconds, trainings=1)
    if last_told < total:  # the pool looks now and then, and may miss the last steps
        run.tell("progress", {"done": total, "total": total, "loss": None, **label})
    return result
