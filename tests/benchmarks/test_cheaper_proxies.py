"""What is told of rejection, halving and noise follows from the scores of trainings, by hand here."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.cheaper_proxies import (
    SHARES,
    drawn,
    halving_report,
    noise_report,
    percent,
    rejection_table,
    stages_of,
)
from surrogate_zoo.losses.parameter_space import ParameterSpace
from tests.workers.tiny import proxy_task

TASK = proxy_task(training={"iterations": 80})


def scored(first: float, second: float, last: float) -> dict[str, Any]:
    return {"theta": [], "scores": {"20": first, "40": second, "80": last}}


def test_candidates_follow_from_the_seed_and_begin_with_the_straight_line() -> None:
    rows = drawn("macc", 4, seed=1)
    assert rows[0]["theta"] == ParameterSpace("macc").start.tolist()
    assert len({tuple(row["theta"]) for row in rows}) == 4
    assert rows == drawn("macc", 4, seed=1)
    assert rows[:3] == drawn("macc", 3, seed=1)  # more of them go on from fewer
    assert rows[1:] != drawn("macc", 4, seed=2)[1:]


def test_stages_are_the_rungs_and_the_whole_schedule() -> None:
    assert stages_of(TASK) == (20, 40, 80)


def test_halving_spends_half_where_ranks_stay_and_stops_no_best() -> None:
    rows = [scored(0.1 * n, 0.1 * n, 0.1 * n) for n in range(8)]
    text = "\n".join(halving_report(TASK, rows))
    # 8 for 20 iterations, 4 for 20 more, 2 for the last 40: 320 of 640
    assert "iterations spent: 50% of all" in text
    assert "stopped in 0 of 1;" in text
    assert "scored 0.0 points less" in text
    assert "after 20 iterations with the last ones: 1.00" in text
    assert "of told scores with the last ones, within generations: 1.00" in text


def test_halving_loses_the_best_that_begins_slowly() -> None:
    rows = [scored(0.1 * n, 0.1 * n, 0.1 * n) for n in range(8)]
    rows[0] = scored(0.0, 0.0, 0.9)
    text = "\n".join(halving_report(TASK, rows))
    assert "stopped in 1 of 1;" in text
    assert "scored 20.0 points less" in text  # 0.9 less 0.7


def test_rejection_counts_what_lies_below_a_share_of_the_straight_lines_gain() -> None:
    final, gains = [0.5, 0.6, 0.1, 0.2], [1.0, 1.2, 0.0, 0.55]
    lines = list(rejection_table(final, gains, 0.25))
    assert "0.25 s a candidate; rank correlation of gain and score 1.00" in lines[0]
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in lines if "of 4" in line}
    assert list(rows) == [f"{share:g}" for share in SHARES]
    assert [cell.strip() for cell in rows["0.5"]] == [
        "1 of 4", "10.0 (10.0 to 10.0)", "10.0", "20.0", "0",
    ]  # fmt: skip
    assert [cell.strip() for cell in rows["0.6"]] == [
        "2 of 4", "15.0 (10.0 to 20.0)", "20.0", "50.0", "0",
    ]  # fmt: skip
    assert lines[-1] == "Straight line 50.0, median 35.0, best 60.0."


def test_noise_is_told_about_each_candidates_mean_and_less_what_a_seed_shares(
    tmp_path: Path,
) -> None:
    rows = [{"scores": {"80": 0.5 + n / 10, "seed 1": 0.7 + n / 10}} for n in range(3)]
    [line] = noise_report(1, TASK, rows, tmp_path / "kept.json")
    # Each candidate gains 0.2 with the other seed: 14.14 points of noise, none of it between them.
    assert "over 2 seeds of 3 candidates: standard deviation 14.14 of one score, 0.00 of" in line
    assert "between candidates 10.00." in line
    assert not (tmp_path / "kept.json").exists()  # nothing was left to train


def test_percent_tells_mean_and_range() -> None:
    assert percent([0.25, 0.75]) == "50.0 (25.0 to 75.0)"
    assert percent([]) == "-"


@pytest.mark.parametrize("count", [2, 8])
def test_a_last_generation_may_be_smaller(count: int) -> None:
    rows = [scored(0.1 * n, 0.1 * n, 0.1 * n) for n in range(8 + count)]
    assert "2 generations of 8" in next(iter(halving_report(TASK, rows)))
