"""The papers' tables as requests: what they ask for, and that the service takes them."""

import argparse
import json
from pathlib import Path

import pytest

from benchmarks.learned_losses import Bench, parse, rows
from benchmarks.paper_tables import REQUESTS, TABLES, Ledger, PaperTable, Training
from search_service.loss_networks.supply import Wanted
from workers.tasks.loss_networks import EDGE_NETWORK_OF_SEMEDA, InverseNetworkSpec


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    words = ["--root", "/data", "--out", str(tmp_path), "--seeds", "2", "--factors", "1", "4"]
    arguments: argparse.Namespace = parse(words)
    tables = {name: PaperTable.read(name) for name in TABLES}
    return Bench(arguments, tables, Ledger(tmp_path / "outcomes.jsonl"))


def test_every_request_is_a_table() -> None:
    assert sorted(path.stem for path in REQUESTS.glob("*.json")) == sorted(TABLES)


def test_table_1_of_semeda_has_its_ten_rows_with_sums_and_true_edges() -> None:
    table = PaperTable.read("semeda-table-1")
    assert len(table.documents) == 10
    training = table.request.training
    assert (training.crop, training.batch_size, training.iterations) == ((321, 321), 6, 20_000)
    assert (training.learning_rate, training.head_factor) == (5e-4, 10.0)
    assert training.frozen_statistics
    lambdas = []
    for loss, document in table.documents.items():
        networks = table.specs(loss)
        assert set(networks.values()) <= {EDGE_NETWORK_OF_SEMEDA}
        if document["kind"] == "handmade" and loss.startswith("semeda"):
            assert document["parameters"]["over_features"] == "sum"
            lambdas.append(
                (tuple(document["parameters"]["lambdas"]), document["parameters"]["after_relu"])
            )
        if loss.startswith("ppce"):
            assert document["parameters"]["truth"] == "edges"
    assert len(set(lambdas)) == 6
    assert table.published["semeda-0-1-0"] == max(table.published.values())


def test_table_5_of_inverse_form_is_two_networks_by_two_distances() -> None:
    table = PaperTable.read("inverse-form-table-5")
    seen: set[tuple[str, str]] = set()
    for loss, document in table.documents.items():
        (wanted,) = table.specs(loss).values()
        assert isinstance(wanted, InverseNetworkSpec)
        assert wanted.distance == document["parameters"]["distance"]
        assert wanted.tiles == (6, 8)
        seen.add((wanted.architecture, wanted.distance))
    assert len(seen) == 4
    assert {network.encoder for network in table.request.networks} == {
        "tu-hrnet_w18",
        "tu-hrnet_w48",
    }
    chosen: dict[str, Wanted] = dict(table.request.loss_networks["inverse-form-geodesic"])
    assert chosen == table.specs("inverse-form-geodesic")


@pytest.mark.parametrize(
    ("scores", "tried", "best"),
    [
        ((1, 2, 3, 2, 1), (1, 2, 3), 2),
        ((5, 4, 3, 2, 1), (0, 1, 2), 0),
        ((1, 2, 3, 4, None), (1, 2, 3, 4), 3),
        ((None, 1, None, None, None), (0, 1, 2), 1),
        ((2, None, None, None, None), (0, 1, 2), 0),
        ((1, 1, 1, 1, 1), (0, 1, 2), 0),
    ],
)
def test_rates_are_tried_until_the_best_lies_between_worse_ones(
    tmp_path: Path, scores: tuple[float | None, ...], tried: tuple[int, ...], best: int
) -> None:
    table, ledger = PaperTable.read("semeda-table-1"), Ledger(tmp_path / "outcomes.jsonl")
    factors = [16.0, 0.25, 1.0, 4.0, 64.0]
    rates = sorted(table.rates(factors))
    while wanted := table.next_rates(ledger, "cross-entropy", factors):
        for rate in wanted:
            score = scores[rates.index(rate)]
            one = Training(table.name, "cross-entropy", rate, 0, "train")
            ledger.add(one, None if score is None else {"miou": score})
    assert sorted(rates.index(one.rate) for one in ledger.scores) == list(tried)
    assert table.best_rate(ledger, "cross-entropy") == rates[best]


def test_of_a_loss_that_always_fails_there_is_no_best_rate(tmp_path: Path) -> None:
    table, ledger = PaperTable.read("semeda-table-1"), Ledger(tmp_path / "outcomes.jsonl")
    assert table.best_rate(ledger, "cross-entropy") is None
    ledger.add(Training(table.name, "cross-entropy", 0.1, 0, "train"), None)
    assert table.best_rate(ledger, "cross-entropy") is None


def test_the_best_rate_on_the_hold_out_set_is_trained_over_the_seeds(bench: Bench) -> None:
    assert len(bench.network_tasks()) == 7  # one of edges, two by two, and two that are shifted
    tuning = bench.tuning()
    assert len(tuning) == 2 * (10 + 4)
    assert all(len(pack) <= bench.arguments.pack for pack in bench.packs(tuning))
    assert bench.reported() == []
    for training in tuning:
        bench.ledger.add(training, {"miou": training.rate} | dict.fromkeys(OTHERS, 0.5))
    again = Ledger(bench.ledger.path)
    assert again.scores == bench.ledger.scores
    reported = bench.reported()
    assert [one.seed for one in reported] == [100] * 14 + [101] * 14
    best = {(one.table, one.rate) for one in reported}
    assert best == {("semeda-table-1", 4 * 5e-4), ("inverse-form-table-5", 4 * 0.01)}
    task = bench.task(reported[0])
    assert (task.hold_out.split, task.training.crop) == ("val", (321, 321))
    bench.ledger.add(reported[0], {"miou": 0.25} | dict.fromkeys(OTHERS, 0.5))
    lines = list(rows(bench, bench.tables["semeda-table-1"]))
    assert lines[3].startswith("| Cross entropy | 0.002 | 1 | 25.0 | 50.0 |")
    assert lines[3].endswith("| 64.1 |")


OTHERS = ("trimap_1", "trimap_2", "outside_2", "mba")


@pytest.mark.parametrize("name", TABLES)
def test_a_file_says_what_it_is(name: str) -> None:
    body = json.loads((REQUESTS / f"{name}.json").read_text(encoding="utf-8"))
    assert body.keys() == {"about", "published", "losses", "comparison"}
    assert set(body["published"]) <= set(body["comparison"]["losses"])
