"""Targets of several metrics: their scores, spaces and weights."""

import pytest

from surrogate_zoo.errors import InputError, UnknownNameError
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.metrics.targets import Target


def test_one_metric_scores_as_itself() -> None:
    assert Target("miou").score({"miou": 0.4, "bf1": 0.9}) == 0.4
    assert Target("miou").metrics == ("miou",)


def test_several_score_their_weighted_mean() -> None:
    target = Target("3*miou+bf1")
    assert target.terms == ((3.0, "miou"), (1.0, "bf1"))
    assert target.score({"miou": 0.4, "bf1": 0.8}) == pytest.approx(0.5)
    assert target.score({"miou": 0.4}) is None


def test_wrong_targets_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="'mbou'"):
        Target("miou+mbou")
    with pytest.raises(InputError, match="names a metric twice"):
        Target("miou+0.5*miou")
    with pytest.raises(InputError, match="no weighted sum"):
        Target("miou+")


@pytest.mark.parametrize("family", ["bezier", "linear"])
def test_a_space_of_several_metrics_is_that_of_each_side_by_side(family: str) -> None:
    joint = ParameterSpace("miou+0.5*bf1", family, segments=2)
    alone = [ParameterSpace(metric, family, segments=2) for metric in ("miou", "bf1")]
    assert joint.dimension == sum(space.dimension for space in alone)
    assert joint.names[0].startswith("miou:and.")
    theta = joint.low + (joint.high - joint.low) * 0.3
    parts = joint.surrogates(theta)
    assert [(weight, metric) for weight, metric, _ in parts] == [(1.0, "miou"), (0.5, "bf1")]
    cut = alone[0].dimension
    assert parts[0][2] == alone[0].control_points(theta[:cut])
    assert parts[1][2] == alone[1].control_points(theta[cut:])
    points = joint.control_points(theta)
    again = joint.control_points(joint.theta(points))
    assert again.keys() == points.keys()
    assert all(again[name] == pytest.approx(row) for name, row in points.items())


def test_bezier_segments_default_to_the_larger() -> None:
    assert ParameterSpace("bf1").pieces == 1
    assert ParameterSpace("bf1+miou").pieces == 2


@pytest.mark.parametrize("family", ["bezier", "linear"])
def test_searched_weights_are_parameters_after_those_of_the_curves(family: str) -> None:
    plain = ParameterSpace("miou+3*bf1", family, segments=2)
    space = ParameterSpace("miou+3*bf1", family, segments=2, mixed=True)
    assert space.names == (*plain.names, "weight.bf1")
    assert space.start[:-1].tolist() == plain.start.tolist()
    assert space.weights(space.start) == (1.0, 3.0)
    assert space.control_points(space.start) == plain.control_points(plain.start)
    low, high = space.start.copy(), space.start.copy()
    low[-1], high[-1] = space.low[-1], space.high[-1]
    for theta, ratio in ((low, 3 / 32), (high, 3 * 32)):
        first, second = space.weights(theta)
        assert [second / first, first + second] == pytest.approx([ratio, 4])
        assert [term[0] for term in space.surrogates(theta)] == [first, second]
        again = space.theta(space.control_points(theta), (5 * first, 5 * second))
        assert again[-1] == pytest.approx(theta[-1])
    assert space.theta(space.control_points(space.start))[-1] == space.start[-1]
    with pytest.raises(InputError, match="more than 32 times away"):
        space.theta(space.control_points(space.start), (1.0, 100.0))


def test_weights_of_three_metrics_need_two_parameters() -> None:
    space = ParameterSpace("miou+bf1+macc", mixed=True)
    assert space.names[-2:] == ("weight.bf1", "weight.macc")
    theta = space.start
    theta[-1] = 1.0
    assert space.weights(theta) == pytest.approx((3 / 34, 3 / 34, 3 * 32 / 34))


def test_where_theta_has_no_bounds_a_weight_keeps_to_its_own() -> None:
    space = ParameterSpace("miou+bf1", "linear", mixed=True)
    theta = space.start
    theta[-1] = 1e6
    assert space.weights(theta) == pytest.approx((2 / 33, 64 / 33))


def test_a_single_metric_has_no_weight_to_search() -> None:
    with pytest.raises(InputError, match="no weights to search"):
        ParameterSpace("miou", mixed=True)
