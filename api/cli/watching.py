"""Follows a job to its end: a progress bar in a terminal, a line a trial in a log."""

from collections.abc import Mapping
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

from api.cli.console import err
from api.client.client import Client, ServiceError, StreamedEvent

_ALWAYS_TOLD = ("state", "loss-network")
_LOSS_NETWORK = {
    "training": "training the {} first",
    "trained": "trained the {}",
    "found": "takes the {} that was trained before",
}


def follow(client: Client, job: str, title: str) -> dict[str, Any]:
    """Show the job at path ``job`` until it is finished.

    Returns:
        The finished job.

    Raises:
        ServiceError: It failed or was cancelled, or the service stayed away.
    """
    total = client.get(job)["progress"].get("total")
    with _bar() as bar:
        task = bar.add_task(title, total=total, best="")
        best: float | None = None
        for event in client.events(job):
            best = _better(best, event)
            match event.kind:
                case "trial":
                    bar.update(task, advance=1, best=f"best {best:.4f}" if best else "")
                case "progress":
                    done, total = event.body["done"], event.body["total"]
                    bar.update(
                        task, completed=done, total=total, description=_stage(title, event.body)
                    )
                case _:
                    pass
            if event.kind in _ALWAYS_TOLD or not err.is_terminal:
                bar.console.print(
                    _line(title, event), highlight=False, markup=False, soft_wrap=True
                )
    finished = client.get(job)
    if finished["state"] != "succeeded":
        reason = finished["error"] or "no reason was recorded"
        raise ServiceError(f"The {finished['kind']} {finished['id']} {finished['state']}: {reason}")
    return finished


def _bar() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[best]}"),
        console=err,
    )


def _better(best: float | None, event: StreamedEvent) -> float | None:
    score = event.body.get("score") if event.kind == "trial" else None
    return best if score is None else max(score, best or score)


def plain(kind: str) -> str:
    """The kind of a loss network in plain words."""
    return kind.replace("_", " ")


def measured(measures: Mapping[str, float]) -> str:
    """What was measured, in one line."""
    return ", ".join(f"{name} {_short(value)}" for name, value in measures.items())


def _stage(title: str, progress: Mapping[str, Any]) -> str:
    return f"{title}, {plain(progress['stage'])} first" if "stage" in progress else title


def _line(title: str, event: StreamedEvent) -> str:
    if event.kind == "state":
        return f"{title}: {event.body['state']}"
    if event.kind == "loss-network":
        told = _LOSS_NETWORK[event.body["status"]].format(plain(event.body["kind"]))
        values = measured(event.body.get("measures", {}))
        return f"{title}: {told} ({values})" if values else f"{title}: {told}"
    facts = [
        f"{name} {_short(value)}"
        for name, value in event.body.items()
        if name != "at" and value is not None
    ]
    return f"{title}: {event.kind}: {', '.join(facts)}"


def _short(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
