"""What every curve family of the registry keeps, as parameters, as a loss and as a file."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogate_zoo import METRICS, SegmentationEvaluator, SurrogateLoss, load_loss
from surrogate_zoo.curve_families import CURVE_FAMILIES
from surrogate_zoo.errors import InputError, LossFileError, UnknownNameError
from surrogate_zoo.export import python_source
from surrogate_zoo.logic import CurveLogic
from surrogate_zoo.loss_file import (
    check_document,
    dump_loss_file,
    parse_loss_file,
    signed,
    surrogate_document,
)
from surrogate_zoo.maps import ClassMap, Labelled
from surrogate_zoo.parameters import ParameterSpace
from tests.surrogate_zoo.batches import VOID, labels, one_hot_logits, thetas_of

CLASSES = 4
TRUE = [name for name, family in CURVE_FAMILIES.items() if family.truth_table]


@pytest.fixture(params=CURVE_FAMILIES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def flat(points: dict[str, list[float]]) -> list[float]:
    return [value for row in points.values() for value in row]


def random_points(name: str, metric: str = "miou", seed: int = 0) -> dict[str, list[float]]:
    """Control points of a theta from inside the box."""
    space = ParameterSpace(metric, name)
    shares = np.random.default_rng(seed).random(space.dimension)
    return space.control_points(space.low + (space.high - space.low) * shares)


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
        lambda: CurveLogic({"and": torch.tensor([0.5, 0.5])}, "spline"),
    ):
        with pytest.raises(UnknownNameError, match=r"no curve family named 'spline'.*linear"):
            build()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("family", TRUE)
@settings(max_examples=15)
@given(st.data())
def test_with_the_truth_table_the_surrogate_is_the_metric_on_one_hot_input(
    metric: str, family: str, data: st.DataObject
) -> None:
    seed = data.draw(st.integers(0, 2**20))
    space = ParameterSpace(metric, family)
    points = space.control_points(data.draw(thetas_of(space)))
    target, pred = labels(seed), labels(seed + 1, void=0)
    evaluator = SegmentationEvaluator(CLASSES, tolerance=1)
    evaluator.update(pred, target)
    loss = SurrogateLoss(metric, flat(points), num_classes=CLASSES, family=family, tolerance=1)
    score = 1 - loss(one_hot_logits(pred, CLASSES), target).item()
    assert score == pytest.approx(evaluator.compute()[metric], abs=1e-9)


@pytest.mark.parametrize("family", sorted(set(CURVE_FAMILIES) - set(TRUE)))
def test_without_the_truth_table_it_is_not(family: str) -> None:
    target = labels(1, void=0)
    loss = SurrogateLoss("miou", flat(random_points(family)), num_classes=CLASSES, family=family)
    assert abs(loss(one_hot_logits(target, CLASSES), target).item()) > 0.05


@pytest.mark.parametrize("metric", METRICS)
def test_its_loss_trains_whatever_the_metric(name: str, metric: str) -> None:
    target = labels(2, size=(2, 12, 12))
    points = flat(random_points(name, metric, seed=3))
    loss = SurrogateLoss(metric, points, num_classes=CLASSES, family=name, tolerance=1)
    for dtype in (torch.float32, torch.float64):
        generator = torch.Generator().manual_seed(1)
        logits = torch.randn(2, CLASSES, 12, 12, generator=generator, dtype=dtype).requires_grad_()
        value = loss(logits, target)
        (gradient,) = torch.autograd.grad(value, logits)
        assert value.dtype == dtype
        assert torch.isfinite(gradient).all()
        assert gradient.abs().sum() > 0
        assert (gradient.movedim(1, -1)[target == VOID] == 0).all()


def test_straight_curves_are_the_naive_surrogate(name: str) -> None:
    for metric in METRICS:
        space = ParameterSpace(metric, name)
        line = flat(space.control_points(space.start))
        logits = torch.randn(2, CLASSES, 9, 9, dtype=torch.float64)
        target = labels(1, size=(2, 9, 9))
        straight = SurrogateLoss(metric, line, num_classes=CLASSES, family=name)(logits, target)
        naive = SurrogateLoss(metric, None, num_classes=CLASSES)(logits, target)
        torch.testing.assert_close(straight, naive, atol=1e-12, rtol=0)


def test_a_map_of_one_class_a_pixel_needs_the_truth_table(name: str) -> None:
    place = torch.randint(0, CLASSES, (1, 5, 5))
    soft = ClassMap(labelled=(Labelled(place, torch.rand(1, 5, 5, dtype=torch.float64)),))
    row = torch.tensor(random_points(name)["and"], dtype=torch.float64)
    logic = CurveLogic({"and": row}, name)
    if CURVE_FAMILIES[name].truth_table:
        dense = logic.shape("and", ClassMap(dense=soft.as_dense(CLASSES)))
        shaped = logic.shape("and", soft).as_dense(CLASSES)
        torch.testing.assert_close(shaped, dense.as_dense())
    else:
        with pytest.raises(InputError, match="truth table"):
            logic.shape("and", soft)


def test_a_document_survives_its_file_and_builds_its_loss(name: str) -> None:
    points = random_points(name)
    document = surrogate_document("mine", "miou", points, family=name)
    assert parse_loss_file(dump_loss_file(document)) == document
    loss = load_loss(document, num_classes=CLASSES)
    assert loss.family == name
    assert loss.control_points.flatten().tolist() == flat(points)


def test_a_document_of_another_familys_points_is_refused() -> None:
    document = surrogate_document("mine", "miou", random_points("bezier"), family="bezier")
    for family in ("bezier-no-truth-table", "bezier-unconstrained"):
        with pytest.raises(LossFileError, match="'and'"):
            check_document(signed({**document, "family": family}))


_RUN = """
import sys, json
sys.path.insert(0, sys.argv[1])
import torch
batch = torch.load(sys.argv[1] + "/batch.pt", weights_only=True)
values = {}
for name in sys.argv[2:]:
    values[name] = __import__(name).load(num_classes=4)(batch["logits"], batch["target"]).item().hex()
print(json.dumps(values))
"""


def test_the_export_computes_the_same_bits(tmp_path: Path) -> None:
    target, logits = labels(1, size=(2, 20, 20)), torch.randn(2, CLASSES, 20, 20)
    torch.save({"logits": logits, "target": target}, tmp_path / "batch.pt")
    expected = {}
    for name in CURVE_FAMILIES:
        document = surrogate_document("mine", "bf1", random_points(name, "bf1"), family=name)
        module = name.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(python_source(document))
        value = load_loss(document, num_classes=CLASSES)(logits, target)
        expected[module] = value.item().hex()
    command = [sys.executable, "-I", "-c", _RUN, str(tmp_path), *expected]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected


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
