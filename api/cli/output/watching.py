"""Follows a job to its end: bars of the job and of its phase in a terminal, a line an event in a log."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column

from api.cli.output.console import duration, err
from api.cli.output.event_lines import TUNING, line_of, phase
from api.client.jobs import Jobs
from api.event_schemas import (
    ErrorEvent,
    EvaluationEvent,
    JobEvent,
    LossNetworkEvent,
    ProgressEvent,
    RemarkEvent,
    StageEvent,
    StateEvent,
    TrialEvent,
)
from api.job_schemas import JobDetail
from search_service.store.states import CELL

_TITLE_WIDTH = 34
_ASKED = ("generation ", "training")
"""Begin of the stages whose trainings are the job's own steps."""


def follow(jobs: Jobs[Any], job_id: str, title: str) -> JobDetail:
    """Show a job until it is finished.

    Returns:
        The finished job.

    Raises:
        JobError: It failed or was cancelled.
        ServiceError: The service stayed away.
    """
    progress = jobs.get(job_id).progress
    better = max if progress.get("higher_is_better", True) else min
    with bars_on(err) as bars:
        return jobs.wait(job_id, Shown(bars, title, progress.get("total"), better))


class Bar:
    """One bar, with the time that is left by how long its steps took, as the events tell.

    Who comes late reads old events at once, so the clock here says nothing.
    """

    def __init__(
        self, bars: Progress, title: str, total: float | None, began: datetime | None
    ) -> None:
        self._bars, self._began, self._from = bars, began, 0
        self.done, self._total = 0, total
        self._task: TaskID = bars.add_task(title, total=total, best="", left="")

    def begin(self, at: datetime) -> None:
        """Count the time of steps from here on."""
        self._began, self._from = at, self.done

    def step_to(self, done: int, at: datetime, total: float | None = None) -> None:
        """So many steps are done, of so many."""
        self.done, self._total = done, self._total if total is None else total
        self._bars.update(self._task, completed=done, total=self._total, left=self._left(at))

    def tell(self, best: str) -> None:
        """Change what stands beside the bar."""
        self._bars.update(self._task, best=best)

    def remove(self) -> None:
        """Take it away."""
        self._bars.remove_task(self._task)

    def _left(self, at: datetime) -> str:
        steps = self.done - self._from
        if self._began is None or steps <= 0 or not self._total or self.done >= self._total:
            return ""
        each = (at - self._began).total_seconds() / steps
        return f"{duration(each * (self._total - self.done))} left"


class Shown:
    """Shows the events of one job.

    Args:
        bars: Where to.
        title: What the job is called.
        total: Steps of the job, where they are known.
        better: Takes the better of two scores.
    """

    def __init__(
        self, bars: Progress, title: str, total: int | None, better: Callable[[float, float], float]
    ) -> None:
        self._bars = bars
        self._better = better
        self._title = title
        self._whole = Bar(bars, title, total, None)
        self._phase: Bar | None = None
        self._stage = ""
        self._best: float | None = None

    def __call__(self, event: JobEvent) -> None:
        """Show an event."""
        match event:
            case StateEvent(state="running"):
                self._whole.begin(event.at)
            case StageEvent():
                self._begin(event)
            case TrialEvent():
                self._on_trial(event)
            case EvaluationEvent():
                self._on_evaluation(event)
            case ProgressEvent():
                self._on_progress(event)
            case _:
                pass
        self._log(event)

    def _log(self, event: JobEvent) -> None:
        if isinstance(event, ErrorEvent):
            return  # the command's own error says why
        told = isinstance(event, StateEvent | LossNetworkEvent | RemarkEvent)
        if told or not err.is_terminal:
            line = line_of(self._title, event)
            self._bars.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _begin(self, event: StageEvent) -> None:
        """Show a bar of its own for a phase of the job."""
        if self._phase is not None:
            self._phase.remove()
        self._phase, self._stage = None, event.stage
        if event.stage != "training":
            title = f"  {phase(event.stage)}"
            self._phase = Bar(self._bars, title, event.trainings, event.at)

    def _on_trial(self, event: TrialEvent) -> None:
        self._whole.step_to(self._whole.done + 1, event.at)
        if self._stage.startswith(_ASKED):
            self._step(event)
        if event.score is not None:
            best = event.score if self._best is None else self._better(event.score, self._best)
            self._best = best
            self._whole.tell(best=f"best {best:.4f}")

    def _on_evaluation(self, event: EvaluationEvent) -> None:
        if self._stage == event.stage:
            self._step(event)
        if event.stage.startswith(TUNING):  # a comparison's trainings, as its cells are
            self._whole.step_to(self._whole.done + 1, event.at)
        elif event.stage == CELL and self._phase is not None:
            self._phase.remove()
            self._phase = None

    def _on_progress(self, event: ProgressEvent) -> None:
        if event.stage is None:
            self._whole.step_to(event.done, event.at, event.total)
        elif self._phase is not None:
            self._phase.step_to(event.done, event.at, event.total)

    def _step(self, event: JobEvent) -> None:
        if self._phase is not None:
            self._phase.step_to(self._phase.done + 1, event.at)


def bars_on(console: Console) -> Progress:
    """Bars without a task, on a console."""
    # Where the terminal is narrow, the bar gives way, and then the end of the title.
    title = Column(no_wrap=True, overflow="ellipsis", max_width=_TITLE_WIDTH)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False, table_column=title),
        BarColumn(),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[left]}", table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[best]}", table_column=Column(no_wrap=True)),
        console=console,
    )
