"""The answer of a search in a terminal of 80 columns."""

import io

import pytest
from rich.console import Console

from api.cli.output import answer_tables, console
from tests.search_service.searches.figures.finished import finished_zoo


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Console:
    """A terminal of 80 columns that remembers what was printed."""
    terminal = Console(width=80, record=True, file=io.StringIO(), force_terminal=True)
    monkeypatch.setattr(console, "out", terminal)
    monkeypatch.setattr(answer_tables, "out", terminal)
    return terminal


def test_each_metric_has_its_answer_and_its_race(terminal: Console) -> None:
    losses = [{"loss": "mine-miou", "version": 1}, {"loss": "mine-macc", "version": 2}]
    winners = [w | loss for w, loss in zip(finished_zoo().winners, losses, strict=True)]
    ended = {"trials": 6, "failed": 0, "rejected": 1, "stopped": 2}
    answer_tables.print_answers("some-job", ended | {"winners": winners})
    lines = terminal.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert "The loss for mIoU: mine-miou v1 surrogate-miou beats the best handmade loss" in text
    assert "lovasz (handmade) 2 3 55.0 +5.0 (+3.0 to +7.0)" in text
    assert "The loss for mAcc: mine-macc v2 No loss was found that is better than lovasz" in text
    assert "Learning rate: 2 times that of the schedule" in text
    assert "lossfit losses download mine-macc" in text
    assert "lossfit jobs fetch some-job" in text


def test_what_a_race_said_stands_beside_a_loss(capsys: pytest.CaptureFixture[str]) -> None:
    answer_tables.tell_race({"chosen": finished_zoo().winners[0]}, "mine-miou")
    told = capsys.readouterr().err
    assert "surrogate-miou beats" in told
    assert "hold-out sets: whole images" in told
    answer_tables.tell_race({"chosen": {"trial": 3}}, "other")
    answer_tables.tell_race({}, "other")
    assert capsys.readouterr().err == ""
