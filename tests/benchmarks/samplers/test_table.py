"""The table of trainings: appended, read back, and mended after a crash."""

import json
from pathlib import Path

import pytest

from benchmarks.samplers import table
from benchmarks.samplers.table import Row

ROWS = [
    Row(0, "start", 0, (0.5, 0.25), 0.75, {"miou": 0.75}, 1.5),
    Row(1, "uniform", 3, (0.1, 0.9), None, {}, 0.5),
    Row(2, "line", 1, (0.2, 0.4), 0.5, {"miou": 0.5}, 1.0),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "miou.jsonl"
    path.write_text(json.dumps({"commit": "abc"}) + "\n")
    table.append(path, ROWS[:1])
    table.append(path, ROWS[1:])
    return path


def test_rows_come_back_as_they_were_appended(path: Path) -> None:
    assert table.read_rows(path) == ({"commit": "abc"}, ROWS)


def test_trainings_without_a_score_are_counted_and_left_out(path: Path) -> None:
    read = table.read(path)
    assert (read.header, read.failed, read.kinds) == ({"commit": "abc"}, 1, ("start", "line"))
    assert read.thetas.tolist() == [[0.5, 0.25], [0.2, 0.4]]
    assert read.scores.tolist() == [0.75, 0.5]
    assert read.seeds.tolist() == [0, 1]


def test_a_line_that_a_crash_cut_short_is_dropped_and_the_next_one_follows(path: Path) -> None:
    whole = path.read_text()
    path.write_text(whole + '{"number": 3, "ki')
    assert table.read_rows(path)[1] == ROWS
    assert path.read_text() == whole
    table.append(path, [Row(3, "line", 2, (0.0, 1.0), 0.25, {}, 1.0)])
    assert [row.number for row in table.read_rows(path)[1]] == [0, 1, 2, 3]
