"""What a log shows of a job's events, a line each."""

from collections.abc import Mapping

from api.event_schemas import (
    JobEvent,
    LossNetworkEvent,
    RemarkEvent,
    StageEvent,
    StateEvent,
)
from search_service.store.states import RUNG

TUNING = "tune "
"""Begin of the stages in which a comparison tries learning rates."""

_LOSS_NETWORK = {
    "training": "training the {} first",
    "trained": "trained the {}",
    "found": "takes the {} that was trained before",
}


def line_of(title: str, event: JobEvent) -> str:
    """An event of the job that is called so, in one line."""
    return f"{title}: {_told(event)}"


def plain(kind: str) -> str:
    """The kind of a loss network or a stage in plain words."""
    return kind.replace("_", " ")


def phase(stage: str) -> str:
    """A stage of a job in plain words."""
    if stage.startswith(TUNING):
        return f"learning rate {stage.rpartition(' ')[2]}"
    if stage.startswith(RUNG):
        return f"first {stage.removeprefix(RUNG)} steps"
    return f"race, {stage}" if stage.startswith("heat") else plain(stage)


def measured(measures: Mapping[str, float]) -> str:
    """What was measured, in one line."""
    return ", ".join(f"{name} {_short(value)}" for name, value in measures.items())


def _told(event: JobEvent) -> str:
    match event:
        case StateEvent():
            return event.state + (f": {event.reason}" if event.reason else "")
        case StageEvent():
            return f"{phase(event.stage)} begins ({event.trainings} to train)"
        case RemarkEvent():
            return event.text
        case LossNetworkEvent():
            told = _LOSS_NETWORK[event.status].format(plain(event.kind))
            values = measured(event.measures)
            return f"{told} ({values})" if values else told
        case _:
            body = event.model_dump(exclude={"event", "sequence", "at"}, exclude_none=True)
            facts = ", ".join(f"{name} {_short(value)}" for name, value in body.items())
            return f"{event.event}: {facts}"


def _short(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
