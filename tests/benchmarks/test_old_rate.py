"""The comparison at cross entropy's rate: what is trained, in which order, and what the table says."""

import argparse
import json
from pathlib import Path

import pytest

from benchmarks.old_rate import (
    METRIC,
    found,
    parse,
    same,
    stands_for,
    trained_alone,
    wanted,
    written,
    zoo,
)
from benchmarks.transfer import FIRST_SEED, Comparison, Ledger, Training
from surrogate_zoo.losses.document import handmade_document, signed

OURS = "searched-bf1"


@pytest.fixture
def arguments(tmp_path: Path) -> argparse.Namespace:
    words = ["--root", "/data", "--out", str(tmp_path), "--seeds", "2", "--rates", "0.01", "0.1"]
    return parse([*words, "--losses", "dice", "naive-macc"])


@pytest.fixture
def comparison(arguments: argparse.Namespace, tmp_path: Path) -> Comparison:
    for number, (name, scale) in enumerate([(OURS, 2.0), (OURS, 3.0), ("again", 2.0)]):
        (folder := tmp_path / f"search-{number}").mkdir()
        document = handmade_document(name, "dice", zoo(["dice"])["dice"]["parameters"], scale=scale)
        document = signed({**document, "provenance": {"chosen": {"metric": "bf1"}}})
        (folder / "loss.json").write_text(json.dumps(document))
    documents = zoo([]) | found(sorted(tmp_path.glob("search-*"))) | zoo(arguments.losses)
    return Comparison(arguments, "lite0", {METRIC: ["cross-entropy"]}, documents)


@pytest.fixture
def ledger(comparison: Comparison, tmp_path: Path) -> Ledger:
    """Cross entropy tuned to 0.1, and everything trained: one loss diverged with one seed."""
    kept = Ledger(tmp_path / "outcomes.jsonl")
    for rate, score in ((0.01, 0.2), (0.1, 0.4), (1.0, 0.3)):
        kept.add(Training("lite0", "cross-entropy", rate, 0, "train"), {"miou": score})
    for training in {one: None for part in wanted(comparison, kept) for one in part}:
        better = 0.1 * (training.loss == OURS) + 0.01 * (training.seed - FIRST_SEED)
        metrics = dict.fromkeys(("miou", "bf1", "macc", "dice"), 0.4 + better)
        kept.add(
            training, None if training.loss == "dice" and training.seed > FIRST_SEED else metrics
        )
    return kept


def test_what_says_the_same_is_trained_once_and_every_loss_with_the_first_seed_first(
    comparison: Comparison, ledger: Ledger
) -> None:
    names = ["cross-entropy", OURS, f"{OURS} (2)", "again", "dice", "naive-macc"]
    assert list(comparison.documents) == names
    assert same(comparison.documents)["again"] == OURS
    first, brought, rest = wanted(comparison, ledger)
    assert [one.loss for one in first] == [name for name in names if name != "again"]
    assert {one.seed for one in first} == {FIRST_SEED}
    assert [one.loss for one in brought] == ["cross-entropy", OURS, f"{OURS} (2)"]
    assert set(brought) < set(rest)
    assert {one.rate for one in (*first, *rest)} == {0.1}


def test_losses_are_compared_by_what_they_stand_for(comparison: Comparison) -> None:
    told = {name: stands_for(document) for name, document in comparison.documents.items()}
    assert told["naive-macc"] == "macc"
    assert told[OURS] == "bf1"
    assert told["cross-entropy"] == METRIC


def test_the_table_tells_the_difference_and_who_diverged(
    comparison: Comparison, ledger: Ledger
) -> None:
    lines = list(written(comparison, ledger))
    [ours] = [line for line in lines if line.startswith(f"| {OURS} |")]
    assert "| +10.0 ± 0.0" in ours
    assert ours.endswith("| 0 of 2 |")
    [dice] = [line for line in lines if line.startswith("| dice |")]
    assert dice.endswith("| 1 of 2 |")
    assert any("All train at 0.1." in line for line in lines)
    ledger.scores = {one: kept for one, kept in ledger.scores.items() if one.loss != "naive-macc"}
    assert list(written(comparison, ledger))[-1] == "Not trained: naive-macc."


def test_losses_that_need_networks_or_objects_are_left_out() -> None:
    names = trained_alone()
    assert {"boundary-cross-entropy", "boundary", "asl-bf1-voc"} < set(names)
    assert not {"semeda", "inverse-form", "discriminative"} & set(names)
