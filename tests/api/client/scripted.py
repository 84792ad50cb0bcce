"""Pieces of a service that answers by a script: jobs and events as the real one sends them."""

import json
from typing import Any

NOW = "2026-01-02T03:04:05Z"


def job(**changed: Any) -> dict[str, Any]:
    """A finished search as the service answers it, but for what is ``changed``."""
    state = changed.get("state", "succeeded")
    return {
        "id": "1",
        "owner": "operator",
        "kind": "search",
        "state": state,
        "priority": 0,
        "request": {"metric": "miou", "dataset": "shapes"},
        "result": {"loss": "found"} if state == "succeeded" else None,
        "error": "out of memory" if state == "failed" else None,
        "attempt": 0,
        "trainings": 4,
        "spent_trainings": 2,
        "spent_seconds": 1.5,
        "created_at": NOW,
        "started_at": NOW,
        "finished_at": NOW,
        "running_seconds": 2.0,
        "progress": {"done": 2, "total": 4},
    } | changed


def sent(sequence: int, kind: str, body: dict[str, Any]) -> str:
    """One server-sent event."""
    return f"id: {sequence}\nevent: {kind}\ndata: {json.dumps({**body, 'at': NOW})}\n\n"


def trial(number: int) -> dict[str, Any]:
    """The body of a trial's event."""
    facts = {"generation": 0, "is_mean": False, "ending": "trained", "seconds": 1.0}
    return {"number": number, "score": number / 10, "error": None, **facts}
