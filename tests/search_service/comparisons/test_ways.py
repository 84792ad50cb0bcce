"""Rows by loss and way: values, ranks and tests of each, oracles apart, whole again from the file."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from search_service.comparisons.columns import METRIC_SCORES
from search_service.comparisons.content import content_of, results_from
from search_service.comparisons.options import options_for
from search_service.comparisons.outcome import CellOutcome
from search_service.comparisons.report import markdown
from search_service.comparisons.request import ComparisonRequest
from search_service.comparisons.results import Results, Table
from search_service.comparisons.row import Row
from search_service.comparisons.ways import ORACLES
from search_service.significance import difference
from search_service.store.tables import Dataset
from surrogate_zoo import LOSSES
from surrogate_zoo.errors import InputError
from workers.tasks.instances import ClusteringSpec
from workers.tasks.retraining import RetrainingTask

NETWORK = {"architecture": "Unet", "encoder": "resnet18", "embedding": 8}
SBD, MIOU = METRIC_SCORES.column("sbd"), METRIC_SCORES.column("miou")
MEAN_SHIFT, WATERSHED = ClusteringSpec(), ClusteringSpec(method="watershed")

# SBD of every loss and way by seed.
SCORES: dict[str, dict[str, Sequence[float]]] = {
    "discriminative": {"mean-shift": [0.5, 0.52, 0.51], "watershed": [0.7, 0.71, 0.72]},
    "cross-entropy": {"watershed": [0.69, 0.72, 0.7]},
}


def outcome(ways: Mapping[str, float], *, oracle: float | None = None) -> CellOutcome:
    first = next(iter(ways.values()))
    specs = {"mean-shift": MEAN_SHIFT, "watershed": WATERSHED}
    objects = {
        "things": [1],
        "clusterings": {way: specs[way].model_dump(mode="json") for way in ways},
        "scores": {way: {"sbd": score, "dic": 10 * score} for way, score in ways.items()},
        "oracles": {} if oracle is None else {"oracle-semantic": {"sbd": oracle}},
        "tuning": {"score": "sbd", "hold_out": "cut", "scores": dict.fromkeys(ways, 0.25)},
    }
    metrics = {"miou": 0.8, "sbd": first, "dic": 10 * first}
    return CellOutcome(0.1, first, seconds=2.0, metrics=metrics, objects=objects)


def rows() -> list[Row]:
    every = []
    for loss, ways in SCORES.items():
        oracle = 0.9 if loss == "discriminative" else None
        outcomes = {
            seed: outcome({way: scores[seed] for way, scores in ways.items()}, oracle=oracle)
            for seed in range(3)
        }
        every.append(Row(loss, 0.1, outcomes, {0.1: 0.5}))
    return every


@pytest.fixture
def table() -> Table:
    return Table.of("sbd", NETWORK, rows())


def test_there_is_a_row_for_every_loss_and_way(table: Table) -> None:
    assert [row.name for row in table.rows] == [
        "discriminative · watershed",
        "cross-entropy · watershed",
        "discriminative · mean-shift",
    ]
    assert table.ranks == {
        "discriminative · watershed": pytest.approx(4 / 3),
        "cross-entropy · watershed": pytest.approx(5 / 3),
        "discriminative · mean-shift": 3.0,
    }
    for row in table.rows:
        assert [*row.values(SBD).values()] == SCORES[row.loss][str(row.clustering)]
        assert {*row.values(MIOU).values()} == {0.8}  # one network, whatever the way


def test_seeds_are_paired_across_losses_and_ways(table: Table) -> None:
    standings = table.standings(SBD)
    best = SCORES["discriminative"]["watershed"]
    for loss, way in (("cross-entropy", "watershed"), ("discriminative", "mean-shift")):
        to_best = standings[f"{loss} · {way}"].to_best
        assert to_best == difference([*SCORES[loss][way]], [*best])


def test_oracles_stand_apart(table: Table) -> None:
    [oracle] = table.oracles
    assert oracle.name == "discriminative · oracle-semantic"
    assert table.shown[-1] is oracle
    assert oracle.name not in table.ranks
    assert oracle.name not in table.standings(SBD)
    assert (table.texts(SBD)[oracle.name].text, table.texts(SBD)[oracle.name].mark) == (
        "90.0 ± 0.0",
        None,
    )
    assert table.texts(SBD)["discriminative · watershed"].mark == "best"
    assert oracle.name not in table.texts(MIOU)
    assert ORACLES in table.notes()


def test_a_retraining_counts_once(table: Table) -> None:
    results = Results("sbd", [table])
    summary = results.summary()
    assert (summary["cells"], summary["seconds"]) == (6, 12.0)
    [network] = summary["networks"]
    told = [(each["loss"], each["clustering"], each["rank"]) for each in network["losses"]]
    assert told[2] == ("discriminative", "mean-shift", 3.0)
    edges = [note for note in table.notes() if "learning rate" in note]
    assert edges == [
        "The best learning rate is the only one that was tried, so a better one may lie beyond it: "
        "discriminative (0.1), cross-entropy (0.1)."
    ]


def test_the_file_for_machines_gives_the_same_table_again(table: Table) -> None:
    content = content_of(Results("sbd", [table]))
    [again] = results_from(json.loads(json.dumps(content))).tables
    assert (again.rows, again.oracles, again.ranks) == (table.rows, table.oracles, table.ranks)
    assert [column.name for column in again.columns] == [column.name for column in table.columns]
    [network] = content["networks"]
    [first, *_] = network["losses"]
    [seed, *_] = first["seeds"].values()
    assert seed["objects"]["clusterings"] == {"watershed": WATERSHED.model_dump(mode="json")}
    assert seed["objects"]["tuning"]["scores"] == {"watershed": 0.25}


def test_a_failure_is_told_once_and_counts_for_every_way() -> None:
    [first, second] = rows()
    failed = CellOutcome(0.1, error="The loss became NaN.")
    broken = Row(first.loss, 0.1, {**first.outcomes, 3: failed}, {})
    table = Table.of("sbd", NETWORK, [broken, second])
    assert [len(row.failures) for row in table.rows if row.loss == first.loss] == [1, 1]
    assert [note for note in table.notes() if "failed" in note] == [
        "discriminative, seed 3, failed: The loss became NaN."
    ]
    nothing = Table.of("sbd", NETWORK, [Row("dice", 0.1, {0: failed}), second])
    assert [row.name for row in nothing.rows] == ["cross-entropy · watershed", "dice"]


def test_a_metric_of_labels_has_a_row_a_loss() -> None:
    table = Table.of("miou", NETWORK, rows())
    assert [row.name for row in table.shown] == ["discriminative", "cross-entropy"]


def request(**changes: Any) -> ComparisonRequest:
    body: dict[str, Any] = {
        "losses": ["cross-entropy", "cross-entropy-discriminative"],
        "dataset": "shapes",
        "metric": "sbd",
        "networks": [NETWORK],
        "scoring": {"tolerance": 2, "clustering": {"method": "mean-shift"}},
        "clusterings": {"cut": {"method": "watershed"}, "plain": {"method": "components"}},
        "oracles": ["oracle-semantic", "oracle-centres"],
    }
    return ComparisonRequest.model_validate(body | changes)


def test_markdown_has_the_rows_and_the_oracles(table: Table) -> None:
    dataset = Dataset(name="shapes", report={"images": {"val": 4}})
    lines = list(markdown(Results("sbd", [table]), request(), dataset))
    names = [line.split(" | ")[0] for line in lines if "·" in line]
    assert names == [f"| {row.name}" for row in table.shown]
    assert lines[-1] == ORACLES


def task(asked: ComparisonRequest, loss: str) -> RetrainingTask:
    """The training of a loss, as a comparison makes it."""
    document = LOSSES[loss].document()
    options = options_for(asked, loss, document)
    return RetrainingTask.model_validate(
        {"dataset": {"layout": "shapes"}, "loss": document, "network": NETWORK} | options
    )


def test_ways_of_embeddings_are_those_of_losses_that_train_them() -> None:
    trained = task(request(), "cross-entropy-discriminative")
    assert trained.ways == request().ways
    assert trained.oracles == ("oracle-semantic", "oracle-centres")
    plain = task(request(), "cross-entropy")
    assert [*plain.ways] == ["cut", "plain"]
    assert plain.ways == {name: request().ways[name] for name in plain.ways}
    assert plain.scoring.clustering == WATERSHED
    assert plain.scoring.tolerance == 2
    assert plain.oracles == ("oracle-semantic",)


def test_a_loss_without_any_way_is_refused() -> None:
    only = request(clusterings={})
    with pytest.raises(
        InputError, match="cross-entropy trains no embeddings, and every clustering"
    ):
        options_for(only, "cross-entropy", LOSSES["cross-entropy"].document())
    labels = request(metric="miou", scoring={}, clusterings={}, oracles=[])
    assert options_for(labels, "dice", LOSSES["dice"].document())["clusterings"] == {}


def test_objects_that_are_not_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="which miou does not compare: set metric"):
        request(metric="miou")
    with pytest.raises(ValueError, match="sbd scores objects, and none are made"):
        request(scoring={}, clusterings={}, oracles=[])
    with pytest.raises(ValueError, match="mean-shift needs embeddings"):
        request(networks=[{"architecture": "Unet"}])
