"""The comparison of searched losses elsewhere: which trainings come next, and their table."""

import argparse
from pathlib import Path

import pytest

from benchmarks import searches, tasks
from benchmarks.transfer import (
    FIRST_SEED,
    Comparison,
    Ledger,
    Training,
    foresight,
    packs,
    parse,
    seen,
)
from search_service.comparisons.columns import METRIC_SCORES
from search_service.significance import difference, estimate
from surrogate_zoo.losses.registry import LOSSES

NAMES = ["lovasz", "cross-entropy"]


@pytest.fixture
def arguments(tmp_path: Path) -> argparse.Namespace:
    words = ["--root", "/data", "--searches", "found", "--out", str(tmp_path), "--seeds", "2"]
    return parse([*words, "--rates", "0.01", "0.1"])


@pytest.fixture
def comparison(arguments: argparse.Namespace) -> Comparison:
    losses = {"miou": NAMES, "bf1": NAMES[:1]}
    documents = {name: LOSSES[name].document() for name in NAMES}
    return Comparison(arguments, "lite0", losses, documents)


def tuned(ledger: Ledger, comparison: Comparison) -> None:
    """Train with every rate that is asked for; 0.1 is best for mIoU, 0.01 for BF1."""
    while missing := comparison.tuning(ledger):
        for training in missing:
            ledger.add(
                training, {"miou": 0.5 - abs(training.rate - 0.1), "bf1": 0.5 - training.rate}
            )


def test_grids_go_on_until_each_metric_has_its_best_rate_inside(
    comparison: Comparison, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "outcomes.jsonl")
    assert {one.rate for one in comparison.tuning(ledger)} == {0.01, 0.1}
    tuned(ledger, comparison)
    rates = {one.rate for one in ledger.scores if one.loss == "lovasz"}
    assert {0.01, 0.1, 1.0, 0.001} <= rates
    assert max(one.rate for one in ledger.scores if one.loss == "cross-entropy") == 1.0
    assert comparison.rates(ledger)["miou", "lovasz"] == 0.1
    assert comparison.rates(ledger)["bf1", "lovasz"] < 0.01


def test_a_training_counts_for_every_metric_and_a_second_run_goes_on(
    comparison: Comparison, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "outcomes.jsonl")
    tuned(ledger, comparison)
    first, *rest = comparison.reported(ledger)
    assert first.seed == FIRST_SEED
    for training in (first, *rest):
        ledger.add(training, {"miou": 0.6, "bf1": 0.4})
    again = Ledger(tmp_path / "outcomes.jsonl")
    assert again.scores == ledger.scores
    assert not comparison.reported(again)
    table = comparison.tables(again)["miou"]
    assert [row.loss for row in table.rows] == NAMES
    assert all(len(row.outcomes) == 2 for row in table.rows)


def test_uncertain_differences_have_more_seeds_once_the_first_are_there(
    arguments: argparse.Namespace, tmp_path: Path
) -> None:
    arguments.most_seeds, arguments.widest = 4, 2.0
    names = ["lovasz", "cross-entropy", "dice"]
    documents = {name: LOSSES[name].document() for name in names}
    comparison = Comparison(arguments, "lite0", {"miou": names}, documents)
    ledger = Ledger(tmp_path / "outcomes.jsonl")
    tuned(ledger, comparison)
    # Over seeds, lovasz less cross entropy is known to 1.3 points, less Dice to 25.
    spread = {"lovasz": 0.0, "cross-entropy": 0.001, "dice": 0.02}
    numbers: list[int] = []
    while missing := comparison.reported(ledger):
        numbers.append(len(missing))
        for training in missing:
            sign = (-1) ** training.seed
            ledger.add(training, {"miou": 0.6 + sign * spread[training.loss]})
    assert numbers == [6, 4]
    table = comparison.tables(ledger)["miou"]
    assert {row.loss: len(row.outcomes) for row in table.rows} == {
        "lovasz": 4,
        "cross-entropy": 2,
        "dice": 4,
    }
    lines = list(searches.report({"miou": table}, {"miou": "lovasz"}))
    assert [line.split(" | ")[2] for line in lines[3:6]] == ["4", "2", "4"]
    gap = searches.lead(table, METRIC_SCORES.column("miou"), "lovasz", "dice")
    assert gap == difference([0.6] * 4, [0.62, 0.58, 0.62, 0.58])


