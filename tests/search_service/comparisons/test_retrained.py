"""Finished retrainings, as the service gives them, through the results of comparisons."""

from typing import Any

import pytest

from search_service.comparisons.columns import METRIC_SCORES
from search_service.comparisons.results import Table
from search_service.comparisons.retrained import results_of_retrainings
from search_service.significance import difference, estimate
from surrogate_zoo.errors import InputError

MIOU = METRIC_SCORES.column("miou")


def job(loss: str, miou: float, *, seed: int = 0, **changed: Any) -> dict[str, Any]:
    """A finished retraining; ``changed`` are fields of its request."""
    request = {"loss": loss, "version": 1, "dataset": "shapes", "split": "test", "seed": seed}
    request |= {"network": {"architecture": "Unet", "encoder": "resnet18"}}
    request |= {"training": {"iterations": 2, "learning_rate": 0.1}}
    metrics = {"macc": 0.5, "miou": miou, "mba": miou / 2, "trimap_1": 0.1, "trimap_10": 0.2}
    return {"request": request | changed, "result": {"metrics": metrics, "seconds": 3.0}}


def compared(*jobs: dict[str, Any], metric: str = "miou") -> Table:
    [table] = results_of_retrainings(jobs, metric).tables
    return table


def test_they_have_the_interval_and_the_test_of_a_comparison() -> None:
    scores = {"dice": [0.4, 0.6, 0.5], "lovasz": [0.3, 0.45, 0.4]}
    jobs = [
        job(loss, score, seed=seed)
        for loss, values in scores.items()
        for seed, score in enumerate(values)
    ]
    table = compared(*jobs)
    standings = table.standings(MIOU)
    assert standings["dice v1"].estimate == estimate(scores["dice"])
    assert standings["lovasz v1"].to_best == difference(scores["lovasz"], scores["dice"])
    assert table.ranks == {"dice v1": 1.0, "lovasz v1": 2.0}
    assert table.name == "Unet with resnet18"


def test_seeds_pair_whatever_the_order_of_the_jobs() -> None:
    dice = [job("dice", 0.4 + seed / 10, seed=seed) for seed in range(3)]
    lovasz = [job("lovasz", 0.3 + seed / 10, seed=seed) for seed in range(3)]
    to_best = compared(*dice, *reversed(lovasz)).standings(MIOU)["lovasz v1"].to_best
    assert to_best is not None
    assert to_best.mean == pytest.approx(-0.1)
    assert to_best.half == pytest.approx(0, abs=1e-12)


def test_networks_that_were_chosen_tell_losses_apart() -> None:
    inverse, edge = {"inverse_network": "a" * 64}, {"edge_network": "e" * 64}
    versions = {"dice": 1, "semeda": 2}
    table = compared(
        job("dice", 0.4),
        job("inverse-form", 0.5, loss_networks=inverse),
        job("dice+semeda", 0.6, version=None, versions=versions, loss_networks=edge),
    )
    assert [row.loss for row in table.rows] == [
        "dice+semeda (dice v1, semeda v2, edge network eeeeeeee)",
        "inverse-form v1, inverse network aaaaaaaa",
        "dice v1",
    ]


def test_one_seed_tells_no_spread() -> None:
    table = compared(job("dice", 0.4), job("lovasz", 0.45))
    assert table.texts(MIOU)["lovasz v1"].text == "45.0"
    assert [row.loss for row in table.rows] == ["lovasz v1", "dice v1"]


def test_only_scores_that_all_have_are_compared() -> None:
    old = job("dice", 0.4)
    old["result"]["metrics"] = {"miou": 0.4}
    table = compared(job("lovasz", 0.5), old)
    assert [score.name for score in table.scores] == ["miou"]


@pytest.mark.parametrize(
    "changed",
    [{"split": "val"}, {"dataset": "mine"}, {"training": {"iterations": 3, "learning_rate": 0.1}}],
)
def test_what_was_trained_or_scored_otherwise_is_not_compared(changed: dict[str, Any]) -> None:
    (field,) = changed
    with pytest.raises(InputError, match=f"differ in {field}"):
        compared(job("dice", 0.4), job("lovasz", 0.5, **changed))


def test_a_seed_counts_once() -> None:
    with pytest.raises(InputError, match="of dice v1 with seed 3"):
        compared(job("dice", 0.4, seed=3), job("dice", 0.4, seed=3))


def test_versions_of_a_loss_are_rows_of_their_own() -> None:
    table = compared(job("dice", 0.4), job("dice", 0.5, version=2))
    assert {row.loss for row in table.rows} == {"dice v1", "dice v2"}


def test_a_weighted_sum_is_a_row_with_the_versions_of_its_terms() -> None:
    versions = {"dice": 1, "lovasz": 2}
    summed = job("dice+2*lovasz", 0.4, version=None, versions=versions)
    table = compared(summed, job("dice", 0.5, versions={}))
    assert {row.loss for row in table.rows} == {"dice+2*lovasz (dice v1, lovasz v2)", "dice v1"}


def with_objects(
    loss: str, ways: dict[str, float], seed: int = 0, **changed: Any
) -> dict[str, Any]:
    """A finished retraining that made objects; SBD by the method of each way, the first counts."""
    first, *others = ways
    request = {"scoring": {"tolerance": 5, "clustering": {"method": first}}}
    request |= {"clusterings": {name: {"method": name} for name in others}}
    one = job(loss, 0.5, seed=seed, **request | changed)
    scores = {name: {"sbd": score} for name, score in ways.items()}
    one["result"]["metrics"] |= scores[first]
    one["result"]["objects"] = {"clusterings": {name: {} for name in ways}, "scores": scores}
    return one


def test_by_a_score_of_objects_losses_may_have_different_ways() -> None:
    jobs = [
        with_objects("discriminative", {"mean-shift": 0.5, "watershed": 0.6}),
        with_objects("dice", {"watershed": 0.7}),
    ]
    table = compared(*jobs, metric="sbd")
    assert [row.name for row in table.rows] == [
        "dice v1 · watershed",
        "discriminative v1 · watershed",
        "discriminative v1 · mean-shift",
    ]
    with pytest.raises(InputError, match="differ in clusterings, scoring"):
        compared(*jobs)


def test_one_way_is_the_same_in_all_of_them() -> None:
    cut = {"tolerance": 5, "clustering": {"method": "watershed", "radius": 3}}
    jobs = [
        with_objects("discriminative", {"watershed": 0.6}),
        with_objects("dice", {"watershed": 0.7}, scoring=cut),
    ]
    with pytest.raises(InputError, match="differ in watershed"):
        compared(*jobs, metric="sbd")
    wide = {"tolerance": 7, "clustering": {"method": "watershed"}}
    with pytest.raises(InputError, match="differ in scoring"):
        compared(jobs[0], with_objects("dice", {"watershed": 0.7}, scoring=wide), metric="sbd")
