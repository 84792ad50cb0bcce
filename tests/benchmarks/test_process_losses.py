"""Losses by two processes against one: rows of a toy-size run."""

import pytest

from benchmarks.process_losses import main, parse


@pytest.mark.slow
def test_every_loss_has_its_row(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--size", "2", "3", "16", "16", "--rounds", "1", "--losses", "dice", "lovasz"]
    monkeypatch.setattr("sys.argv", ["process_losses", *words])
    main()
    rows = [line for line in capfd.readouterr().out.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows] == ["| loss", "| dice", "| lovasz"]
    assert all(row.count("|") == rows[0].count("|") for row in rows)


def test_losses_may_be_chosen() -> None:
    assert parse(["--losses", "dice"]).losses == ["dice"]
