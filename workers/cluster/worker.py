"""What lives in a worker process: it evaluates and trains, one thing at a time, and can be stopped."""

import logging
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import torch

from surrogate_zoo import errors
from surrogate_zoo.entry_points import brought_by
from surrogate_zoo.files import is_away
from workers.cluster.refusal import Refusal
from workers.learning.device import choose_device, worker_facts
from workers.learning.sharing import joined, listening
from workers.loss_networks.training import train_loss_network
from workers.proxy.dry_run import dry_run_pack
from workers.proxy.kept import forget
from workers.proxy.proxy import evaluate_pack
from workers.retraining.retraining import assist, retrain
from workers.scoring.gallery import draw_gallery
from workers.tasks.base import FolderTask, Stopped
from workers.tasks.datasets import DryRunSource
from workers.tasks.failures import Failure
from workers.tasks.gallery import GalleryTask
from workers.tasks.loss_networks import LossNetworkTask
from workers.tasks.proxy import Candidate, Outcome, ProxyTask
from workers.tasks.retraining import RetrainingTask
from workers.tasks.shares import Share

log = logging.getLogger(__name__)

Result = TypeVar("Result")


FUNCTIONS: Mapping[type[FolderTask[Any]], Callable[..., Any]] = {
    RetrainingTask: retrain,
    LossNetworkTask: train_loss_network,
    GalleryTask: draw_gallery,
}
"""Type of a task -> what does it: takes task, folder, device, on_progress and should_stop."""

ASSISTANTS: Mapping[type[FolderTask[Any]], Callable[..., None]] = {RetrainingTask: assist}
"""Type of a task that several workers may do together -> what all but the first do: takes task, folder, share
and device. What the first does takes ``share`` too."""


class TrainingWorker:
    """Runs trainings in its own process. Decoded datasets stay in memory between calls.

    Trainings must come one at a time; ``stop``, ``progress`` and ``facts`` may come at any time
    from other threads. Errors are returned as :class:`Refusal`, since exceptions with arguments of
    their own do not survive the way between processes.

    Args:
        threads: CPU threads of a training; scores repeat bit for bit for the same number.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:<n>``.
    """

    def __init__(self, threads: int, device: str) -> None:
        self._threads = threads
        self._device = device
        self._lock = threading.Lock()
        self._stopped: set[str] = set()
        self._progress: dict[str, tuple[int, float]] = {}
        self._meeting: socket.socket | None = None
        torch.set_num_threads(threads)

    def evaluate(
        self, ticket: str, task: ProxyTask, candidates: Sequence[Candidate]
    ) -> list[Outcome] | Refusal:
        """Evaluate a pack; ``ticket`` names this call for :meth:`stop`."""
        torch.set_num_threads(self._threads)  # a setting of the calling thread

        def progress(steps: int) -> None:
            with self._lock:
                self._progress[ticket] = (steps, 0.0)
            if self._is_stopped(ticket):
                raise Stopped("The evaluation was stopped.")

        try:
            evaluated = dry_run_pack if isinstance(task.dataset, DryRunSource) else evaluate_pack
            return evaluated(task, candidates, device=self._device, progress=progress)
        except Exception as error:  # noqa: BLE001 - goes to the caller
            return _refusal(error)
        finally:
            with self._lock:
                self._progress.pop(ticket, None)

    def listen(self, host: str) -> int:
        """Listen for those that are to share the next run; ``host`` is an address of this machine.

        Returns:
            The port.
        """
        if self._meeting is not None:
            self._meeting.close()
        self._meeting = listening(host)
        return int(self._meeting.getsockname()[1])

    def run(
        self, ticket: str, task: FolderTask[Result], folder: str, share: Share | None = None
    ) -> Result | Refusal | None:
        """Do a task in ``folder`` and tell its progress; ``ticket`` names this call.

        Args:
            ticket: The call's name.
            task: What to do.
            folder: Where.
            share: The part in it of this worker where several do it together.

        Returns:
            The result; None of a share that is not the first.
        """
        torch.set_num_threads(self._threads)
        forget()  # a search's images and networks, which this task has no use for
        try:
            if share is None:
                return self._do(ticket, task, folder)
            with joined(share, choose_device(self._device), self._meeting):
                if share.rank == 0:
                    return self._do(ticket, task, folder, share=share)
                ASSISTANTS[type(task)](task, Path(folder), share, device=self._device)
                return None
        except Exception as error:  # noqa: BLE001 - goes to the caller
            return _refusal(error)
        finally:
            with self._lock:
                self._progress.pop(ticket, None)

    def _do(self, ticket: str, task: FolderTask[Result], folder: str, **share: Share) -> Result:
        def on_progress(steps: int, loss: float) -> None:
            with self._lock:
                self._progress[ticket] = (steps, loss)

        result: Result = FUNCTIONS[type(task)](
            task,
            Path(folder),
            device=self._device,
            on_progress=on_progress,
            should_stop=lambda: self._is_stopped(ticket),
            **share,
        )
        return result

    def stop(self, ticket: str) -> None:
        """Make the call named ``ticket`` return soon, also if it has not begun."""
        with self._lock:
            self._stopped.add(ticket)

    def progress(self, ticket: str) -> tuple[int, float] | None:
        """Steps and recent loss of the training named ``ticket``; None before the first report.

        Of a pack steps alone.
        """
        with self._lock:
            return self._progress.get(ticket)

    def facts(self) -> dict[str, str | int]:
        """Where this worker runs."""
        torch.set_num_threads(self._threads)
        return worker_facts(choose_device(self._device))

    def _is_stopped(self, ticket: str) -> bool:
        with self._lock:
            return ticket in self._stopped


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, errors.WorkerError) and error.failure != "infeasible":
        return Refusal("", str(error), cast("Failure", error.failure))
    if isinstance(error, errors.LossfitError):
        return Refusal(type(error).__name__, str(error))
    if is_away(error):
        message = f"The disk takes nothing: {type(error).__name__}: {error}"
        return Refusal(errors.StorageAwayError.__name__, message)
    log.exception("A training failed unexpectedly")
    told = f"{type(error).__name__}: {error}"
    if (package := brought_by(error)) is not None:
        return Refusal(errors.InputError.__name__, f"The package {package} failed with {told}")
    return Refusal("", told, "memory" if _is_of_memory(error) else "unexpected")


def _is_of_memory(error: Exception) -> bool:
    """Whether memory ran out, of the machine or of the GPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)
