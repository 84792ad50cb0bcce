"""The grid of learning rates grows by its scores alone."""

from collections.abc import Callable
from math import log
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from search_service.comparisons.request import ComparisonRequest
from search_service.comparisons.tuning import best_of, edge_of, grid

Scorer = Callable[[float], float | None]


def request(
    rates: list[float],
    extensions: int = 4,
    refinements: int = 0,
    floor: float = 0.0,
    metric: str = "miou",
) -> ComparisonRequest:
    body: dict[str, Any] = {"losses": ["dice"], "dataset": "shapes", "learning_rates": rates}
    body |= {"metric": metric}
    if metric == "dic":
        body["scoring"] = {"clustering": {"method": "components"}}
    options: dict[str, Any] = {"rate_extensions": extensions, "rate_refinements": refinements}
    options["training"] = {"minimum_learning_rate": floor}
    return ComparisonRequest.model_validate(body | options)


def tuned(asked: ComparisonRequest, score: Scorer) -> dict[float, float | None]:
    """Train with whatever the grid asks for, until it asks for nothing more."""
    scored: dict[float, float | None] = {}
    while missing := [rate for rate in grid(asked, scored) if rate not in scored]:
        scored[missing[0]] = score(missing[0])
    return scored


def peak(best: float) -> Scorer:
    """Scores that fall with the distance to the best rate, by ratio."""
    return lambda rate: -abs(log(rate / best))


@given(
    st.lists(st.sampled_from([0.01, 0.03, 0.1, 0.3, 1.0]), min_size=1, max_size=4, unique=True),
    st.floats(1e-4, 100),
    st.floats(1e-4, 0.9),
)
def test_where_lower_is_better_the_grid_goes_as_that_of_negated_scores(
    rates: list[float], best: float, fails_below: float
) -> None:
    def higher(rate: float) -> float | None:
        return None if rate < fails_below else -abs(log(rate / best))

    def lower(rate: float) -> float | None:
        return None if (merit := higher(rate)) is None else -merit

    shares = tuned(request(rates, refinements=2), higher)
    counts = tuned(request(rates, refinements=2, metric="dic"), lower)
    assert list(shares) == list(counts)
    assert best_of(shares, "miou") == best_of(counts, "dic")
    assert edge_of(shares, "miou") == edge_of(counts, "dic")


def test_the_best_rate_of_a_count_has_the_lowest_score() -> None:
    tried = {0.1: 2.5, 0.3: 0.5, 1.0: 4.0, 3.0: None}
    assert (best_of(tried, "dic"), edge_of(tried, "dic")) == (0.3, None)
    assert best_of(tried, "sbd") == 1.0


def test_a_best_rate_inside_is_left_alone() -> None:
    assert list(tuned(request([0.3, 0.1, 0.03]), peak(0.1))) == [0.3, 0.1, 0.03]


def test_the_grid_goes_on_beyond_an_edge_until_the_best_lies_inside() -> None:
    tried = tuned(request([0.1, 0.3]), peak(2.0))
    assert list(tried) == [0.1, 0.3, 0.9, 2.7, 8.1]
    assert (best_of(tried, "miou"), edge_of(tried, "miou")) == (2.7, None)
    assert list(tuned(request([0.1, 0.2]), peak(0.04))) == [0.1, 0.2, 0.05, 0.025]


def test_no_rate_is_tried_below_the_floor_of_the_decay() -> None:
    tried = tuned(request([0.01, 0.02], floor=0.003), peak(1e-4))
    assert list(tried) == [0.01, 0.02, 0.005]
    assert edge_of(tried, "miou") == "lowest"


def test_the_outermost_two_rates_on_that_side_tell_the_ratio() -> None:
    asked = [0.01, 0.1, 0.2]
    assert list(tuned(request(asked), peak(0.4))) == [*asked, 0.4, 0.8]
    assert list(tuned(request(asked, 1), peak(0.001))) == [*asked, 0.001]


def test_one_rate_is_doubled_and_then_halved() -> None:
    assert list(tuned(request([0.1]), peak(0.1))) == [0.1, 0.2, 0.05]


def test_an_edge_that_the_bound_leaves_is_told() -> None:
    tried = tuned(request([0.1, 0.3], extensions=1), peak(100))
    assert list(tried) == [0.1, 0.3, 0.9]
    assert edge_of(tried, "miou") == "highest"
    assert edge_of(tuned(request([0.1, 0.3], extensions=0), peak(0.1)), "miou") == "lowest"
    assert edge_of(tuned(request([0.1], extensions=0), peak(0.1)), "miou") == "only"


def test_rates_stay_within_the_limits_of_the_field() -> None:
    assert list(tuned(request([100, 400]), peak(1e6))) == [100, 400, 1000]
    assert list(tuned(request([1e-320, 1000], 16), peak(1e-322))) == [1e-320, 1000]


def test_a_rate_that_failed_bounds_the_grid() -> None:
    def score(rate: float) -> float | None:
        return None if rate > 0.5 else rate

    tried = tuned(request([0.1, 0.3]), score)
    assert list(tried) == [0.1, 0.3, 0.9]
    assert (best_of(tried, "miou"), edge_of(tried, "miou")) == (0.3, None)


def test_where_all_fail_the_grid_goes_down() -> None:
    tried = tuned(request([1, 10], extensions=2), lambda rate: None if rate > 0.05 else rate)
    assert list(tried) == [1, 10, 0.1, 0.01]
    assert best_of(tried, "miou") == 0.01
    assert edge_of({0.1: None, 0.3: None}, "miou") is None


def test_a_best_rate_inside_is_refined_towards_its_better_neighbour() -> None:
    assert list(tuned(request([0.1, 1, 10], refinements=2), peak(2)))[3:] == [3.16, 1.78]
    # The edge comes first: a grid that still grows is not refined.
    assert list(tuned(request([0.1, 1], refinements=1), peak(2)))[2:] == [10, 3.16]


def test_rates_that_are_closer_than_three_digits_stay_apart() -> None:
    close = [0.01234561, 0.01234562]
    tried = tuned(request(close, extensions=1), peak(1.0))
    assert len(tried) == 3
    assert max(tried) > 0.01234562


def test_nothing_to_try_is_no_grid() -> None:
    assert grid(request([]), {}) == []
    assert best_of({}, "miou") is None
    assert edge_of({}, "miou") is None


@given(
    st.lists(st.floats(1e-6, 1000), min_size=1, max_size=4, unique=True),
    st.floats(1e-6, 1000),
    st.integers(0, 5),
    st.integers(0, 3),
)
def test_every_grid_ends_within_its_bounds_and_follows_from_its_records(
    rates: list[float], best: float, extensions: int, refinements: int
) -> None:
    asked = request(rates, extensions, refinements)
    tried = tuned(asked, peak(best))
    assert grid(asked, tried) == list(tried)
    assert len(rates) <= len(tried) <= len(rates) + extensions + refinements
    assert all(0 < rate <= 1000 for rate in tried)
    # A restart at any point goes on to the same grid.
    for done in range(len(tried)):
        partly = dict(list(tried.items())[:done])
        assert grid(asked, partly) == list(tried)[: max(done + (done >= len(rates)), len(rates))]
