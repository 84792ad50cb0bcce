"""Losses by kernels against the definition: on a GPU, or else by Triton's interpreter."""

import copy
import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from surrogate_zoo import METRICS, SurrogateLoss
from surrogate_zoo.curves.curves import curve_of
from surrogate_zoo.curves.families import CURVE_FAMILIES
from surrogate_zoo.losses.candidates import CandidateLosses
from surrogate_zoo.metrics.logic import Logic
from surrogate_zoo.metrics.maps import Maps
from surrogate_zoo.metrics.metric import Metric
from tests.surrogate_zoo.batches import flat, labels, random_points

GPU = torch.cuda.is_available()
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cuda" if GPU else "cpu"
here = pytest.mark.skipif(not (GPU or INTERPRETED), reason="needs a GPU or the interpreter")


@pytest.mark.slow
@pytest.mark.skipif(GPU or INTERPRETED, reason="the others run as they are")
def test_by_the_interpreter() -> None:
    pytest.importorskip("triton")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "", __file__]
    ended = subprocess.run(
        command,
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-4000:]


def _losses(
    metric: str, family: str | None, classes: int, seed: int = 0, **options: Any
) -> tuple[SurrogateLoss, SurrogateLoss]:
    """A loss by kernels, and by the definition."""
    points = None if family is None else flat(random_points(family, metric, seed=seed))
    loss = SurrogateLoss(
        metric, points, num_classes=classes, family=family or "bezier", tolerance=1, **options
    ).to(DEVICE)
    fused = copy.deepcopy(loss)
    assert fused.fused
    loss.fused = False
    return fused, loss


def _batch(size: tuple[int, ...], void: float = 0.2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    images, classes, *sides = size
    pixels = torch.Size(sides).numel()
    target = labels(1, size=(images, 1, pixels), classes=max(classes, 2), void=void)
    logits = 2 * torch.randn(size, generator=generator)
    return logits.to(DEVICE), target.view(images, *sides).to(DEVICE)


def _agree(fused: Any, loss: Any, logits: Tensor, target: Tensor, eps: float = 2e-5) -> None:
    found, expected = (logits.clone().requires_grad_() for _ in range(2))
    values = fused(found, target), loss(expected, target)
    torch.testing.assert_close(*values, atol=eps, rtol=eps)
    slopes = [
        torch.autograd.grad(value.sum(), leaf)[0]
        for value, leaf in zip(values, (found, expected), strict=True)
    ]
    assert slopes[0].dtype == logits.dtype
    largest = slopes[1].abs().max().item()
    torch.testing.assert_close(*slopes, atol=max(100 * eps * largest, 1e-9), rtol=100 * eps)


@here
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("family", [None, "bezier"])
def test_of_every_metric(metric: str, family: str | None) -> None:
    _agree(*_losses(metric, family, 6), *_batch((2, 6, 11, 13)))


@here
@pytest.mark.parametrize("family", CURVE_FAMILIES)
@pytest.mark.parametrize("metric", ["miou", "biou"])
def test_of_every_family(metric: str, family: str) -> None:
    _agree(*_losses(metric, family, 5), *_batch((2, 5, 9, 11), void=0.0))


@here
@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((2, 1, 9, 11), {}),
        ((2, 3, 4, 5, 6), {}),
        ((2, 3, 9, 11), {"as_released": True}),
        ((3, 3, 9, 11), {"reduction": "image"}),
        ((2, 3, 9, 11), {"class_power": 0.5}),
    ],
)
def test_of_one_channel_volumes_and_options(size: tuple[int, ...], options: dict[str, Any]) -> None:
    _agree(*_losses("miou", "bezier", size[1], **options), *_batch(size))


@here
@pytest.mark.parametrize("metric", ["miou", "bf1"])
@pytest.mark.parametrize("classes", [9, 33])
def test_of_classes_that_are_worked_on_one_after_the_other(metric: str, classes: int) -> None:
    logits, target = _batch((1, classes, 5, 7))
    _agree(*_losses(metric, "bezier", classes), logits, target)
    logits[:, :8, :3] = float("-inf")  # all of those that come first
    _agree(*_losses(metric, "bezier", classes), logits, target.clamp(min=8))


@here
def test_of_multilabels_strides_and_half_precision() -> None:
    logits, target = _batch((2, 3, 9, 11))
    channels = torch.stack([(target == c).long() for c in range(3)], 1)
    _agree(*_losses("dice", "bezier", 3, mode="multilabel"), logits, channels)
    pair = _losses("miou", "bezier", 3)
    _agree(*pair, logits.to(memory_format=torch.channels_last), target)
    _agree(*pair, logits.bfloat16(), target, eps=1e-4)  # a gradient is rounded to 8 bits


@here
@pytest.mark.parametrize("family", [None, "linear"])
@pytest.mark.parametrize(("void", "options"), [(0.2, {}), (0.1, {"as_released": True}), (0.0, {})])
def test_of_boundaries_that_many_programs_share(
    family: str | None, void: float, options: dict[str, Any]
) -> None:
    pair = _losses("bf1", family, 2, **options)
    for loss in pair:
        loss.tolerance = 2
    _agree(*pair, *_batch((1, 2, 33, 35), void))


