"""Intervals and tests over seeds, against SciPy and by what they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from search_service.significance import difference, estimate, holm, pooled_margin

SCORES = st.lists(st.floats(0, 1, width=32), min_size=2, max_size=8)


@given(SCORES)
def test_an_interval_is_students(values: list[float]) -> None:
    estimated = estimate(values)
    assert estimated.half is not None
    if estimated.half == 0:
        assert np.ptp(values) < 1e-9
        return
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    bounds = (estimated.mean - estimated.half, estimated.mean + estimated.half)
    assert bounds == pytest.approx((low, high))


@given(st.integers(2, 8).flatmap(lambda n: st.tuples(*[st.permutations(range(n))] * 2)))
def test_a_difference_is_tested_in_pairs(pair: tuple[list[int], list[int]]) -> None:
    values, base = (np.sqrt(np.array(ranks, dtype=float)) for ranks in pair)
    tested = difference(values.tolist(), base.tolist())
    assert tested.mean == pytest.approx((values - base).mean(), abs=1e-12)
    if np.ptp(values - base) > 1e-9:
        assert tested.p == pytest.approx(stats.ttest_rel(values, base).pvalue)


def test_what_has_no_spread() -> None:
    assert difference([0.5, 0.6], [0.5, 0.6]).p == 1
    assert difference([0.75, 0.5], [0.5, 0.25]).p == 0
    assert (difference([0.5], [0.25]).mean, difference([0.5], [0.25]).p) == (0.25, None)
    assert estimate([0.5]).half is None


def test_a_difference_wants_pairs() -> None:
    with pytest.raises(ValueError, match="shorter"):
        difference([0.5, 0.6], [0.5])


def test_holm_by_hand() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_lies_between_p_and_bonferroni(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()
    for p, holms in zip(p_values, adjusted, strict=True):
        assert p <= holms <= min(1.0, p * len(p_values)) or holms == max(adjusted)
    assert min(adjusted) == pytest.approx(min(1.0, min(p_values) * len(p_values)))


@given(SCORES.flatmap(lambda one: st.tuples(st.just(one), st.permutations(one))))
def test_the_pooled_margin_of_two_rows_is_that_of_their_pairs(
    rows: tuple[list[float], list[float]],
) -> None:
    half = difference(*rows).half
    assert pooled_margin(rows) == pytest.approx(half, abs=1e-9)


def test_the_pooled_margin_is_that_of_a_two_way_layout() -> None:
    rows = np.random.default_rng(0).normal(size=(5, 3))
    left = rows - rows.mean(1, keepdims=True) - rows.mean(0) + rows.mean()
    error = np.sqrt(2 * (left**2).sum() / 8 / 3)
    assert pooled_margin(rows.tolist()) == pytest.approx(stats.t.ppf(0.975, 8) * error)
    assert pooled_margin([[0.5], [0.6]]) is None
