"""How well a cut of the hold-out set foretells the validation split."""

import pytest

from benchmarks.hold_out_ranks import compared


def test_a_cut_is_judged_by_its_order_and_by_what_its_first_one_loses() -> None:
    val = {0: 0.5, 1: 0.6, 2: 0.7, 3: 0.4}
    held = {0: 0.5, 1: 0.7, 2: 0.6, 3: 0.4}
    scores = {f"val 0 {n}": {"miou": score} for n, score in val.items()}
    scores |= {f"groups 0 {n}": {"miou": score} for n, score in held.items()}
    rho, regret = compared(scores, "groups", 0, "miou")
    assert rho == pytest.approx(0.8)
    assert regret == pytest.approx(0.1)
