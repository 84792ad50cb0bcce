"""A short training with cross entropy that all candidates of a search start from.

Its state is one file below the job's folder, so that candidates start from the same bits wherever
they train. It follows from the task and its seed: one that is lost is made again.
"""

from typing import TypeVar

from search_service.jobs import stages
from search_service.jobs.external import ExternalTask
from search_service.jobs.run import Run
from surrogate_zoo.errors import WorkerError
from surrogate_zoo.losses.registry import LOSSES
from workers.tasks.proxy import Candidate, Outcome, ProxyTask, state_path

LOSS = "cross-entropy"

Task = TypeVar("Task", ProxyTask, ProxyTask | ExternalTask)


def warmed(run: Run, task: Task, iterations: int) -> Task:
    """The task with its warm start, which is trained first where it is not there.

    The warm-up takes the task's own schedule, shortened to ``iterations``, and its training images;
    it never sees the hold-out set. Candidates take over the network alone: each begins its schedule,
    and the optimiser, anew.

    Args:
        run: The run of the job.
        task: The proxy task; one of the user's own code has no warm-up.
        iterations: Length of the warm-up; 0 leaves the task as it is.

    Raises:
        Interrupted: The job is to pause or to stop; the warm-up begins anew when it is resumed.
        LossfitError: The task cannot be run, or the warm-up diverged.
    """
    if not iterations or not isinstance(task, ProxyTask):
        return task
    folder = run.folder.resolve() / f"warm-up-{task.seed}"
    path = state_path(folder, 0)
    if not path.exists():
        outcomes: list[Outcome] = []
        candidate = Candidate(0, LOSSES[LOSS].document())
        warm_up = _warm_up(task, iterations, str(folder))
        stages.evaluate(run, "warm-up", warm_up, [candidate], outcomes.append)
        if (reason := outcomes[0].error) is not None:
            raise WorkerError(f"The warm-up with {LOSS} failed. {reason} Lower the learning rate.")
    return task.model_copy(update={"warm_start": str(path)})


def _warm_up(task: ProxyTask, iterations: int, states: str) -> ProxyTask:
    """The task of the warm-up: its whole schedule, with the state kept at the end."""
    warmup = min(task.training.warmup, iterations - 1)
    schedule = task.training.model_copy(update={"iterations": iterations, "warmup": warmup})
    changes = {"training": schedule, "states": states, "stop_after": iterations}
    return task.model_copy(update={"rejection": None, "warm_start": None, **changes})
