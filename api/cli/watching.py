"""Follows a job to its end: a progress bar in a terminal, a line a trial in a log."""

from collections.abc import Callable, Mapping
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from api.cli.console import err
from api.client.jobs import Jobs
from api.event_schemas import (
    JobEvent,
    LossNetworkEvent,
    ProgressEvent,
    RemarkEvent,
    StateEvent,
    TrialEvent,
)
from api.job_schemas import JobDetail

_TITLE_WIDTH = 34
_LOSS_NETWORK = {
    "training": "training the {} first",
    "trained": "trained the {}",
    "found": "takes the {} that was trained before",
}


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
    with _bar() as bar:
        return jobs.wait(job_id, _Shown(bar, title, progress.get("total"), better))


class _Shown:
    """Shows the events of one job.

    Args:
        bar: Where to.
        title: What the job is called.
        total: Steps of the bar, where they are known.
        better: Takes the better of two scores.
    """

    def __init__(
        self, bar: Progress, title: str, total: int | None, better: Callable[[float, float], float]
    ) -> None:
        self._bar = bar
        self._better = better
        self._title = title
        self._task = bar.add_task(title, total=total, best="")
        self._best: float | None = None

    def __call__(self, event: JobEvent) -> None:
        match event:
            case TrialEvent(score=score):
                self._advance(score)
            case ProgressEvent(done=done, total=total):
                title = _stage(self._title, event)
                self._bar.update(self._task, completed=done, total=total, description=title)
            case _:
                pass
        if isinstance(event, StateEvent | LossNetworkEvent | RemarkEvent) or not err.is_terminal:
            line = _line(self._title, event)
            self._bar.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _advance(self, score: float | None) -> None:
        if score is not None:
            self._best = score if self._best is None else self._better(score, self._best)
        best = "" if self._best is None else f"best {self._best:.4f}"
        self._bar.update(self._task, advance=1, best=best)


def _bar() -> Progress:
    # Where the terminal is narrow, the bar gives way, and then the end of the title.
    title = Column(no_wrap=True, overflow="ellipsis", max_width=_TITLE_WIDTH)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False, table_column=title),
        BarColumn(),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[best]}"),
        console=err,
    )


def plain(kind: str) -> str:
    """The kind of a loss network in plain words."""
    return kind.replace("_", " ")


def measured(measures: Mapping[str, float]) -> str:
    """What was measured, in one line."""
    return ", ".join(f"{name} {_short(value)}" for name, value in measures.items())


def _stage(title: str, progress: ProgressEvent) -> str:
    return title if progress.stage is None else f"{plain(progress.stage)} first"


def _line(title: str, event: JobEvent) -> str:
    match event:
        case StateEvent():
            return f"{title}: {event.state}" + (f": {event.reason}" if event.reason else "")
        case RemarkEvent():
            return f"{title}: {event.text}"
        case LossNetworkEvent():
            told = _LOSS_NETWORK[event.status].format(plain(event.kind))
            values = measured(event.measures)
            return f"{title}: {told} ({values})" if values else f"{title}: {told}"
        case _:
            body = event.model_dump(exclude={"event", "sequence", "at"}, exclude_none=True)
            facts = ", ".join(f"{name} {_short(value)}" for name, value in body.items())
            return f"{title}: {event.event}: {facts}"


def _short(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
