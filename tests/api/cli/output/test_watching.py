"""The bars of a job and of its phase, in a terminal."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from api.cli.output.watching import Shown, bars_on
from api.event_schemas import EVENTS, JobEvent

START = datetime(2026, 1, 2, tzinfo=UTC)


def told(event: str, at: datetime, **body: object) -> JobEvent:
    return EVENTS[event].model_validate({"event": event, "sequence": 1, "at": at, **body})


def state(at: datetime) -> JobEvent:
    return told("state", at, state="running")


def stage(at: datetime, name: str, trainings: int) -> JobEvent:
    return told("stage", at, stage=name, trainings=trainings)


def trial(at: datetime, score: float) -> JobEvent:
    ended = {"is_mean": False, "ending": "trained", "error": None, "seconds": 1.0}
    return told("trial", at, number=0, generation=0, score=score, **ended)


def evaluation(at: datetime, name: str) -> JobEvent:
    return told("evaluation", at, stage=name, number=0, score=0.5, error=None, seconds=1.0)


def progress(at: datetime, done: int, total: int, name: str | None = None) -> JobEvent:
    return told("progress", at, done=done, total=total, stage=name)


def rows(events: Sequence[JobEvent], total: int | None = 10) -> list[str]:
    """What stands in the terminal at the end."""
    console = Console(width=120, file=io.StringIO(), force_terminal=True, record=True)
    bars = bars_on(console)
    show = Shown(bars, "the job", total, max)
    for event in events:
        show(event)
    console.print(bars.get_renderable())
    return [line.strip() for line in console.export_text().splitlines() if "/" in line]


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def test_a_generation_has_a_bar_of_its_own_and_the_time_that_is_left() -> None:
    events = [state(START), stage(after(1), "generation 0", 4), trial(after(2), 0.25)]
    whole, phase = rows([*events, trial(after(4), 0.125)])
    assert "the job" in whole
    assert "2/10" in whole
    assert "16 min 0 s left" in whole  # four minutes for two
    assert "best 0.2500" in whole
    assert "generation 0" in phase
    assert "2/4" in phase
    assert "3 min 0 s left" in phase


@pytest.mark.parametrize(
    ("name", "title"),
    [("rung 60", "first 60 steps"), ("warm-up", "warm-up"), ("heat 1", "race, heat 1")],
)
def test_phases_beside_the_trials_move_a_bar_of_their_own(name: str, title: str) -> None:
    whole, phase = rows([state(START), stage(START, name, 4), evaluation(after(1), name)])
    assert "0/10" in whole
    assert title in phase
    assert "1/4" in phase


def test_tuning_moves_the_bar_of_a_comparison_and_ends_with_the_cells() -> None:
    tuning = [state(START), stage(START, "tune 0 0.1", 2), evaluation(after(1), "tune 0 0.1")]
    whole, phase = rows(tuning)
    assert "1/10" in whole
    assert "learning rate 0.1" in phase
    cells = [evaluation(after(2), "cell"), progress(after(2), 2, 12)]
    (whole,) = rows([*tuning, *cells])
    assert "2/12" in whole
    assert "10 min 0 s left" in whole


def test_a_loss_network_that_is_trained_first_has_its_steps() -> None:
    asked = told("loss-network", START, kind="edge_network", status="training")
    events = [state(START), asked, stage(START, "edge_network", 1)]
    whole, phase = rows([*events, progress(after(1), 50, 200, "edge_network")])
    assert "0/10" in whole
    assert "edge network" in phase
    assert "50/200" in phase
    assert "3 min 0 s left" in phase
    (whole,) = rows([*events, stage(after(4), "training", 1), progress(after(5), 5, 10)])
    assert "5/10" in whole
