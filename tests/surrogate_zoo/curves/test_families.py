"""What every curve family of the registry keeps, as parameters and control points."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from surrogate_zoo import SurrogateLoss
from surrogate_zoo.curves.curves import curve_of
from surrogate_zoo.curves.families import CURVE_FAMILIES
from surrogate_zoo.errors import InputError, LossFileError, UnknownNameError
from surrogate_zoo.losses.document import surrogate_document
from surrogate_zoo.losses.parameter_space import ParameterSpace
from tests.surrogate_zoo.batches import random_points, thetas_of


@pytest.fixture(params=CURVE_FAMILIES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("family", CURVE_FAMILIES)
@given(st.data())
def test_theta_gives_sound_control_points_and_comes_back(family: str, data: st.DataObject) -> None:
    entry = CURVE_FAMILIES[family]
    space = ParameterSpace("miou", family, data.draw(st.integers(entry.least, 5)))
    points = space.control_points(data.draw(thetas_of(space)))
    for curve, row in points.items():
        assert entry.check(curve, row) == space.segments
        assert all(0 <= value <= 1 for value in row)
    again = space.control_points(space.theta(points))
    for curve, row in points.items():
        np.testing.assert_allclose(again[curve], row, atol=1e-9)


def test_names_start_and_box_agree_in_length(name: str) -> None:
    for segments in range(CURVE_FAMILIES[name].least, 6):
        space = ParameterSpace("miou", name, segments)
        assert len(space.names) == len(set(space.names)) == space.dimension
        assert space.start.shape == space.low.shape == space.high.shape == (space.dimension,)
        assert ((space.low <= space.start) & (space.start <= space.high)).all()
        assert (space.low < space.high).all()


@pytest.mark.parametrize(
    ("name", "dimension"),
    [
        ("bezier", 12),
        ("linear", 10),
        ("bezier-no-truth-table", 16),
        ("bezier-no-monotonicity", 12),
        ("bezier-unconstrained", 16),
    ],
)
def test_parameters_are_as_many_as_the_constraints_leave(name: str, dimension: int) -> None:
    assert ParameterSpace("miou", name).dimension == dimension


def test_segments_are_the_metrics_or_the_familys_own() -> None:
    assert ParameterSpace("bf1").segments == 1
    assert ParameterSpace("bf1", "bezier-unconstrained").segments == 1
    assert ParameterSpace("bf1", "linear").segments == 5
    assert ParameterSpace("bf1", "linear", 3).segments == 3
    with pytest.raises(InputError, match="at least 2"):
        ParameterSpace("bf1", "linear", 1)


def test_theta_is_named_in_its_order() -> None:
    assert CURVE_FAMILIES["linear"].parameters(2) == ("rise1", "rise2")
    free = CURVE_FAMILIES["bezier-unconstrained"]
    assert free.parameters(1) == ("v0", "u1", "v1", "v2")
    assert free.control_points([0.9, 0.3, 0.1, 0.4]) == [0, 0.9, pytest.approx(0.3), 0.1, 1, 0.4]


def test_rises_are_a_softmax() -> None:
    theta = np.array([0.3, -2.0, 1.5, 0.0, 4.0])
    heights = CURVE_FAMILIES["linear"].control_points(theta.tolist())
    rises = np.exp(theta) / np.exp(theta).sum()
    np.testing.assert_allclose(heights, np.cumsum(rises)[:-1])
    back = CURVE_FAMILIES["linear"].theta(heights)
    np.testing.assert_allclose(back, theta - theta.mean(), atol=1e-9)


def test_a_rise_of_nothing_comes_back_finite() -> None:
    linear = CURVE_FAMILIES["linear"]
    for heights in ([0.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.5, 1.0]):
        theta = linear.theta(heights)
        assert np.isfinite(theta).all()
        np.testing.assert_allclose(linear.control_points(theta), heights, atol=1e-11)


RISING, FALLING = [0.2, 0.1, 0.5, 0.5, 0.8, 0.9], [0.2, 0.9, 0.5, 0.1, 0.8, 0.4]
LIFTED = [0, 0.3, 0.2, 0.4, 0.5, 0.6, 0.8, 0.7, 1, 0.8]  # with its ends, from 0.3 up to 0.8
LIFTED_FALLING = [0, 0.9, 0.2, 0.4, 0.5, 0.6, 0.8, 0.1, 1, 0.2]


@pytest.mark.parametrize(
    ("name", "sound"),
    [  # the points of two segments with their ends are the inner points of three
        ("bezier", {2: [RISING], 3: [LIFTED]}),
        ("bezier-no-monotonicity", {2: [RISING, FALLING], 3: [LIFTED, LIFTED_FALLING]}),
        ("bezier-no-truth-table", {2: [LIFTED]}),
        ("bezier-unconstrained", {2: [LIFTED, LIFTED_FALLING]}),
        ("linear", {}),
    ],
)
def test_each_constraint_is_dropped_where_the_name_says_so(
    name: str, sound: dict[int, list[list[float]]]
) -> None:
    entry = CURVE_FAMILIES[name]
    for segments, rows in sound.items():
        assert [entry.check("and", row) for row in rows] == [segments] * len(rows)
    for row in (RISING, FALLING, LIFTED, LIFTED_FALLING):
        if not any(row in rows for rows in sound.values()):
            with pytest.raises(InputError, match="'and'"):
                entry.check("and", row)


BAD = {
    "bezier": [[], [0.5], [0.5, 1.1], [0.5, float("nan")], [0.9, 0.9, 0.5, 0.5, 1, 1]],
    "linear": [[], [1.1], [0.6, 0.5], [-0.1, 0.5], [float("nan")]],
    "bezier-no-truth-table": [
        [0, 0.1],
        [0, 0.5, 0.5, 0.6, 1],
        [0.1, 0.5, 0.5, 0.6, 1, 0.7],  # does not begin at 0
        [0, 0.5, 0.5, 0.6, 0.9, 0.7],  # does not end at 1
        [0, 0.5, 0.5, 0.4, 1, 0.7],
    ],
    "bezier-no-monotonicity": [
        [0.5, 1.1],
        [0.5, -0.1],
        [0.5, float("nan")],
        [0.9, 1, 0.5, 1, 1, 1],
    ],
    "bezier-unconstrained": [[0, 0.5, 0.5, 1.1, 1, 0.7], [0, 0.5, 1.2, 0.5, 1, 0.5]],
}


def test_unsound_control_points_are_refused_everywhere(name: str) -> None:
    for row in BAD[name]:
        with pytest.raises(InputError, match="'and'"):
            CURVE_FAMILIES[name].check("and", row)
        with pytest.raises(InputError):
            SurrogateLoss("macc", row, num_classes=3, family=name)
        if all(np.isfinite(row)):
            with pytest.raises(LossFileError, match="'and'"):
                surrogate_document("mine", "macc", {"and": row}, family=name)


def test_wrong_theta_is_refused(name: str) -> None:
    space = ParameterSpace("macc", name)
    inside = ((space.low + space.high) / 2).tolist()
    for theta in (inside[1:], [*inside[1:], float("nan")], [*inside[1:], float("inf")]):
        with pytest.raises(InputError, match="theta must"):
            space.control_points(theta)
    beyond = [*inside[1:], float(space.high[0]) + 0.5]
    if space.bounded:
        with pytest.raises(InputError, match="theta must lie"):
            space.control_points(beyond)
    else:
        space.control_points(beyond)


def test_an_unknown_family_is_named_with_the_known_ones() -> None:
    for build in (
        lambda: ParameterSpace("macc", "spline"),
        lambda: SurrogateLoss("macc", None, num_classes=3, family="spline"),
        lambda: curve_of("spline", torch.tensor([0.5, 0.5])),
    ):
        with pytest.raises(UnknownNameError, match=r"no curve family named 'spline'.*linear"):
            build()


def test_every_entry_is_documented() -> None:
    for name, family in CURVE_FAMILIES.items():
        assert name == family.name
        assert family.summary.endswith(".")
        assert family.source
        assert family.least >= 1


def test_monotone_families_promise_rising_heights() -> None:
    for name, family in CURVE_FAMILIES.items():
        if family.monotone:
            for seed in range(5):
                row = random_points(name, "macc", seed)["and"]
                heights = row if family.shape == "linear" else row[1::2]
                assert all(low <= high for low, high in pairwise(heights))
