"""A job's log: what happened to it that a person wants to know, a sentence each. Plain functions, no torch.

It is made of the job's events; trials and evaluations that went well, and progress, are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from search_service.store.tables import Event

Level: TypeAlias = Literal["info", "warning", "error"]

_TRAININGS = ("trial", "evaluation")


@dataclass(frozen=True)
class LogEntry:
    """Something that happened to a job.

    Attributes:
        sequence: Its number among the job's events.
        at: Aware UTC.
        level: How bad it is.
        event: What kind of event, as in the stream of them.
        message: A sentence.
        body: What is known of it.
    """

    sequence: int
    at: datetime
    level: Level
    event: str
    message: str
    body: Mapping[str, Any]


def entries(
    session: Session, job_id: str, *, after: int | None = None, limit: int = 100
) -> list[LogEntry]:
    """A job's log, the oldest first.

    Args:
        session: Reads.
        job_id: The job.
        after: Number of the last entry that the caller has.
        limit: How many at most.
    """
    failed = Event.kind.in_(_TRAININGS) & Event.body["error"].as_string().is_not(None)
    told = or_(Event.kind.not_in((*_TRAININGS, "progress")), failed)
    query = select(Event).where(Event.job_id == job_id, Event.sequence > (after or 0), told)
    return [_entry(event) for event in session.scalars(query.order_by(Event.sequence).limit(limit))]


def _entry(event: Event) -> LogEntry:
    level, message = _told(event.kind, event.body)
    return LogEntry(event.sequence, event.at, level, event.kind, message, event.body)


def _told(kind: str, body: Mapping[str, Any]) -> tuple[Level, str]:
    if kind == "state":
        return _state(body["state"], body.get("reason"), body.get("attempt"))
    level, words = _WORDS.get(kind, _OTHER)
    facts = ", ".join(f"{name} {value}" for name, value in body.items())
    told = words.format_map(
        {"kind": kind, "facts": facts, "run": body.get("attempt", 0) + 1, **body}
    )
    return level, told[:1].upper() + told[1:]


_WORDS: Mapping[str, tuple[Level, str]] = {
    "continued": ("warning", "Run {run} went on after its controller had ended."),
    "stage": ("info", "{stage}: {trainings} to train."),
    "trial": ("warning", "Trial {number} has no score: {error}"),
    "evaluation": ("warning", "{stage}, number {number}: {error}"),
    "loss-network": ("info", "The loss network {kind}: {status}."),
    "error": ("error", "{error}"),
}
_OTHER: tuple[Level, str] = ("info", "{kind}: {facts}")


def _state(state: str, reason: str | None, attempt: int | None) -> tuple[Level, str]:
    if reason is not None:
        return "warning", f"It is {state}: {reason}"
    if state == "running" and attempt is not None:
        return "info", f"Run {attempt + 1} began."
    return "error" if state == "failed" else "info", f"It is {state}."
