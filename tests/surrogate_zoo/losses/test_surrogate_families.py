"""What a surrogate keeps in every curve family: its values, its file, its export."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogate_zoo import METRICS, SegmentationEvaluator, SurrogateLoss, load_loss
from surrogate_zoo.curves.curves import curve_of
from surrogate_zoo.curves.families import CURVE_FAMILIES
from surrogate_zoo.errors import InputError, LossFileError
from surrogate_zoo.losses.document import (
    check_document,
    dump_loss_file,
    parse_loss_file,
    signed,
    surrogate_document,
)
from surrogate_zoo.losses.export import python_source
from surrogate_zoo.losses.parameter_space import ParameterSpace
from surrogate_zoo.metrics.class_maps import ClassMap, Labelled
from surrogate_zoo.metrics.logic import CurveLogic
from tests.surrogate_zoo.batches import VOID, flat, labels, one_hot_logits, random_points, thetas_of

CLASSES = 4
TRUE = [name for name, family in CURVE_FAMILIES.items() if family.truth_table]


@pytest.fixture(params=CURVE_FAMILIES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


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
    classes = torch.randint(0, CLASSES, (1, 5, 5))
    soft = ClassMap(labelled=(Labelled(classes, torch.rand(1, 5, 5, dtype=torch.float64)),))
    row = torch.tensor(random_points(name)["and"], dtype=torch.float64)
    logic = CurveLogic({"and": curve_of(name, row)})
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
    assert isinstance(loss, SurrogateLoss)
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
