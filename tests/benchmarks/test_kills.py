"""A real service whose processes are killed in the middle of a search: about 40 s on two quiet cores."""

from pathlib import Path

import pytest

from benchmarks.kills import run


@pytest.mark.slow
def test_a_search_ends_as_an_undisturbed_one_whatever_is_killed(tmp_path: Path) -> None:
    parts = ("raylet", "worker", "parent")  # the first while workers start
    report = run(parts, seed=1, seconds=0.5, trials=18, log=tmp_path / "service.log")
    assert report.is_well, report
    assert sum(report.kills.values()) == len(parts)
