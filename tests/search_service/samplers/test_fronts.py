"""The front against its definition, pair by pair."""

import numpy as np
import pytest

from search_service.samplers.fronts import front


def beats(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((one >= other).all() and (one > other).any())


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_the_front_is_what_no_other_point_beats(objectives: int) -> None:
    points = np.random.default_rng(0).integers(0, 8, (60, objectives)).astype(float)
    best = [i for i, point in enumerate(points) if not any(beats(one, point) for one in points)]
    first = {tuple(points[i]): i for i in reversed(best)}  # of equals the first
    assert front(points) == sorted(first.values())


def test_a_single_point_is_a_front() -> None:
    assert front(np.array([[0.0, 0.0]])) == [0]
