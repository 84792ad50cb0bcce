"""What the comparison of all losses asks for, and the differences that it computes."""

from benchmarks.comparison import PAIR_SCORES, differences, parse, request
from benchmarks.tasks import told
from search_service.comparisons.request import ComparisonRequest
from search_service.significance import difference
from surrogate_zoo import LOSSES
from tests.benchmarks.made_up import table

NAMES = dict.fromkeys((*PAIR_SCORES, "macc"))


def test_it_asks_for_a_comparison_of_every_loss_that_needs_no_objects() -> None:
    asked = ComparisonRequest.model_validate(request(parse(["--root", "/data"]), "camvid-96x128"))
    of_objects = {"discriminative", "deep-metric", "cross-entropy-discriminative"}
    assert set(asked.losses) == set(LOSSES) - of_objects
    assert asked.learning_rates == (0.03, 0.1, 0.3)
    assert (asked.rate_refinements, asked.training.crop) == (1, (96, 128))


def test_differences_are_paired_over_seeds_and_need_both_losses() -> None:
    base = {name: [0.4, 0.5, 0.6] for name in NAMES}
    semeda = base | {"miou": [0.45, 0.53, 0.67], "bf1": [0.1, 0.2, 0.3]}
    lines = list(differences(table("miou", {"cross-entropy": base, "semeda": semeda})))
    gap = told(difference(semeda["miou"], base["miou"]))
    assert gap == "+5.0 ± 5.0 (p = 0.049)"
    [to_base, of_paper] = [line for line in lines if line.startswith("| semeda - cross-entropy |")]
    assert to_base == f"| semeda - cross-entropy | {gap} | +0.0 ± 0.0 (p = 1.000) | {_bf1()} |"
    assert of_paper.count("|") == len(PAIR_SCORES) + 2
    assert not [line for line in lines if "inverse-form" in line]


def _bf1() -> str:
    return told(difference([0.1, 0.2, 0.3], [0.4, 0.5, 0.6]))


def test_without_cross_entropy_there_is_nothing_to_differ_from() -> None:
    lines = list(differences(table("miou", {"dice": {name: [0.4, 0.5] for name in NAMES}})))
    assert not [line for line in lines if line.startswith("| dice") or "boundaries" in line]
