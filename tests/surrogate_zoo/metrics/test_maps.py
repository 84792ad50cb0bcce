"""Operations on class maps that no released value pins down."""

import pytest
import torch

from surrogate_zoo.curves.curves import BezierCurve
from surrogate_zoo.metrics.class_maps import ClassMap, one_hot
from surrogate_zoo.metrics.maps import Maps
from tests.surrogate_zoo.batches import VOID, labels

CLASSES = 4


def _maps(void: float) -> Maps:
    target = labels(1, size=(3, 9, 11), void=void)
    outside = target == VOID
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(3, CLASSES, 9, 11, generator=generator, dtype=torch.float64)
    return Maps(
        pred=ClassMap(dense=scores.softmax(1).requires_grad_()),
        target=one_hot(target % VOID, ~outside, torch.float64),
        void=outside if void else None,
        num_classes=CLASSES,
    )


@pytest.mark.parametrize("void", [0.0, 0.3])
def test_totals_by_image_add_up_to_totals(void: float) -> None:
    maps = _maps(void)
    curve = BezierCurve(torch.tensor([0.2, 0.6], dtype=torch.float64))
    shaped = maps.pred.shaped(curve)
    leaf = maps.pred.dense
    assert leaf is not None
    for m in (maps.pred, shaped, maps.target, shaped + maps.target - shaped * maps.target):
        by_image, total = maps.totals_by_image(m), maps.total(m)
        torch.testing.assert_close(by_image.sum(0), total)
        if by_image.requires_grad:
            weights = torch.arange(1.0, CLASSES + 1, dtype=torch.float64)
            ours, theirs = (
                torch.autograd.grad((sums * weights).sum(), leaf, retain_graph=True)[0]
                for sums in (by_image, total)
            )
            torch.testing.assert_close(ours, theirs)


def test_an_image_without_weight_is_left_out_of_the_mean() -> None:
    maps = _maps(0.0)
    scores = torch.tensor([[0.5, 1.0], [0.2, 0.4], [0.9, 0.9]])
    weights = torch.tensor([[1.0, 1.0], [0.0, 2.0], [0.0, 0.0]])
    assert maps.image_mean(scores, weights).item() == pytest.approx((0.75 + 0.4) / 2)
    assert maps.image_mean(scores, 0 * weights).item() == 1


def test_the_images_border_is_a_border_of_the_rim_alone() -> None:
    whole = torch.zeros(1, 7, 7, dtype=torch.int64)
    everywhere = one_hot(whole, whole == 0, torch.float64)
    maps = Maps(everywhere, everywhere, None, num_classes=2, tolerance=2)
    rim = maps.rim(everywhere)
    assert rim.crisp
    expected = torch.ones(7, 7, dtype=torch.float64)
    expected[2:5, 2:5] = 0
    assert torch.equal(rim.as_dense(2)[0, 0], expected)
    assert torch.equal(maps.erode(everywhere, 2).as_dense(2)[0, 0], torch.ones_like(expected))
    soft = ClassMap(dense=everywhere.as_dense(2))
    assert torch.equal(maps.rim(soft).as_dense()[0, 0], expected)
