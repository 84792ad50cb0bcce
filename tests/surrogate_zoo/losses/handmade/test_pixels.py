"""Losses that are means over pixels, against their definitions written out plainly."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from segmentation_models_pytorch import losses as smp

from surrogate_zoo.errors import InputError
from tests.surrogate_zoo.batches import VOID
from tests.surrogate_zoo.losses.handmade.small import CLASSES, batch, valid
from tests.surrogate_zoo.losses.supplies import literature

INVERSE, MEDIAN = "inverse-frequency-cross-entropy", "median-frequency-cross-entropy"


def test_cross_entropy_is_torchs_mean_over_valid_pixels() -> None:
    logits, target = batch(1)
    expected = F.cross_entropy(logits, target, ignore_index=VOID)
    torch.testing.assert_close(
        literature("cross-entropy", num_classes=CLASSES)(logits, target), expected
    )


def test_focal_fades_cross_entropy() -> None:
    logits, target = batch(5)
    p, t = valid(logits, target)
    true = p[np.arange(len(t)), t]
    expected = np.mean((1 - true) ** 2 * -np.log(true))
    assert literature("focal", num_classes=CLASSES)(logits, target).item() == pytest.approx(
        expected
    )
    plain = literature("cross-entropy", num_classes=CLASSES)(logits, target)
    without = literature("focal", num_classes=CLASSES, gamma=0.0)(logits, target)
    torch.testing.assert_close(without, plain)


def test_focal_agrees_with_segmentation_models_pytorch() -> None:
    # The library's is a mean of one-against-all sigmoids: the same for two classes and logits (0, x).
    x, target = torch.randn(2, 1, 7, 9), torch.randint(0, 2, (2, 7, 9))
    theirs = smp.FocalLoss("binary", gamma=1.5)(x, target[:, None])
    ours = literature("focal", num_classes=2, gamma=1.5)(torch.cat([x * 0, x], 1), target)
    torch.testing.assert_close(ours, theirs)


def test_top_k_takes_the_hardest_pixels() -> None:
    logits, target = batch(6)
    p, t = valid(logits, target)
    losses = np.sort(-np.log(p[np.arange(len(t)), t]))[::-1]
    expected = losses[: round(0.25 * len(losses))].mean()
    computed = literature("top-k-cross-entropy", num_classes=CLASSES)(logits, target).item()
    assert computed == pytest.approx(expected)


@pytest.mark.parametrize("name", [INVERSE, MEDIAN])
def test_class_weights_are_those_of_torchs_weighted_mean(name: str) -> None:
    logits, target = batch(7)
    pixels, images = np.array([900, 50, 300, 7, 100]), np.array([2000, 400, 900, 100, 1357])
    loss = literature(
        name, num_classes=CLASSES, facts={"class_pixels": pixels, "class_image_pixels": images}
    )
    frequencies = pixels / (pixels.sum() if name == INVERSE else images)
    weights = torch.tensor(np.median(frequencies) / frequencies)
    expected = F.cross_entropy(logits, target, weight=weights, ignore_index=VOID)
    torch.testing.assert_close(loss(logits, target), expected)
    # Only ratios count.
    many = literature(
        name,
        num_classes=CLASSES,
        class_pixels=(10**9 * pixels).tolist(),
        **({} if name == INVERSE else {"class_image_pixels": (10**9 * images).tolist()}),
    )
    torch.testing.assert_close(many(logits.float(), target), expected.float())


def test_without_counts_the_batchs_own_classes_weigh_the_same() -> None:
    logits, target = batch(8)
    p, t = valid(logits, target)
    entropy = -np.log(p[np.arange(len(t)), t])
    expected = np.mean([entropy[t == c].mean() for c in np.unique(t)])
    computed = literature(INVERSE, num_classes=CLASSES)(logits, target).item()
    assert computed == pytest.approx(expected)


def test_without_counts_median_frequencies_are_of_the_batchs_images() -> None:
    logits, target = batch(9)
    target[0][target[0] == 2] = 1  # class 2 lies in one image alone
    weights = np.zeros(CLASSES)
    for c in range(4):
        holds = [mask[mask != VOID] for mask in target if (mask == c).any()]
        weights[c] = sum(map(len, holds)) / sum((mask == c).sum().item() for mask in holds)
    expected = F.cross_entropy(logits, target, weight=torch.tensor(weights), ignore_index=VOID)
    computed = literature(MEDIAN, num_classes=CLASSES)(logits, target)
    torch.testing.assert_close(computed, expected)
    assert computed.item() != pytest.approx(
        literature(INVERSE, num_classes=CLASSES)(logits, target)
    )


@pytest.mark.parametrize("name", [INVERSE, MEDIAN])
def test_a_class_that_training_lacks_has_weight_zero_and_leaves_the_others_theirs(
    name: str,
) -> None:
    logits, target = batch(10)
    loss = literature(name, num_classes=CLASSES, class_pixels=[10, 20, 0, 40, 50])
    p, t = valid(logits, target)
    weights = np.array([1 / 10, 1 / 20, 0, 1 / 40, 1 / 50])[t]
    expected = (weights * -np.log(p[np.arange(len(t)), t])).sum() / weights.sum()
    assert loss(logits, target).item() == pytest.approx(expected)
    leaf = logits.clone().requires_grad_()
    alone = loss(leaf, torch.full_like(target, 2))  # nothing of any weight: no 0 / 0
    alone.backward()
    assert alone.item() == 0
    assert leaf.grad is not None
    assert (leaf.grad == 0).all()


def test_weights_move_with_the_module_and_are_stored() -> None:
    loss = literature(INVERSE, num_classes=2, class_pixels=[30, 10])
    torch.testing.assert_close(loss.weights, torch.tensor([4 / 3, 4], dtype=torch.float64))
    assert loss.to("meta").weights.device.type == "meta"
    assert literature(INVERSE, num_classes=2).weights is None


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("focal", {"gamma": -1.0}),
        ("top-k-cross-entropy", {"share": 0.0}),
        (INVERSE, {"weighting": "square"}),
        (INVERSE, {"class_pixels": [1, 2, 3, 4]}),
        (INVERSE, {"class_pixels": [1, 2, 3, 4, -5]}),
        (INVERSE, {"class_pixels": [1, 2, 3, 4, float("nan")]}),
        (INVERSE, {"class_pixels": [0] * CLASSES}),
        (MEDIAN, {"class_image_pixels": [5, 5, 5, 5, 4], "class_pixels": [5] * CLASSES}),
    ],
)
def test_parameters_out_of_range_are_refused(name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        literature(name, num_classes=CLASSES, **parameters)
