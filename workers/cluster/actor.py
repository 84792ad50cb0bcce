"""The worker as Ray runs it: torch and the networks are loaded in its own process alone.

Whoever asks for workers pickles this class. Loading them there too would hold the first training back by
seconds, and cost the controller hundreds of MiB.

The class travels by value, annotations included. ``FolderTask[Any]`` is a class that pydantic keeps in
whichever module names it first, which may be another one there than here: it is written as text.
"""

import gc
from collections.abc import Sequence
from typing import Any

from workers.tasks.base import FolderTask
from workers.tasks.proxy import Candidate, ProxyTask
from workers.tasks.shares import Share


class TrainingActor:
    """A :class:`workers.cluster.worker.TrainingWorker`; arguments and answers are those of its methods."""

    def __init__(self, threads: int, device: str) -> None:
        gc.disable()  # it looks for garbage in what stays, which is a seventh of loading it
        from workers.cluster.worker import TrainingWorker  # noqa: PLC0415 - see above

        gc.freeze()
        gc.enable()
        self._worker = TrainingWorker(threads, device)

    def evaluate(self, ticket: str, task: ProxyTask, candidates: Sequence[Candidate]) -> Any:
        """Evaluate a pack."""
        return self._worker.evaluate(ticket, task, candidates)

    def listen(self, host: str) -> int:
        """Listen for those that are to share the next run."""
        return self._worker.listen(host)

    def run(
        self, ticket: str, task: "FolderTask[Any]", folder: str, share: Share | None = None
    ) -> Any:
        """Do a task in ``folder``, or a share of it."""
        return self._worker.run(ticket, task, folder, share)

    def stop(self, ticket: str) -> None:
        """Make a call return soon."""
        self._worker.stop(ticket)

    def progress(self, ticket: str) -> tuple[int, float] | None:
        """Steps and recent loss of a training."""
        return self._worker.progress(ticket)

    def facts(self) -> dict[str, str | int]:
        """Where this worker runs."""
        return self._worker.facts()
