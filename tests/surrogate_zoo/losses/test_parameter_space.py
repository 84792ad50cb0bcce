"""Parameter spaces: their dimensions, starts and boxes, and the way to control points and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate_zoo.errors import InputError, UnknownNameError
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.metrics.catalogue import METRICS
from tests.surrogate_zoo.batches import thetas


@pytest.mark.parametrize(
    ("metric", "dimension"),
    [("miou", 12), ("fwiou", 12), ("biou", 12), ("macc", 6), ("gacc", 6), ("bf1", 8)],
)
def test_parameter_counts_are_the_papers(metric: str, dimension: int) -> None:
    space = ParameterSpace(metric)
    assert space.dimension == dimension == len(space.names) == len(set(space.names))


def test_the_start_is_the_released_straight_line() -> None:
    assert ParameterSpace("macc").start.tolist() == [1 / 4, 1 / 4, 1 / 3, 1 / 3, 1 / 2, 1 / 2]
    assert set(ParameterSpace("bf1").start.tolist()) == {1 / 2}
    line = ParameterSpace("macc", segments=3).control_points(
        ParameterSpace("macc", segments=3).start
    )
    np.testing.assert_allclose(line["and"], np.repeat(np.arange(1, 6) / 6, 2))


@pytest.mark.parametrize("metric", METRICS)
@given(st.data())
def test_control_points_rise_and_theta_comes_back(metric: str, data: st.DataObject) -> None:
    space = ParameterSpace(metric, segments=data.draw(st.integers(1, 4)))
    theta = data.draw(thetas(space.dimension))
    points = space.control_points(theta)
    for row in points.values():
        for axis in (0, 1):
            assert (np.diff([0.0, *row[axis::2], 1.0]) >= 0).all()
    again = space.control_points(space.theta(points))
    for name, row in points.items():
        np.testing.assert_allclose(again[name], row, atol=1e-9)


def test_the_box_is_the_unit_cube() -> None:
    space = ParameterSpace("macc")
    assert space.bounded
    assert space.low.tolist() == [0] * 6
    assert space.high.tolist() == [1] * 6


def test_wrong_theta_is_refused() -> None:
    space = ParameterSpace("macc")
    for theta in ([0.5] * 5, [0.5] * 5 + [1.1], [0.5] * 5 + [float("nan")]):
        with pytest.raises(InputError):
            space.control_points(theta)


def test_wrong_control_points_are_refused() -> None:
    space = ParameterSpace("macc")
    for points in ({}, {"or": [0.5] * 6}, {"and": [0.5, 0.5]}, {"and": [0.9, 0.9, 0.5, 0.5, 1, 1]}):
        with pytest.raises(InputError):
            space.theta(points)


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="miou"):
        ParameterSpace("nonsense")
    with pytest.raises(UnknownNameError, match="bezier"):
        ParameterSpace("miou", family="spline")
    with pytest.raises(InputError, match="segments"):
        ParameterSpace("miou", segments=0)
