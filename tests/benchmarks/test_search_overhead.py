"""The arithmetic of a search's overhead."""

import pytest

from benchmarks.search_overhead import TRIAL_ITERATIONS, idle_share, iterations_for


def test_iterations_are_scaled_from_those_of_the_first_search() -> None:
    assert iterations_for(10.0, [1.0, 3.0]) == 5 * TRIAL_ITERATIONS
    assert iterations_for(1.0, [4.0]) == TRIAL_ITERATIONS // 4


def test_time_of_workers_that_neither_train_nor_score_is_overhead() -> None:
    assert idle_share(10.0, [5.0, 5.0, 10.0], actors=2) == pytest.approx(0)
    assert idle_share(10.0, [4.0, 4.0, 7.0], actors=2) == pytest.approx(0.25)
    assert idle_share(10.0, [10.0], actors=4) == pytest.approx(0.75)
