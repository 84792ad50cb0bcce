import pytest

from surrogate_zoo.errors import InputError, UnknownNameError
from surrogate_zoo.parameters import ParameterSpace
from surrogate_zoo.targets import Target


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