@here
@pytest.mark.parametrize("family", CURVE_FAMILIES)
@pytest.mark.parametrize("candidates", [0, 3])
def test_a_curve_by_its_kernel(family: str, candidates: int) -> None:
    from surrogate_zoo.metrics.curve_kernels import VALUES, with_kernels

    own = [flat(random_points(family, "miou", seed=seed)) for seed in range(max(candidates, 1))]
    rows = torch.tensor(own, dtype=torch.float64).view(len(own), len(METRICS["miou"].curves), -1)
    points = rows.movedim(0, 1) if candidates else rows[0]  # (curves, K, P), or (curves, P)
    curves = [curve_of(family, each.to(DEVICE)) for each in points]
    ends = torch.tensor([0.0, -1e-7, 0.25, 0.5, 1.0], device=DEVICE)
    x = torch.rand(3, VALUES + 3, generator=torch.Generator().manual_seed(1)).to(DEVICE)
    x[:, :5] = ends
    for curve, fused in zip(curves, with_kernels(curves, x.device), strict=True):
        value, slope = curve.with_slope(x.double())
        found, steep = fused.with_slope(x)
        torch.testing.assert_close(found.double(), value, atol=1e-5, rtol=0)
        torch.testing.assert_close(steep.double(), slope, atol=1e-4, rtol=1e-3)
        assert torch.equal(fused(x)[:, 4], curve(x)[:, 4])  # g(1) to the last bit


@here
@pytest.mark.parametrize("metric", ["miou", "bf1"])
def test_of_many_candidates(metric: str) -> None:
    pairs = [_losses(metric, "bezier", 3, seed) for seed in range(3)]
    logits, target = _batch((2, 3, 9, 11))
    logits = torch.stack([logits, logits.flip(0), 2 * logits])
    fused, defined = (CandidateLosses(side) for side in zip(*pairs, strict=True))
    _agree(fused, defined, logits, target)


@here
@pytest.mark.parametrize("family", [None, "bezier"])
@pytest.mark.parametrize("void", [0.0, 0.2])
def test_of_edges_that_a_metric_asks_for_in_ways_of_its_own(
    monkeypatch: pytest.MonkeyPatch, family: str | None, void: float
) -> None:
    """Sums over two regions, products with two maps, two dilations, all values, largest of two regions."""

    def odd(logic: Logic, maps: Maps) -> Tensor:
        predicted, true = (logic.xor("edge", m, maps.erode(m)) for m in (maps.pred, maps.target))
        band, near = maps.band(true), maps.dilate(true)
        sums = [
            *(maps.total(predicted), maps.total(predicted * near), maps.total(predicted * near)),
            *(maps.total(predicted, band), maps.total(predicted * near, band)),
            *(maps.total(predicted * maps.dilate(maps.target)), maps.total(predicted)),
            maps.total(predicted, include_void=True),
            maps.total(maps.dilate(predicted) * true),
            maps.total(maps.dilate(predicted) * maps.target),
            maps.exists(predicted, true) + maps.exists(predicted, true, band),
        ]
        # Its gradient lies in another order than the values.
        weighed = predicted.as_dense().permute(1, 0, 3, 2).flatten(1).square().sum(1)
        for factor, each in enumerate(sums, 2):
            weighed = weighed + factor * each
        return weighed.sum() / weighed.numel()

    monkeypatch.setitem(METRICS, "odd", Metric("odd", "Odd", "Odd.", "-", odd, segments=1))
    _agree(*_losses("odd", family, 3), *_batch((2, 3, 9, 11), void))


@here
@pytest.mark.parametrize("metric", ["miou", "macc", "bf1"])
def test_second_derivatives_and_functional_transforms(metric: str) -> None:
    fused, loss = _losses(metric, "bezier", 3)
    logits, target = _batch((2, 3, 5, 6))
    seconds = []
    for each in (fused, loss):
        leaf = logits.clone().requires_grad_()
        (slope,) = torch.autograd.grad(each(leaf, target), leaf, create_graph=True)
        seconds.append(torch.autograd.grad(slope.square().sum(), leaf)[0])
        each.check_values = False
    torch.testing.assert_close(*seconds, atol=1e-6, rtol=1e-3)
    slopes = [torch.func.grad(each)(logits, target) for each in (fused, loss)]
    torch.testing.assert_close(*slopes, atol=1e-7, rtol=1e-3)


@here
def test_void_logits_reach_nothing() -> None:
    fused, _ = _losses("miou", "bezier", 3)
    logits, target = _batch((2, 3, 9, 11))
    spoiled = logits.masked_fill((target == 255)[:, None], torch.nan)
    values = []
    for given in (logits, spoiled):
        leaf = given.clone().requires_grad_()
        torch.autograd.backward(fused(leaf, target))
        values.append(leaf.grad)
    torch.testing.assert_close(*values, atol=0, rtol=0)
