"""The base of every pool that stands in for real workers: it satisfies ``Pool`` and runs nothing."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from workers.tasks.base import FolderTask
from workers.tasks.proxy import Candidate, Outcome, ProxyTask

Result = TypeVar("Result")


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

    def run(
        self,
        task: FolderTask[Result],
        folder: Path,
        *,
        on_progress: Callable[[int, float], None],
        should_stop: Callable[[], bool],
    ) -> Result:
        raise NotImplementedError(f"{type(self).__name__} does no {type(task).__name__}.")
