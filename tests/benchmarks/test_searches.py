"""What the benchmark of searched losses asks for, and its tables."""

from pathlib import Path

import pytest

from benchmarks.searches import comparisons, handmade, parse, report, searches
from search_service.comparisons.request import ComparisonRequest
from search_service.searches.request import SearchRequest
from search_service.significance import difference, holm
from tests.benchmarks.made_up import table

ROOT = ["--root", "/data"]


def test_one_search_of_the_zoo_and_the_papers_for_each_metric() -> None:
    arguments = parse([*ROOT, "--metrics", "miou", "bf1"])
    bodies = searches(arguments, "camvid-96x128")
    assert list(bodies) == ["searched", "paper-miou", "paper-bf1"]
    asked = {name: SearchRequest.model_validate(body) for name, body in bodies.items()}
    new = asked["searched"]
    assert [new.name_for(metric) for metric in new.objectives] == ["searched-miou", "searched-bf1"]
    assert new.race is not None
    for request in asked.values():
        assert request.frozen_encoder
        assert request.hold_out.groups == "auto"
        assert request.schedule == new.schedule
    assert asked["paper-bf1"].sampler.name == "ppo2"
    assert asked["paper-bf1"].loss_name == "paper-bf1"
    alone = searches(parse([*ROOT, "--metrics", "bf1"]), "camvid-96x128")["searched"]
    assert SearchRequest.model_validate(alone).loss_name == "searched-bf1"


TRIALS = """number,generation,holdout.miou,loss,rate
0,0,0.3,cross-entropy,1.0
1,0,0.5,surrogate-miou,1.0
2,0,0.2,dice,0.5
3,0,0.4,dice,2.0
4,0,0.3,lovasz,2.0
5,0,,focal,2.0
6,1,0.9,focal,2.0
"""


def test_rivals_are_the_best_handmade_losses_of_the_portfolio(tmp_path: Path) -> None:
    table = tmp_path / "trials.csv"
    table.write_text(TRIALS)
    assert handmade(table, ["miou"]) == {"miou": ["dice", "lovasz"]}


def test_every_metric_is_compared_by_itself_with_rivals_of_its_own() -> None:
    arguments = parse([*ROOT, "--metrics", "bf1", "--seeds", "6"])
    bodies = comparisons(arguments, "camvid-96x128", {"bf1": ["lovasz", "dice"]})
    request = ComparisonRequest.model_validate(bodies["bf1"])
    rivals = ("searched-bf1", "paper-bf1", "naive-bf1", "cross-entropy", "lovasz", "dice")
    assert (request.losses, request.metric) == (rivals, "bf1")
    assert (request.seeds, request.images, request.rankseg) == (6, 0, True)


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
        f"| cross-entropy | 0.3 | 3 | 42.0 ± 6.6 | +10.0 ± 2.5 (p = {p_values[0]:.3f}, {adjusted[0]:.2f}) |"
    )
    assert adjusted[0] == pytest.approx(3 * p_values[0])


def test_the_best_comes_first_and_rates_at_an_edge_are_told() -> None:
    lines = list(report({"bf1": table("bf1", BF1)}, {"bf1": "searched-bf1"}))
    losses = [line.split(" | ")[0].removeprefix("| ") for line in lines if "| 0.3 |" in line]
    assert losses == ["lovasz", "searched-bf1", "cross-entropy"]
    assert "| searched-bf1 | 0.3 | 3 | 52.0 ± 5.0 |  |" in lines
    assert lines[-1].endswith("lovasz (0.3), searched-bf1 (0.3), cross-entropy (0.3).")


def test_one_seed_has_a_gap_without_p() -> None:
    single = {loss: {"bf1": values["bf1"][:1]} for loss, values in BF1.items()}
    lines = list(report({"bf1": table("bf1", single)}, {"bf1": "searched-bf1"}))
    assert "| cross-entropy | 0.3 | 1 | 30.0 | +20.0 |" in lines
