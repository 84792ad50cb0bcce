"""One call for many candidates is a call for each, value and gradient."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from surrogate_zoo import METRICS, SurrogateLoss, load_loss
from surrogate_zoo.curves.curves import curve_of
from surrogate_zoo.curves.families import CURVE_FAMILIES
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.candidates import CandidateLosses
from surrogate_zoo.losses.scaled import Scaled
from tests.surrogate_zoo.batches import flat, labels, random_points

CLASSES, K = 3, 3
TARGET = labels(1, size=(2, 9, 11), classes=CLASSES)


def _losses(metric: str, family: str | None, **options: Any) -> list[SurrogateLoss]:
    return [
        SurrogateLoss(
            metric,
            None if family is None else flat(random_points(family, metric, seed=seed)),
            num_classes=CLASSES,
            family=family or "bezier",
            tolerance=1,
            **options,
        )
        for seed in range(K)
    ]


def _logits(dtype: torch.dtype = torch.float64, size: tuple[int, ...] = (9, 11)) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (K, 2, CLASSES, *size)
    return (2 * torch.randn(shape, generator=generator, dtype=torch.float64)).to(dtype)


def _agree(losses: list[Any], logits: Tensor, target: Tensor = TARGET, eps: float = 1e-12) -> None:
    both, single = (logits.clone().requires_grad_() for _ in range(2))
    together = CandidateLosses(losses)(both, target)
    alone = torch.stack([loss(own, target) for loss, own in zip(losses, single, strict=True)])
    assert together.dtype == alone.dtype
    torch.testing.assert_close(together, alone, atol=eps, rtol=eps)
    weights = torch.arange(1.0, K + 1)
    gradients = [
        torch.autograd.grad((values * weights).sum(), leaf)[0]
        for values, leaf in ((together, both), (alone, single))
    ]
    torch.testing.assert_close(*gradients, atol=eps, rtol=eps)


def test_they_are_where_the_losses_are() -> None:
    both = CandidateLosses([loss.to("meta") for loss in _losses("miou", "bezier")])
    assert {buffer.device.type for buffer in both.buffers()} == {"meta"}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("family", [None, "bezier"])
def test_of_every_metric(metric: str, family: str | None) -> None:
    _agree(_losses(metric, family), _logits())


@pytest.mark.parametrize("family", CURVE_FAMILIES)
@pytest.mark.parametrize("metric", ["miou", "bf1"])
def test_of_every_family_in_float32(metric: str, family: str) -> None:
    _agree(_losses(metric, family), _logits(torch.float32), eps=1e-5)


@pytest.mark.parametrize(
    ("metric", "options"),
    [
        ("biou", {"as_released": True}),
        ("dice", {"class_weights": [1.0, 0.0, 3.0]}),
        ("miou", {"class_power": 0.5}),
        ("fwiou", {"reduction": "image"}),
        ("bf1", {"exclude_background": True}),
    ],
)
def test_with_options(metric: str, options: dict[str, Any]) -> None:
    _agree(_losses(metric, "bezier", **options), _logits())


@pytest.mark.parametrize("metric", ["miou", "gacc"])
def test_of_multilabels_volumes_and_scaled_losses(metric: str) -> None:
    channels = torch.stack([labels(seed, size=(2, 9, 11), classes=2) for seed in range(CLASSES)], 1)
    _agree(_losses(metric, "bezier", mode="multilabel"), _logits(), channels)
    volume = labels(1, size=(8, 5, 6), classes=CLASSES).view(2, 4, 5, 6)
    _agree(_losses(metric, "bezier"), _logits(size=(4, 5, 6)), volume)
    scaled = [Scaled(loss, 2.0 + i) for i, loss in enumerate(_losses(metric, "bezier"))]
    _agree(scaled, _logits())


@pytest.mark.parametrize("family", CURVE_FAMILIES)
def test_curves_by_broadcast_tensors_as_on_a_gpu_are_the_same(family: str) -> None:
    rows = [flat(random_points(family, "macc", seed=seed)) for seed in range(K)]
    curves = curve_of(family, torch.tensor(rows, dtype=torch.float64))
    x = torch.rand(K * 2, CLASSES, 40, dtype=torch.float64)
    x[:, :, 0] = 1
    found, expected = (torch.empty_like(x), torch.empty_like(x)), curves.with_slope(x)
    table = curves.table(x.dtype)
    wide = table.rows.repeat_interleave(2, 1)[:, :, None, None], table.ends.repeat_interleave(2)
    curves._write(wide[0], wide[1][:, None, None], x, *found)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(curves._plain(x), expected[0])
    alone = [curves.of(k)(part) for k, part in enumerate(x.chunk(K))]
    torch.testing.assert_close(torch.cat(alone), expected[0])


def test_what_does_not_go_together_is_refused() -> None:
    miou, linear = _losses("miou", "bezier"), _losses("miou", "linear")
    cases: list[tuple[list[nn.Module], str]] = [
        ([], "at least"),
        ([load_loss("dice", num_classes=CLASSES)], "Dice is no surrogate"),
        ([miou[0], _losses("fwiou", "bezier")[0]], "agree in metric"),
        ([miou[0], linear[0]], "agree in family"),
        ([miou[0], _losses("miou", "bezier", class_power=0.5)[0]], "agree in class_weights"),
    ]
    for losses, message in cases:
        with pytest.raises(InputError, match=message):
            CandidateLosses(losses)
    together = CandidateLosses(miou)
    with pytest.raises(InputError, match="3 candidates"):
        together(_logits()[:2], TARGET)
    with pytest.raises(InputError, match="logits must have shape"):
        together(_logits()[:, :, :2], TARGET)
    with pytest.raises(InputError, match="NaN"):
        together(_logits() * torch.nan, TARGET)
