"""Tables and figures of the samplers' regret, from curves that are written down here."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.samplers.regret import CONTENDERS
from benchmarks.samplers.report import (
    BUDGETS,
    REFERENCE,
    draw_curves,
    draw_scores,
    filled,
    rows,
    trainings_to_reach,
)

LAST = BUDGETS[-1]


def constant(*levels: float) -> np.ndarray:
    """Curves that stay where they are, one for each seed."""
    return np.repeat(np.array(levels)[:, None], LAST + 1, axis=1)


def test_between_batches_the_last_whole_one_counts_and_beyond_the_budget_nothing() -> None:
    values = filled([{"trainings": [0, 8, 16], "values": [0.1, 0.2, 0.3]}])
    assert values.shape == (1, LAST + 1)
    assert values[0, [0, 7, 8, 15, 16]].tolist() == [0.1, 0.1, 0.2, 0.2, 0.3]
    assert np.isnan(values[0, 17:]).all()


def test_a_row_has_means_with_half_of_their_interval() -> None:
    curves = {REFERENCE: constant(0.5, 0.7)}
    _, _, row = rows(curves)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    # Standard deviation 14.142 of two seeds: 1.96 times 10 is half of the interval of their mean.
    assert cells[0] == REFERENCE
    assert cells[1:-1] == ["60.00 ± 19.60"] * len(BUDGETS)


def test_what_was_not_run_so_far_is_left_empty() -> None:
    short = constant(0.5, 0.5)
    short[:, 65:] = np.nan
    _, _, _, row = rows({REFERENCE: constant(0.5, 0.5), "gp": short})
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert [bool(cell) for cell in cells[1:-1]] == [budget <= 64 for budget in BUDGETS]


def test_trainings_until_the_references_end_is_reached() -> None:
    rising = np.tile(np.linspace(0, 1, LAST + 1), (4, 1))
    level = rising[0, 100] - 1e-9
    assert trainings_to_reach(rising, constant(level, level)) == "100 (100 to 100)"
    never = f"more than {LAST}"
    assert trainings_to_reach(rising, constant(1.5)) == f"{never} ({never} to {never})"


def test_figures_are_drawn(tmp_path: Path) -> None:
    draw_curves({REFERENCE: constant(0.5, 0.7)}, "line", tmp_path / "curves.png")
    scores = [0.1, 0.2, 0.3]
    assert {REFERENCE, "random"} <= set(CONTENDERS)
    runs = [{"group_means": scores, "best": scores}]
    draw_scores({REFERENCE: runs, "random": runs}, tmp_path / "scores.png")
    for name in ("curves", "scores"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("seeds", [2, 5])
def test_more_seeds_narrow_the_interval(seeds: int) -> None:
    levels = [0.4 if seed % 2 else 0.6 for seed in range(seeds)]
    _, _, row = rows({REFERENCE: constant(*levels)})
    half = float(row.split("|")[2].split("±")[1])
    assert half == pytest.approx(196 * np.std(levels, ddof=1) / seeds**0.5, abs=0.01)
