"""A soft prediction's sums of curves, whose gradient is made in the softmax's, against plain arithmetic."""

import gc
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from surrogate_zoo.curves.curves import PiecewiseCurve, curve_of
from surrogate_zoo.metrics.class_maps import ClassMap, Labelled
from surrogate_zoo.metrics.prediction import SoftPrediction

CURVES = {
    "bezier": curve_of("bezier", torch.tensor([0.1, 0.6, 0.4, 0.7, 0.8, 0.9])),
    "bezier-no-truth-table": curve_of(
        "bezier-no-truth-table", torch.tensor([0, 0.2, 0.1, 0.6, 0.4, 0.7, 0.8, 0.8, 1, 0.9])
    ),
}
OTHER = curve_of("linear", torch.tensor([0.1, 0.5, 0.6, 0.95]))
SHAPE = (2, 4, 5, 6)
LABELS = torch.randint(0, 4, (2, 5, 6), generator=torch.Generator().manual_seed(1))
VOID = torch.rand(2, 5, 6, generator=torch.Generator().manual_seed(2)) < 0.3
REGION = (torch.rand(2, 5, 6, generator=torch.Generator().manual_seed(3)) < 0.5).double()
WEIGHTS = torch.randn(2, 4, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def _scores() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(SHAPE, generator=generator, dtype=torch.float64).mul_(3).requires_grad_()


def _total(curve: PiecewiseCurve, region: Tensor | None) -> Callable[[ClassMap], Tensor]:
    def total(prediction: ClassMap) -> Tensor:
        found = prediction.shaped(curve).dense_totals(region)
        assert found is not None
        return (found * WEIGHTS).sum()

    return total


def _all(curve: PiecewiseCurve, region: Tensor | None) -> Callable[[ClassMap], Tensor]:
    """Two sums, a look-up of the true class and all values."""

    def used(prediction: ClassMap) -> Tensor:
        seen = prediction.at(LABELS).square().sum() * prediction.as_dense().pow(3).sum()
        return _total(curve, region)(prediction) + _total(OTHER, None)(prediction) * seen

    return used


def _plain(scores: Tensor, void: Tensor | None) -> ClassMap:
    """The same map without anything that is put aside."""
    every = scores.softmax(1) * (1 if void is None else ~void[:, None])
    return ClassMap(dense=every)


@pytest.mark.parametrize("void", [None, VOID], ids=["seen", "void"])
@pytest.mark.parametrize("region", [None, REGION], ids=["everywhere", "inside"])
@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
@pytest.mark.parametrize("made", [_total, _all], ids=["one sum", "all kinds"])
def test_values_and_gradients_are_those_of_plain_arithmetic(
    made: Callable[..., Callable[[ClassMap], Tensor]],
    curve: PiecewiseCurve,
    region: Tensor | None,
    void: Tensor | None,
) -> None:
    scores, used = _scores(), made(curve, region)
    found, expected = used(SoftPrediction(scores, LABELS, void)), used(_plain(scores, void))
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(value, scores)[0] for value in (found, expected)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("made", [_total, _all], ids=["one sum", "all kinds"])
def test_a_graph_can_be_gone_back_through_again(
    made: Callable[..., Callable[[ClassMap], Tensor]],
) -> None:
    scores = _scores()
    value = made(CURVES["bezier"], REGION)(SoftPrediction(scores, LABELS, VOID))
    first, again = (
        torch.autograd.grad(value, scores, retain_graph=True)[0].clone() for _ in range(2)
    )
    assert torch.equal(first, again)


def test_the_gradient_can_be_differentiated() -> None:
    used = _all(CURVES["bezier"], REGION)

    def loss(scores: Tensor) -> Tensor:
        return used(SoftPrediction(scores, LABELS, VOID))

    assert torch.autograd.gradgradcheck(loss, _scores())


def test_without_gradients_the_value_is_the_same() -> None:
    scores, used = _scores(), _all(CURVES["bezier"], REGION)
    value = used(SoftPrediction(scores, LABELS, VOID))
    with torch.no_grad():
        torch.testing.assert_close(used(SoftPrediction(scores, LABELS, VOID)), value.detach())


def test_with_labels_its_sums_stay_its_own() -> None:
    scores = _scores()
    prediction = SoftPrediction(scores, LABELS, None).shaped(CURVES["bezier"])
    part = Labelled(LABELS, torch.ones(LABELS.shape, dtype=torch.float64))
    found = prediction.with_labels((part,)).dense_totals(None)
    expected = CURVES["bezier"](scores.softmax(1)).sum((2, 3))
    torch.testing.assert_close(found, expected)


def test_what_it_holds_is_freed_without_the_garbage_collector() -> None:
    gc.disable()
    try:
        prediction = SoftPrediction(_scores(), LABELS, VOID)
        value = _all(CURVES["bezier"], REGION)(prediction)
        alive = weakref.ref(prediction), weakref.ref(prediction.as_dense())
        torch.autograd.backward(value)
        del prediction, value
        assert [each() for each in alive] == [None, None]
    finally:
        gc.enable()
