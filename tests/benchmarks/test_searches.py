"""What the benchmark of searched losses asks for, and its tables."""

import pytest

from benchmarks.searches import comparisons, parse, report, searches
from search_service.comparisons.request import ComparisonRequest
from search_service.searches.request import SearchRequest
from search_service.significance import difference, holm
from tests.benchmarks.made_up import table

ROOT = ["--root", "/data"]


def test_it_searches_for_every_metric_and_family() -> None:
    arguments = parse([*ROOT, "--metrics", "miou", "bf1", "--families", "bezier", "linear"])
    bodies = searches(arguments, "camvid-48x64")
    assert list(bodies) == [
        *("searched-miou", "searched-miou-linear", "searched-bf1", "searched-bf1-linear"),
    ]
    for name, body in bodies.items():
        assert SearchRequest.model_validate(body).loss_name == name


def test_every_metric_is_compared_by_itself_with_rivals_of_its_own() -> None:
    bodies = comparisons(parse([*ROOT, "--seeds", "6"]), "camvid-72x96")
    asked = {name: ComparisonRequest.model_validate(body) for name, body in bodies.items()}
    assert {name: request.metric for name, request in asked.items()} == {
        name: name for name in asked
    }
    rivals = ("searched-bf1", "naive-bf1", "cross-entropy", "lovasz")
    assert asked["bf1"].losses == rivals
    assert (asked["bf1"].seeds, asked["bf1"].images) == (6, 0)


MIOU = {
    "searched-miou": {"miou": [0.5, 0.52, 0.54]},
    "cross-entropy": {"miou": [0.4, 0.41, 0.45]},
}
BF1 = {
    "searched-bf1": {"bf1": [0.5, 0.52, 0.54]},
    "lovasz": {"bf1": [0.51, 0.54, 0.57]},
    "cross-entropy": {"bf1": [0.3, 0.33, 0.39]},
}


def test_tables_correct_for_the_number_of_all_comparisons() -> None:
    tables = {"miou": table("miou", MIOU), "bf1": table("bf1", BF1)}
    lines = list(report(tables, {"miou": "searched-miou", "bf1": "searched-bf1"}))
    gaps = [
        difference(MIOU["searched-miou"]["miou"], MIOU["cross-entropy"]["miou"]),
        difference(BF1["searched-bf1"]["bf1"], BF1["lovasz"]["bf1"]),
        difference(BF1["searched-bf1"]["bf1"], BF1["cross-entropy"]["bf1"]),
    ]
    p_values = [gap.p for gap in gaps if gap.p is not None]
    adjusted = holm(p_values)
    [first, _] = [line for line in lines if line.startswith("| cross-entropy |")]
    assert first == (
        f"| cross-entropy | 0.3 | 42.0 ± 6.6 | +10.0 ± 2.5 (p = {p_values[0]:.3f}, {adjusted[0]:.2f}) |"
    )
    assert adjusted[0] == pytest.approx(3 * p_values[0])


def test_the_best_comes_first_and_rates_at_an_edge_are_told() -> None:
    lines = list(report({"bf1": table("bf1", BF1)}, {"bf1": "searched-bf1"}))
    losses = [line.split(" | ")[0].removeprefix("| ") for line in lines if "| 0.3 |" in line]
    assert losses == ["lovasz", "searched-bf1", "cross-entropy"]
    assert "| searched-bf1 | 0.3 | 52.0 ± 5.0 |  |" in lines
    assert lines[-1].endswith("lovasz (0.3), searched-bf1 (0.3), cross-entropy (0.3).")


def test_one_seed_has_a_gap_without_p() -> None:
    single = {loss: {"bf1": values["bf1"][:1]} for loss, values in BF1.items()}
    lines = list(report({"bf1": table("bf1", single)}, {"bf1": "searched-bf1"}))
    assert "| cross-entropy | 0.3 | 30.0 | +20.0 |" in lines
