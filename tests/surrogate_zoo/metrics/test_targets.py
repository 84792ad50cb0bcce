"""Targets of several metrics: their scores, spaces and weights."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate_zoo.errors import InputError, UnknownNameError
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.metrics.targets import Target

SCORES = st.lists(st.floats(0, 50), min_size=1, max_size=8)


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


def test_scores_of_objects_are_targets_too() -> None:
    assert Target("3*sbd+pq").score({"sbd": 0.4, "pq": 0.8}) == pytest.approx(0.5)
    assert Target("miou+sbd").higher_is_better
    with pytest.raises(UnknownNameError, match=r"'mbou'.*dic.*miou.*sbd"):
        Target("mbou")


def test_where_lower_is_better_the_merit_is_the_negated_score() -> None:
    target = Target("dic")
    assert not target.higher_is_better
    assert (target.score({"dic": 2.5}), target.merit({"dic": 2.5})) == (2.5, -2.5)
    assert target.merit({"sbd": 0.5}) is None
    assert target.merit_of(target.merit_of(2.5)) == 2.5
    assert Target("sbd").merit({"sbd": 0.5}) == 0.5


@given(SCORES)
def test_lower_scores_rank_as_their_negatives_do_where_higher_is_better(
    scores: list[float],
) -> None:
    lower, higher = Target("dic"), Target("sbd")
    places = range(len(scores))
    ranked = sorted(places, key=lambda place: lower.merit({"dic": scores[place]}) or 0.0)
    assert ranked == sorted(places, key=lambda place: higher.merit({"sbd": -scores[place]}) or 0.0)


def test_a_target_has_one_way_that_is_better() -> None:
    with pytest.raises(InputError, match=r"adds dic, of which lower is better.*leave it out"):
        Target("sbd+0.1*dic")
    for expression in ("dic-signed", "dic-signed+sbd"):
        with pytest.raises(
            InputError, match=r"dic-signed has no better way.*take one of sbd, dic, ap"
        ):
            Target(expression)


def test_what_scores_objects_has_no_curves() -> None:
    for expression in ("sbd", "dic", "miou+sbd"):
        with pytest.raises(InputError, match=r"scores objects and has no surrogate.*miou"):
            ParameterSpace(expression)


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
