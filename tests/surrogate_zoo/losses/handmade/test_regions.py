"""Losses that compare regions, against their definitions written out plainly."""

from typing import Any

import numpy as np
import pytest
import torch
from segmentation_models_pytorch import losses as smp

from surrogate_zoo.errors import InputError
from tests.surrogate_zoo.batches import VOID, labels, one_hot_logits
from tests.surrogate_zoo.losses.handmade.small import CLASSES, batch, valid
from tests.surrogate_zoo.losses.supplies import literature


def test_dice_is_the_mean_over_present_classes() -> None:
    logits, target = batch(2)
    p, t = valid(logits, target)
    scores = [
        2 * p[t == c, c].sum() / (p[:, c].sum() + (t == c).sum())
        for c in range(CLASSES)
        if (t == c).any()
    ]
    computed = literature("dice", num_classes=CLASSES)(logits, target).item()
    assert computed == pytest.approx(1 - np.mean(scores))


def test_squared_dice_has_squares_in_its_denominator() -> None:
    logits, target = batch(8)
    p, t = valid(logits, target)
    scores = [
        2 * p[t == c, c].sum() / ((p[:, c] ** 2).sum() + (t == c).sum()) for c in np.unique(t)
    ]
    computed = literature("dice-squared", num_classes=CLASSES)(logits, target).item()
    assert computed == pytest.approx(1 - np.mean(scores))


def _jaccard(p: np.ndarray, t: np.ndarray, smoothing: float, variant: int) -> float:
    """Jaccard metric loss, class by class from norms."""
    losses = []
    for c in np.unique(t):
        x, y = p[:, c], (1 - smoothing) * (t == c) + smoothing / p.shape[1]
        apart = abs(x - y).sum()
        if variant == 1:
            losses.append(1 - (x.sum() + y.sum() - apart) / (x.sum() + y.sum() + apart))
        else:
            losses.append(1 - (x @ y) / (x @ y + apart))
    return float(np.mean(losses))


@pytest.mark.parametrize("variant", [1, 2])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_jaccard_metric_is_made_of_norms(smoothing: float, variant: int) -> None:
    logits, target = batch(9)
    loss = literature("jaccard-metric", num_classes=CLASSES, smoothing=smoothing, variant=variant)
    expected = _jaccard(*valid(logits, target), smoothing, variant)
    assert loss(logits, target).item() == pytest.approx(expected)


@pytest.mark.parametrize("variant", [1, 2])
def test_jaccard_metric_on_hard_labels_is_soft_jaccard(variant: int) -> None:
    logits = batch(10)[0].float()[:, :4, :, :8]
    target = labels(10, classes=4, size=(2, 9, 8), void=0)
    assert len(set(target.flatten().tolist())) == 4  # the library's mean is over all classes
    ours = literature("jaccard-metric", num_classes=4, variant=variant)(logits, target)
    torch.testing.assert_close(ours, smp.JaccardLoss("multiclass")(logits, target))


@pytest.mark.parametrize("variant", [1, 2])
def test_jaccard_metric_is_least_at_its_own_soft_labels(variant: int) -> None:
    # The soft Jaccard loss of the libraries is least at one-hot predictions, whatever the labels.
    target = labels(11, classes=CLASSES, void=0)
    loss = literature("jaccard-metric", num_classes=CLASSES, smoothing=0.3, variant=variant)
    soft = 0.7 * torch.nn.functional.one_hot(target, CLASSES).movedim(-1, 1).double() + 0.06
    assert loss(soft.log(), target).item() == pytest.approx(0, abs=1e-12)
    assert loss(one_hot_logits(target, CLASSES), target).item() > 0.1


def test_jdt_is_a_quarter_of_cross_entropy_and_three_of_the_jaccard_metric() -> None:
    logits, target = batch(12)
    entropy, jaccard = (
        literature(name, num_classes=CLASSES)(logits, target)
        for name in ("cross-entropy", "jaccard-metric")
    )
    computed = literature("jdt", num_classes=CLASSES)(logits, target)
    torch.testing.assert_close(computed, 0.25 * entropy + 0.75 * jaccard)


