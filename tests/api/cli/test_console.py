"""What is put together before anything is sent, and what a log shows of a job."""

from typing import Any

import pytest

from api.cli import watching
from api.cli.console import assigned
from api.cli.watching import follow
from api.client.client import ServiceError, StreamedEvent
from surrogate_zoo.errors import InputError


def test_assignments_reach_deep_fields_as_json_or_text() -> None:
    body = assigned(
        {"seed": 0, "training": {"iterations": 1}},
        ["seed=3", "training.crop=[32, 32]", "network.encoder=resnet34", "a.b.c=null", "x=1=2"],
    )
    assert body == {
        "seed": 3,
        "training": {"iterations": 1, "crop": [32, 32]},
        "network": {"encoder": "resnet34"},
        "a": {"b": {"c": None}},
        "x": "1=2",
    }


@pytest.mark.parametrize("assignment", ["seed", "=3", "seed.x=1"])
def test_a_wrong_assignment_is_refused(assignment: str) -> None:
    with pytest.raises(InputError):
        assigned({"seed": 0}, [assignment])


class Recorded:
    """A client of a job whose events are known."""

    def __init__(self, state: str, events: list[StreamedEvent]) -> None:
        self._job = {"kind": "search", "id": "1", "state": state, "error": None, "progress": {}}
        self._events = events

    def get(self, _path: str) -> dict[str, Any]:
        return self._job

    def events(self, _job: str) -> list[StreamedEvent]:
        return self._events


def test_a_log_has_a_line_for_every_event(capsys: pytest.CaptureFixture[str]) -> None:
    events = [
        StreamedEvent(1, "state", {"state": "running"}),
        StreamedEvent(2, "trial", {"number": 0, "score": 0.5, "error": None, "at": "now"}),
        StreamedEvent(3, "trial", {"number": 1, "score": None, "error": "diverged"}),
        StreamedEvent(4, "progress", {"done": 1, "total": 2}),
        StreamedEvent(5, "something new", {}),
    ]
    assert not watching.err.is_terminal
    finished = follow(Recorded("succeeded", events), "/v1/searches/1", "search")  # type: ignore[arg-type]
    lines = capsys.readouterr().err.splitlines()
    assert finished["state"] == "succeeded"
    assert "search: running" in lines
    assert "search: trial: number 0, score 0.5000" in lines
    assert "search: trial: number 1, error diverged" in lines


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_without_a_result_is_an_error(state: str) -> None:
    with pytest.raises(ServiceError, match=state):
        follow(Recorded(state, []), "/v1/searches/1", "search")  # type: ignore[arg-type]
