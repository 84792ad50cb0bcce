"""The comparison's table, from jobs as the service gives them."""

import io
from typing import Any

import pytest
from rich.console import Console

from api.cli.compare import comparison
from surrogate_zoo.errors import InputError


def job(loss: str, miou: float, *, seed: int = 0, **changed: Any) -> dict[str, Any]:
    request = {"loss": loss, "version": 1, "dataset": "shapes", "split": "test", "seed": seed}
    metrics = {"macc": 0.5, "miou": miou, "mba": miou / 2, "trimap_1": 0.1, "trimap_10": 0.2}
    return {
        "request": request | {"training": {"iterations": 2}} | changed,
        "result": {"metrics": metrics},
    }


def printed(jobs: list[dict[str, Any]], *, boundary: bool = False) -> list[str]:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(comparison(jobs, boundary=boundary))
    return console.export_text(styles=True).splitlines()


def test_several_seeds_give_mean_and_standard_deviation() -> None:
    lines = printed([job("dice", 0.4), job("dice", 0.6, seed=1), job("lovasz", 0.45)])
    (dice,) = [line for line in lines if "dice v1" in line]
    assert "50.00 ± 14.14" in dice
    (lovasz,) = [line for line in lines if "lovasz v1" in line]
    assert "45.00" in lovasz
    assert "±" not in lovasz


def test_the_best_of_a_column_stands_out_and_ties_do_both() -> None:
    lines = printed([job("dice", 0.4), job("lovasz", 0.45)])
    (lovasz,) = [line for line in lines if "lovasz v1" in line]
    assert "\x1b[1m45.00" in lovasz
    (dice,) = [line for line in lines if "dice v1" in line]
    assert "\x1b[1m40.00" not in dice
    assert "\x1b[1m50.00" in dice
    assert "\x1b[1m50.00" in lovasz


def test_columns_come_in_the_order_of_the_metrics() -> None:
    (header,) = [line for line in printed([job("dice", 0.4)]) if "Loss" in line]
    assert header.index("miou") < header.index("macc")
    assert "mba" not in header


def test_other_metrics_can_be_asked_for() -> None:
    scored = job("dice", 0.4)
    scored["result"]["metrics"] |= {"kappa": -0.25, "f2": 0.3}
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(comparison([scored], ["kappa", "miou"]))
    text = console.export_text()
    assert text.index("kappa") < text.index("miou")
    assert "-25.00" in text
    assert "f2" not in text
    with pytest.raises(InputError, match="no such score"):
        comparison([scored], ["unheard-of"])


def test_measures_near_borders_are_a_table_of_their_own() -> None:
    lines = printed([job("dice", 0.4), job("lovasz", 0.45)], boundary=True)
    (header,) = [line for line in lines if "Loss" in line]
    assert header.index("mba") < header.index("trimap_1") < header.index("trimap_10")
    assert "miou" not in header
    (lovasz,) = [line for line in lines if "lovasz v1" in line]
    assert "\x1b[1m22.50" in lovasz


def test_only_scores_that_all_have_are_compared() -> None:
    old = job("dice", 0.4)
    old["result"]["metrics"] = {"miou": 0.4}
    (header,) = [line for line in printed([job("lovasz", 0.5), old]) if "Loss" in line]
    assert "miou" in header
    assert "macc" not in header
    with pytest.raises(InputError, match="no such score"):
        comparison([job("lovasz", 0.5), old], boundary=True)


@pytest.mark.parametrize(
    "changed", [{"split": "val"}, {"dataset": "mine"}, {"training": {"iterations": 3}}]
)
def test_what_was_trained_or_scored_otherwise_is_not_compared(changed: dict[str, Any]) -> None:
    (field,) = changed
    with pytest.raises(InputError, match=f"differ in {field}"):
        comparison([job("dice", 0.4), job("lovasz", 0.5, **changed)])


def test_versions_of_a_loss_are_rows_of_their_own() -> None:
    lines = printed([job("dice", 0.4), job("dice", 0.5, version=2)])
    assert sum("dice v" in line for line in lines) == 2


def test_a_weighted_sum_is_a_row_with_the_versions_of_its_terms() -> None:
    versions = {"dice": 1, "lovasz": 2}
    summed = job("dice+2*lovasz", 0.4, version=None, versions=versions)
    lines = printed([summed, job("dice", 0.5, versions={})])
    assert sum("dice+2*lovasz (dice v1, lovasz v2)" in line for line in lines) == 1
    assert sum("dice v1 " in line for line in lines) == 1
