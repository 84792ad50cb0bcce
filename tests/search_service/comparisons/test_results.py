"""What follows from a comparison's records: rates, means, tests, ranks."""

from typing import Any

import pytest

from search_service.comparisons.cells import cells_of
from search_service.comparisons.request import ComparisonRequest
from search_service.comparisons.results import mean_ranks, results_of, title_of, tuning_stage
from search_service.significance import difference, estimate
from search_service.store.states import CELL

# Scores of three losses by seed, in percent.
SCORES = {
    "dice": [50, 52, 51, 53],
    "focal": [49, 53, 51, 52],
    "lovasz": [40, 41, 42, 40],
}


def request(**changes: Any) -> ComparisonRequest:
    body = {"losses": list(SCORES), "dataset": "shapes", "seeds": 4, "seed": 7}
    return ComparisonRequest.model_validate(body | changes)


def outcome(score: float | None, **more: Any) -> dict[str, Any]:
    metrics = {} if score is None else {"miou": score, "trimap_10": score, "trimap_5": score}
    error = "The loss became NaN." if score is None else None
    return {"score": score, "metrics": metrics, "error": error, "seconds": 2.0, **more}


def recorded(asked: ComparisonRequest, **more: Any) -> dict[tuple[str, int], dict[str, Any]]:
    return {
        (CELL, cell.number): outcome(SCORES[cell.loss][cell.seed - 7] / 100, **more)
        for cell in cells_of(asked)
    }


def test_the_grid_has_every_loss_before_it_has_repeats() -> None:
    networks = [{"architecture": "Unet"}, {"architecture": "Linknet"}]
    cells = cells_of(request(networks=networks, seeds=2))
    assert [cell.number for cell in cells] == list(range(12))
    assert {cell.seed for cell in cells[:6]} == {7}
    assert [(cell.network, cell.loss) for cell in cells[:4]] == [
        (0, "dice"), (0, "focal"), (0, "lovasz"), (1, "dice"),
    ]  # fmt: skip


def test_every_loss_takes_the_rate_with_its_best_score() -> None:
    asked = request(learning_rates=[0.1, 0.3], training={"learning_rate": 0.05})
    tried = {
        (tuning_stage(0, 0.1), 0): outcome(0.4),
        (tuning_stage(0, 0.3), 0): outcome(0.5),
        (tuning_stage(0, 0.1), 1): outcome(0.4),
        (tuning_stage(0, 0.3), 1): outcome(None),
        (tuning_stage(0, 0.1), 2): outcome(None),
        (tuning_stage(0, 0.3), 2): outcome(None),
    }
    rates = results_of(asked, tried).rates
    # The last one's trainings all failed: it keeps the schedule's, and will fail or not with that.
    assert rates == {(0, "dice"): 0.3, (0, "focal"): 0.1, (0, "lovasz"): 0.05}


def test_the_best_is_marked_and_what_cannot_be_told_from_it() -> None:
    asked = request()
    [table] = results_of(asked, recorded(asked)).tables
    standings = table.standings("miou")
    assert {loss: one.among_best for loss, one in standings.items()} == {
        "dice": True, "focal": True, "lovasz": False,
    }  # fmt: skip
    assert standings["dice"].to_best is None
    dice, focal, lovasz = ([score / 100 for score in SCORES[loss]] for loss in SCORES)
    assert standings["lovasz"].estimate == estimate(lovasz)
    gaps = [difference(lovasz, dice), difference(focal, dice)]
    assert standings["lovasz"].to_best == gaps[0]
    assert standings["lovasz"].p == pytest.approx(2 * gaps[0].p)  # the smallest of two
    assert standings["focal"].p == pytest.approx(gaps[1].p)
    assert table.scores == ["miou", "trimap_5", "trimap_10"]


def test_losses_are_ranked_over_the_seeds_that_all_have() -> None:
    ranks = mean_ranks({"a": {0: 0.5, 1: 0.5, 2: 0.1}, "b": {0: 0.4, 1: 0.5}, "c": {}})
    assert ranks == {"a": 1.25, "b": 1.75}
    assert mean_ranks({}) == {}
    asked = request()
    [table] = results_of(asked, recorded(asked)).tables
    assert table.ranks == {"dice": 1.375, "focal": 1.625, "lovasz": 3.0}
    assert [row.loss for row in table.rows] == ["dice", "focal", "lovasz"]


def test_failures_are_told_and_leave_the_others_comparable() -> None:
    asked = request()
    rows = recorded(asked)
    rows[CELL, 0] = outcome(None)
    results = results_of(asked, rows)
    [row] = [row for row in results.tables[0].rows if row.loss == "dice"]
    assert row.failures == {7: "The loss became NaN."}
    assert row.values("miou") == {8: 0.52, 9: 0.51, 10: 0.53}
    summary = results.summary()
    assert (summary["cells"], summary["failed"], summary["seconds"]) == (12, 1, 24.0)
    [listed] = [one for one in summary["networks"][0]["losses"] if one["loss"] == "dice"]
    assert listed["failures"] == {"7": "The loss became NaN."}
    assert listed["mean"] == pytest.approx(0.52)


def test_gpu_memory_is_the_most_that_a_training_took() -> None:
    asked = request()
    rows = recorded(asked)
    [table] = results_of(asked, rows).tables
    assert table.rows[0].peak_memory is None
    rows[CELL, 0] |= {"peak_memory_bytes": 5}
    rows[CELL, 3] |= {"peak_memory_bytes": 7}
    [table] = results_of(asked, rows).tables
    assert table.rows[0].peak_memory == 7


def test_a_comparison_of_nothing_yet_has_results_too() -> None:
    results = results_of(request(), {})
    assert results.summary()["cells"] == 0
    assert [row.loss for row in results.tables[0].rows] == list(SCORES)
    assert results.tables[0].standings("miou") == {}


def test_the_control_is_a_score_of_its_own() -> None:
    asked = request()
    rows = recorded(asked, rankseg={"miou": 0.6}, worst_decile=0.2)
    [table] = results_of(asked, rows).tables
    assert list(table.scores)[-2:] == ["worst_decile", "rankseg.miou"]
    assert table.standings("rankseg.miou")["dice"].estimate.mean == pytest.approx(0.6)
    assert title_of("rankseg.miou") == "mIoU by RankSEG"
