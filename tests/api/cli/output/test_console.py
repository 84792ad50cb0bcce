"""What is put together before anything is sent, and what a log shows of a job."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from rich.console import Console

from api.cli.assignments import assigned
from api.cli.output import console as console_module
from api.cli.output.console import duration, err, moment, print_table, say
from api.cli.output.watching import follow
from api.client.client import Client
from api.client.errors import JobError
from surrogate_zoo.errors import InputError
from tests.api.client.scripted import NOW, job, sent
from tests.api.conftest import listening


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


def test_times_are_shown_in_utc() -> None:
    here = timezone(timedelta(hours=2))
    assert moment(datetime(2026, 1, 2, 1, 30, tzinfo=here)) == "2026-01-01 23:30"
    assert moment(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02 00:00"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.4, "0 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (7260, "2 h 1 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_a_message_is_not_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    say("void_labels=[11] [bold]x")
    assert capsys.readouterr().err == "void_labels=[11] [bold]x\n"


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Console:
    """A terminal of 60 columns that remembers what was printed."""
    console = Console(width=60, record=True, file=io.StringIO())
    monkeypatch.setattr(console_module, "out", console)
    return console


def test_a_table_cuts_no_name_and_breaks_prose(narrow: Console) -> None:
    name, words = "cross-entropy-lovasz-active-boundary", "some words that need more room"
    rows = [(name, words, ""), ("dice", "[bold]short", "")]
    print_table(("Name", "What", "Package"), rows, prose=("What",), empty="Nothing.")
    lines = [line.rstrip() for line in narrow.export_text().splitlines()]
    assert lines[0].split() == ["Name", "What"]
    assert lines[2].startswith(f"{name}  some words")
    assert " ".join(line[len(name) :].strip() for line in lines[2:-1]) == words
    assert lines[-1].split() == ["dice", "[bold]short"]


def test_a_name_that_is_wider_than_the_terminal_comes_whole(narrow: Console) -> None:
    print_table(("Name", "What"), [("x" * 100, "")], empty="Nothing.")
    text = narrow.export_text()
    assert text.count("x") == 100
    assert "…" not in text


def test_a_table_without_rows_says_so(narrow: Console, capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("Name",), [], empty="There are no such jobs.")
    assert capsys.readouterr().err == "There are no such jobs.\n"
    assert narrow.export_text() == ""


def recorded(state: str, events: Sequence[tuple[str, dict[str, Any]]] = ()) -> FastAPI:
    """A service with one finished search, whose events are known."""
    app = FastAPI()
    text = "".join(
        sent(number, kind, body) for number, (kind, body) in enumerate(events, start=1)
    ) or sent(1, "state", {"state": state})
    answers = iter([text, ""])

    @app.get("/v1/searches/1")
    def read() -> dict[str, Any]:
        return job(state=state)

    @app.get("/v1/searches/1/events")
    def stream() -> StreamingResponse:
        part = next(answers)
        status = 200 if part else 204
        return StreamingResponse(iter([part]), status, media_type="text/event-stream")

    return app


def test_a_log_has_a_line_for_every_event(capsys: pytest.CaptureFixture[str]) -> None:
    trial = {"generation": 0, "is_mean": False, "seconds": 1.5}
    events: list[tuple[str, dict[str, Any]]] = [
        ("state", {"state": "running"}),
        ("trial", {"number": 0, "score": 0.5, "error": None, "ending": "trained", **trial}),
        ("trial", {"number": 1, "score": None, "error": "diverged", "ending": "failed", **trial}),
        (
            "evaluation",
            {"stage": "repeat", "number": 3, "score": 0.25, "error": None, "seconds": 2},
        ),
        ("progress", {"done": 1, "total": 2}),
        ("progress", {"done": 1, "total": 2, "loss": 0.125, "stage": "edge_network"}),
        ("loss-network", {"kind": "edge_network", "status": "training"}),
        (
            "loss-network",
            {"kind": "edge_network", "status": "trained", "measures": {"agreement": 0.5}},
        ),
        ("stage", {"stage": "tune 0 0.1", "trainings": 3}),
        ("error", {"error": "out of memory"}),
        ("something new", {"colour": "green"}),
    ]
    assert not err.is_terminal
    with listening(recorded("succeeded", events)) as url, Client(url) as client:
        finished = follow(client.searches, "1", "search")
    assert finished.state == "succeeded"
    lines = [line.strip() for line in capsys.readouterr().err.splitlines()]
    assert [line for line in lines if line.startswith("search: ")] == [
        "search: running",
        "search: trial: number 0, generation 0, is_mean False, ending trained, score 0.5000, "
        "seconds 1.5000",
        "search: trial: number 1, generation 0, is_mean False, ending failed, error diverged, "
        "seconds 1.5000",
        "search: evaluation: stage repeat, number 3, score 0.2500, seconds 2.0000",
        "search: progress: done 1, total 2",
        "search: progress: done 1, total 2, loss 0.1250, stage edge_network",
        "search: training the edge network first",
        "search: trained the edge network (agreement 0.5000)",
        "search: learning rate 0.1 begins (3 to train)",
        "search: something new: colour green",
    ]
    assert NOW not in " ".join(lines)


@pytest.mark.parametrize(("state", "told"), [("failed", "1 failed: "), ("cancelled", "cancelled.")])
def test_a_job_without_a_result_is_an_error(state: str, told: str) -> None:
    with (
        listening(recorded(state)) as url,
        Client(url) as client,
        pytest.raises(JobError, match=told) as ended,
    ):
        follow(client.searches, "1", "search")
    assert ended.value.job.state == state
