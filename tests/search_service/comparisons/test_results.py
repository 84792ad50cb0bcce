"""What follows from a comparison's records: rates, means, tests, ranks."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import String

from search_service.comparisons.cells import cells_of
from search_service.comparisons.columns import METRIC_SCORES
from search_service.comparisons.content import content_of, results_from
from search_service.comparisons.outcome import CellOutcome
from search_service.comparisons.records import (
    pending_of,
    results_of,
    tuning_stage,
    tunings_of,
)
from search_service.comparisons.report import markdown
from search_service.comparisons.request import ComparisonRequest
from search_service.comparisons.results import Results, Table, mean_ranks
from search_service.comparisons.row import Row
from search_service.significance import difference, estimate
from search_service.store.states import CELL
from search_service.store.tables import Dataset, Evaluation
from surrogate_zoo.metrics.titles import COUNTS as COUNT_UNIT

MIOU = METRIC_SCORES.column("miou")

# Scores of three losses by seed, in percent.
SCORES = {
    "dice": [50, 52, 51, 53],
    "focal": [49, 53, 51, 52],
    "lovasz": [40, 41, 42, 40],
}


def request(**changes: Any) -> ComparisonRequest:
    body = {"losses": list(SCORES), "dataset": "shapes", "seeds": 4, "seed": 7}
    return ComparisonRequest.model_validate(body | changes)


def outcome(score: float | None) -> CellOutcome:
    if score is None:
        return CellOutcome(0.1, error="The loss became NaN.")
    metrics = {"miou": score, "trimap_10": score, "trimap_5": score}
    return CellOutcome(0.1, score, seconds=2.0, metrics=metrics)


Records = dict[tuple[str, int], dict[str, Any]]


def recorded(asked: ComparisonRequest) -> Records:
    return {
        (CELL, cell.number): outcome(SCORES[cell.loss][cell.seed - 7] / 100).to_json()
        for cell in cells_of(asked)
    }


def evaluations(records: Records) -> list[Evaluation]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Evaluation(job_id="job", stage=stage, number=number, outcome=body, finished_at=at)
        for (stage, number), body in records.items()
    ]


def derived(asked: ComparisonRequest, records: Records) -> Results:
    return results_of(asked, evaluations(records))


def table_of(asked: ComparisonRequest, records: Records) -> Table:
    [table] = derived(asked, records).tables
    return table


def test_the_grid_has_every_loss_before_it_has_repeats() -> None:
    networks = [{"architecture": "Unet"}, {"architecture": "Linknet"}]
    cells = cells_of(request(networks=networks, seeds=2))
    assert [cell.number for cell in cells] == list(range(12))
    assert {cell.seed for cell in cells[:6]} == {7}
    assert [(cell.network, cell.loss) for cell in cells[:4]] == [
        (0, "dice"), (0, "focal"), (0, "lovasz"), (1, "dice"),
    ]  # fmt: skip


def rates_of(results: Results) -> Mapping[str, float]:
    return {row.loss: row.learning_rate for table in results.tables for row in table.rows}


def test_every_loss_takes_the_rate_with_its_best_score() -> None:
    asked = request(learning_rates=[0.1, 0.3], training={"learning_rate": 0.05}, rate_extensions=0)
    scores = {(0.1, 0): 0.4, (0.3, 0): 0.5, (0.1, 1): 0.4}
    pairs = [(rate, number) for rate in (0.1, 0.3) for number in range(3)]
    tried = {
        (tuning_stage(0, rate), number): {"score": scores.get((rate, number))}
        for rate, number in pairs
    }
    # The last one's trainings all failed: it keeps the schedule's, and will fail or not with that.
    assert rates_of(derived(asked, tried)) == {"dice": 0.3, "focal": 0.1, "lovasz": 0.05}


CLOSE = [0.01234561, 0.01234562]


def test_rates_that_differ_late_have_records_of_their_own() -> None:
    asked = request(learning_rates=CLOSE, rate_extensions=0)
    stages = [tuning_stage(0, rate) for rate in CLOSE]
    tried = {(stages[0], 0): {"score": 0.4}, (stages[1], 0): {"score": 0.5}}
    assert len(tried) == 2
    results = derived(asked, tried)
    assert rates_of(results)["dice"] == 0.01234562
    [row] = [row for row in results.tables[0].rows if row.loss == "dice"]
    assert row.tuning == {0.01234561: 0.4, 0.01234562: 0.5}
    # No digit is lost on the way through comparison.json.
    content = json.loads(json.dumps(content_of(results)))
    [read] = [row for row in results_from(content).tables[0].rows if row.loss == "dice"]
    assert (read.tuning, read.learning_rate) == (row.tuning, row.learning_rate)


@pytest.mark.parametrize("rate", [1.2345678901234567e-308, 1000 / 3, 5e-324, 0.1 + 0.2])
def test_the_longest_name_of_a_tuning_fits_its_column(rate: float) -> None:
    stage = tuning_stage(15, rate)
    column = Evaluation.__table__.c.stage.type
    assert isinstance(column, String)
    assert len(stage) <= (column.length or 0)
    assert float(stage.split()[-1]) == rate


def test_what_is_to_be_tuned_next_follows_from_the_records() -> None:
    asked = request(learning_rates=[0.1, 0.3], networks=[{}, {"architecture": "Unet"}])
    assert pending_of(asked, tunings_of(asked, []), 0) == {0.1: [0, 1, 2], 0.3: [0, 1, 2]}
    scores = [(0.1, 0, 0.5), (0.3, 0, 0.6), (0.1, 1, 0.6), (0.3, 1, 0.5), (0.1, 2, 0.5)]
    tunings = tunings_of(asked, [(tuning_stage(0, rate), loss, s) for rate, loss, s in scores])
    # The first goes up, the second down, the third is not ready yet; each on its own.
    assert pending_of(asked, tunings, 0) == {0.9: [0], 0.0333: [1], 0.3: [2]}
    assert pending_of(asked, tunings, 1) == {0.1: [0, 1, 2], 0.3: [0, 1, 2]}


def test_the_best_is_marked_and_what_cannot_be_told_from_it() -> None:
    asked = request()
    table = table_of(asked, recorded(asked))
    standings = table.standings(MIOU)
    assert {loss: standing.among_best for loss, standing in standings.items()} == {
        "dice": True, "focal": True, "lovasz": False,
    }  # fmt: skip
    assert standings["dice"].to_best is None
    dice, focal, lovasz = ([score / 100 for score in SCORES[loss]] for loss in SCORES)
    assert standings["lovasz"].estimate == estimate(lovasz)
    gaps = [difference(lovasz, dice), difference(focal, dice)]
    assert standings["lovasz"].to_best == gaps[0]
    assert gaps[0].p is not None
    assert standings["lovasz"].p == pytest.approx(2 * gaps[0].p)  # the smallest of two
    assert standings["focal"].p == pytest.approx(gaps[1].p)
    marks = {loss: text.mark for loss, text in table.texts(MIOU).items()}
    assert marks == {"dice": "best", "focal": "tied", "lovasz": None}
    assert [score.name for score in table.scores] == ["miou", "trimap_5", "trimap_10"]


NETWORK = {"architecture": "Unet", "encoder": "resnet18"}


def outcomes(scores: Sequence[float | None]) -> dict[int, CellOutcome]:
    return dict(enumerate(map(outcome, scores)))


def test_a_loss_that_failed_with_some_seeds_is_not_the_best_and_hides_no_difference() -> None:
    sound = [
        Row("a", 0.1, outcomes([0.70, 0.71, 0.69, 0.70, 0.71])),
        Row("b", 0.1, outcomes([0.50, 0.52, 0.51, 0.49, 0.50])),
    ]
    lucky = Row("c", 0.1, outcomes([0.72, None, None, None, None]))
    table = Table.of("miou", NETWORK, [lucky, *sound])
    marks = {name: text.mark for name, text in table.texts(MIOU).items()}
    assert marks == {"a": "best", "b": None, "c": "tied"}
    assert [row.loss for row in table.rows] == ["a", "b", "c"]
    assert table.ranks == {"a": 1.2, "b": 2.2, "c": 2.6}
    alone = table.standings(MIOU)
    assert alone["b"].p == Table.of("miou", NETWORK, sound).standings(MIOU)["b"].p


def test_without_a_common_seed_one_is_the_best_and_nothing_is_told_of_the_other() -> None:
    rows = [Row("a", 0.1, outcomes([0.6, None])), Row("b", 0.1, outcomes([None, 0.4]))]
    standings = Table.of("miou", NETWORK, rows).standings(MIOU)
    assert [(s.best, s.among_best, s.mark) for s in standings.values()] == [
        (True, True, "best"),
        (False, False, None),
    ]


def test_equal_means_are_both_the_best() -> None:
    asked = request(seeds=1)
    records = {(CELL, number): outcome(0.5).to_json() for number in range(3)}
    assert {text.mark for text in table_of(asked, records).texts(MIOU).values()} == {"best"}


def test_losses_are_ranked_over_the_seeds_that_all_have() -> None:
    ranks = mean_ranks({"a": {0: 0.5, 1: 0.5, 2: 0.1}, "b": {0: 0.4, 1: 0.5}, "c": {}})
    assert ranks == {"a": 1.25, "b": 1.75}
    assert mean_ranks({}) == {}
    asked = request()
    table = table_of(asked, recorded(asked))
    assert table.ranks == {"dice": 1.375, "focal": 1.625, "lovasz": 3.0}
    assert [row.loss for row in table.rows] == ["dice", "focal", "lovasz"]


def test_failures_are_told_and_leave_the_others_comparable() -> None:
    asked = request()
    records = recorded(asked)
    records[CELL, 0] = outcome(None).to_json()
    results = derived(asked, records)
    [row] = [row for row in results.tables[0].rows if row.loss == "dice"]
    assert row.failures == {7: "The loss became NaN."}
    assert list(results.tables[0].notes()) == ["dice, seed 7, failed: The loss became NaN."]
    assert row.values(MIOU) == {8: 0.52, 9: 0.51, 10: 0.53}
    summary = results.summary()
    assert (summary["cells"], summary["failed"], summary["seconds"]) == (12, 1, 22.0)
    [listed] = [each for each in summary["networks"][0]["losses"] if each["loss"] == "dice"]
    assert listed["failures"] == {"7": "The loss became NaN."}
    assert listed["mean"] == pytest.approx(0.52)


COUNTS = {
    "dice": [2.5, 2.0, 2.25, 1.75],
    "focal": [2.5, 1.5, 3.0, 2.0],
    "lovasz": [6.0, 6.5, 5.0, 6.0],
}


def counted(losses: Mapping[str, list[float]] = COUNTS, metric: str = "dic") -> Table:
    """A table of counts of objects."""
    rows = [
        Row(
            loss,
            0.1,
            {seed: CellOutcome(0.1, metrics={metric: x}) for seed, x in enumerate(counts)},
        )
        for loss, counts in losses.items()
    ]
    return Table.of(metric, {"architecture": "Unet", "encoder": "resnet18"}, rows)


def test_where_lower_is_better_the_lowest_mean_is_the_best() -> None:
    table = counted()
    column = METRIC_SCORES.column("dic")
    texts = table.texts(column)
    assert {loss: text.mark for loss, text in texts.items()} == {
        "dice": "best", "focal": "tied", "lovasz": None,
    }  # fmt: skip
    assert texts["dice"].text == "2.1 ± 0.5"
    assert [row.loss for row in table.rows] == ["dice", "focal", "lovasz"]
    assert table.ranks["lovasz"] == 3.0
    gap = table.standings(column)["lovasz"].to_best
    assert gap is not None
    assert gap.text(COUNT_UNIT, signed=True).startswith("+3.8 ± ")  # so many objects more
    [content] = content_of(Results("dic", [table]))["networks"]
    assert content["lower_is_better"] == ["dic"]


def test_a_markdown_title_keeps_its_bars_to_itself() -> None:
    dataset = Dataset(name="shapes", report={"images": {"val": 4}})
    asked = request(metric="dic", scoring={"clustering": {"method": "components"}})
    lines = list(markdown(Results("dic", [counted()]), asked, dataset))
    assert "seeds by |DiC| (lower is better)." in lines[0]
    assert lines[4] == r"| loss | rank | learning rate | \|DiC\|, objects (lower is better) |"


def test_what_has_no_better_way_ranks_and_marks_nothing() -> None:
    table = counted(metric="dic-signed")
    assert (table.ranks, table.scores) == ({}, [])
    texts = table.texts(METRIC_SCORES.column("dic-signed"))
    assert {text.mark for text in texts.values()} == {None}
    assert texts["dice"].text == "2.1 ± 0.5"


TABLES = st.integers(1, 4).flatmap(
    lambda seeds: st.dictionaries(
        st.sampled_from("abcde"),
        st.lists(st.integers(0, 20).map(float), min_size=seeds, max_size=seeds),
        min_size=1,
    )
)


@settings(deadline=None)
@given(TABLES)
def test_counts_are_marked_and_ranked_as_their_negatives_would_be(
    losses: dict[str, list[float]],
) -> None:
    lower = counted(losses)
    higher = counted({loss: [-x for x in counts] for loss, counts in losses.items()}, "sbd")
    assert lower.ranks == higher.ranks
    marks = [
        {loss: text.mark for loss, text in table.texts(METRIC_SCORES.column(table.metric)).items()}
        for table in (lower, higher)
    ]
    assert marks[0] == marks[1]


def test_a_rate_at_an_edge_is_told() -> None:
    asked = request(learning_rates=[0.1, 0.3], rate_extensions=0)
    tried = {(tuning_stage(0, rate), 0): {"score": rate} for rate in (0.1, 0.3)}
    results = derived(asked, tried)
    [note] = results.tables[0].notes()
    assert "is the highest one that was tried" in note
    assert note.endswith("beyond it: dice (0.3).")
    listed = {each["loss"]: each["edge"] for each in results.summary()["networks"][0]["losses"]}
    assert listed == {"dice": "highest", "focal": None, "lovasz": None}
    [content] = content_of(results)["networks"]
    assert {each["loss"]: each["edge"] for each in content["losses"]} == listed


def test_a_comparison_of_nothing_yet_has_results_too() -> None:
    results = derived(request(), {})
    assert results.summary()["cells"] == 0
    assert [row.loss for row in results.tables[0].rows] == list(SCORES)
    assert results.tables[0].standings(MIOU) == {}


def test_the_control_is_a_score_that_losses_are_told_apart_by() -> None:
    asked = request()
    more = {"rankseg": {"miou": 0.6}, "worst_decile": 0.2}
    records = {key: body | more for key, body in recorded(asked).items()}
    table = table_of(asked, records)
    assert [score.name for score in table.scores][-2:] == ["worst_decile", "rankseg.miou"]
    control = table.scores[-1]
    assert table.standings(control)["dice"].estimate.mean == pytest.approx(0.6)
    assert control.title == "mIoU by RankSEG"


def test_results_survive_their_file() -> None:
    asked = request(learning_rates=[0.1, 0.3], networks=[{}, {"architecture": "Unet"}], seeds=2)
    records = recorded(asked) | {(tuning_stage(1, 0.1), 2): {"score": 0.25}}
    results = derived(asked, records)
    read = results_from(json.loads(json.dumps(content_of(results))))
    assert content_of(read) == content_of(results)
    assert read.summary() == results.summary()