REGIONS = ["dice", "dice-squared", "tversky", "focal-tversky", "jaccard-metric", "lovasz"]


@pytest.mark.parametrize("name", REGIONS)
def test_void_pixels_are_as_if_cut_off_and_no_class_gains_them(name: str) -> None:
    # Ports clamp the void label to the last class; here that class is there to be inflated.
    logits, target = batch(13)
    target[target == 3] = 4
    wide = torch.nn.functional.pad(logits, (0, 6), value=1.0)
    void = torch.nn.functional.pad(target, (0, 6), value=VOID)
    loss = literature(name, num_classes=CLASSES)
    torch.testing.assert_close(loss(wide, void), loss(logits, target))


@pytest.mark.parametrize("name", REGIONS)
def test_an_absent_class_neither_adds_nor_thins_out(name: str) -> None:
    logits, target = batch(14)  # class 4 is absent
    unlikely = logits.clone()
    unlikely[:, 4] = -1e4
    torch.testing.assert_close(
        literature(name, num_classes=5)(unlikely, target),
        literature(name, num_classes=4)(logits[:, :4], target),
    )


@pytest.mark.parametrize("name", REGIONS)
def test_sums_of_many_pixels_do_not_overflow_in_half_precision(name: str) -> None:
    target = (torch.arange(300 * 300).view(1, 300, 300) % 100 == 0).long()  # 89,100 to 900
    logits = torch.stack([1.5 - 4.0 * target, torch.zeros_like(target)], 1).half()
    loss = literature(name, num_classes=2)
    assert loss(logits, target).item() == pytest.approx(loss(logits.double(), target).item(), 1e-4)


@pytest.mark.parametrize("name", REGIONS)
@pytest.mark.parametrize("margin", [15.0, 18.0, 22.0])
def test_nearly_perfect_predictions_do_not_fall_below_zero(name: str, margin: float) -> None:
    target = labels(17, classes=21, size=(1, 128, 128), void=0)
    logits = margin * torch.nn.functional.one_hot(target, 21).movedim(-1, 1).float()
    logits += 0.1 * torch.randn(logits.shape, generator=torch.Generator().manual_seed(17))
    assert literature(name, num_classes=21)(logits, target).item() >= 0


@pytest.mark.parametrize("exponent", [1.0, 0.75])
def test_tversky_weighs_false_positives_and_negatives(exponent: float) -> None:
    logits, target = batch(7)
    p, t = valid(logits, target)
    losses = []
    for c in np.unique(t):
        both = p[t == c, c].sum()
        wrong = 0.3 * p[t != c, c].sum() + 0.7 * (1 - p[t == c, c]).sum()
        losses.append((1 - both / (both + wrong)) ** exponent)
    name = "tversky" if exponent == 1 else "focal-tversky"
    computed = literature(name, num_classes=CLASSES)(logits, target).item()
    assert computed == pytest.approx(np.mean(losses))
    dice = literature("dice", num_classes=CLASSES)(logits, target)
    even = literature("tversky", num_classes=CLASSES, alpha=0.5, beta=0.5)(logits, target)
    torch.testing.assert_close(even, dice)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("tversky", {"alpha": 0.0, "beta": 0.0}),
        ("tversky", {"exponent": 0.0}),
        ("dice", {"smooth": -1.0}),
        ("jaccard-metric", {"smoothing": 1.0}),
        ("jaccard-metric", {"variant": 3}),
    ],
)
def test_parameters_out_of_range_are_refused(name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        literature(name, num_classes=CLASSES, **parameters)


def test_dice_agrees_with_segmentation_models_pytorch() -> None:
    logits = batch(4)[0].float()[:, :4, :, :8]
    target = labels(4, classes=4, size=(2, 9, 8), void=0)
    assert len(set(target.flatten().tolist())) == 4  # theirs averages absent classes in
    theirs = smp.DiceLoss("multiclass")(logits, target)
    torch.testing.assert_close(literature("dice", num_classes=4)(logits, target), theirs)


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(InputError, match="takes no such parameter"):
        literature("dice", num_classes=CLASSES, colour="red")
    with pytest.raises(InputError, match="num_classes"):
        literature("dice", num_classes=0)