def test_what_is_reported_is_scored_with_rankseg_too(
    comparison: Comparison, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "outcomes.jsonl")
    tuned(ledger, comparison)
    assert not comparison.task(next(iter(ledger.scores))).rankseg
    for number, training in enumerate(comparison.reported(ledger)):
        assert comparison.task(training).rankseg
        score = 0.6 + number / 100
        ledger.add(training, {"miou": score, "bf1": 0.4, "rankseg.miou": score + 0.1})
    tables = comparison.tables(ledger)
    lines = list(searches.report(tables, {"miou": "lovasz", "bf1": "lovasz"}))
    head = lines.index("| mIoU by RankSEG | score | lovasz less this |")
    values, others = (
        [score + 0.1 for score in row.values(METRIC_SCORES.column("miou")).values()]
        for row in tables["miou"].rows
    )
    told = tasks.told(difference(values, others))
    assert lines[head + 2 : head + 4] == [
        f"| lovasz | {estimate(values).percent()} |  |",
        f"| cross-entropy | {estimate(others).percent()} | {told} |",
    ]
    assert not any("BF1 by RankSEG" in line for line in lines)


def test_packs_share_seed_and_split() -> None:
    trainings = [
        Training("lite0", loss, 0.1, seed, "val") for seed in (1, 2) for loss in ("a", "b", "c")
    ]
    found = list(packs(trainings, 2))
    assert [len(pack) for pack in found] == [2, 1, 2, 1]
    assert all(len({one.seed for one in pack}) == 1 for pack in found)


def test_a_hold_out_set_that_turns_the_order_around_foretells_it_backwards(
    comparison: Comparison, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "outcomes.jsonl")
    for number, loss in enumerate(("a", "b", "c")):
        for rate, held in ((0.1, 0.5), (1.0, 0.4)):  # the higher rate counts nowhere
            ledger.add(Training("lite0", loss, rate, 0, "train"), {"miou": held + number / 10})
            for seed in (FIRST_SEED, FIRST_SEED + 1):
                val = {"miou": 0.8 - number / 10 + (seed - FIRST_SEED) / 50}
                ledger.add(Training("lite0", loss, rate, seed, "val"), val)
    ledger.add(Training("lite0", "d", 0.1, 0, "train"), None)  # failed
    losses = seen(comparison, ledger, "miou")
    assert [(one.loss, round(one.val, 6)) for one in losses] == [
        ("c", 0.61),
        ("b", 0.71),
        ("a", 0.81),
    ]
    told = list(foresight(comparison, ledger))
    assert told[2:] == [
        "| mIoU | 3 | -1.00 | c, 61.0 on val | a, 81.0; 3. on the hold-out set | 20.0 |"
    ]


def test_a_loss_of_two_names_is_trained_once(arguments: argparse.Namespace, tmp_path: Path) -> None:
    document = LOSSES["lovasz"].document()
    again = document | {"name": "found", "title": "Found", "provenance": {"search": "one"}}
    other = LOSSES["cross-entropy"].document()
    documents = {"lovasz": document, "found": again, "cross-entropy": other}
    losses = {"miou": [*NAMES, "found"], "bf1": ["found"]}
    comparison, ledger = Comparison(arguments, "lite0", losses, documents), Ledger(tmp_path / "o")
    tuned(ledger, comparison)
    for training in comparison.reported(ledger):
        ledger.add(training, {"miou": 0.6, "bf1": 0.4})
    assert {one.loss for one in ledger.scores} == set(NAMES)
    tables = comparison.tables(ledger)
    assert [row.loss for row in tables["miou"].rows] == losses["miou"]
    assert [row.loss for row in tables["bf1"].rows] == ["found"]
    assert all(len(row.outcomes) == 2 for table in tables.values() for row in table.rows)
