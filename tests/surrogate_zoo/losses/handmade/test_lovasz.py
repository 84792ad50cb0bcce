"""Lovasz-softmax, against its definition by sorted sets."""

import numpy as np
import pytest
import torch
from segmentation_models_pytorch import losses as smp

from tests.surrogate_zoo.batches import labels
from tests.surrogate_zoo.losses.handmade.small import CLASSES, batch, valid
from tests.surrogate_zoo.losses.supplies import literature


def _lovasz(p: np.ndarray, t: np.ndarray) -> float:
    """Lovasz extension of the Jaccard loss, from its definition by sorted sets."""
    losses = []
    for c in np.unique(t):
        errors = np.where(t == c, 1 - p[:, c], p[:, c])
        total, before, chosen = 0.0, 0.0, np.zeros(len(t), bool)
        truth = t == c
        for i in np.argsort(-errors, kind="stable"):
            chosen[i] = True  # mispredict the pixels chosen so far
            prediction = truth ^ chosen
            jaccard = 1 - (truth & prediction).sum() / (truth | prediction).sum()
            total += errors[i] * (jaccard - before)
            before = jaccard
        losses.append(total)
    return float(np.mean(losses))


def test_it_is_the_lovasz_extension_of_the_jaccard_loss() -> None:
    logits, target = batch(3)
    found = literature("lovasz", num_classes=CLASSES)(logits, target).item()
    assert found == pytest.approx(_lovasz(*valid(logits, target)))
    images = [_lovasz(*valid(logits[i : i + 1], target[i : i + 1])) for i in range(2)]
    found = literature("lovasz", num_classes=CLASSES, reduction="image")(logits, target).item()
    assert found == pytest.approx(np.mean(images))


def test_it_keeps_its_gradients_digits_in_float32() -> None:
    target = labels(15, size=(1, 300, 300))
    logits = torch.randn(1, 4, 300, 300, generator=torch.Generator().manual_seed(15))
    gradients = []
    for dtype in (torch.float32, torch.float64):
        leaf = logits.detach().clone().to(dtype).requires_grad_()
        literature("lovasz", num_classes=4)(leaf, target).backward()
        assert leaf.grad is not None
        gradients.append(leaf.grad.double())
    # A difference of neighbouring Jaccard losses in float32 is off by 1e-4.
    assert (gradients[0] - gradients[1]).norm() < 1e-5 * gradients[1].norm()


def test_pixels_that_are_equally_wrong() -> None:
    target = labels(16, classes=2, size=(1, 30, 30))
    found = literature("lovasz", num_classes=2)(torch.zeros(1, 2, 30, 30), target)
    assert found.item() == pytest.approx(0.5)  # every error is 1/2, and the steps sum up to 1


def test_it_agrees_with_segmentation_models_pytorch() -> None:
    logits = batch(4)[0].float()[:, :4, :, :8]
    target = labels(4, classes=4, size=(2, 9, 8), void=0)
    theirs = smp.LovaszLoss("multiclass")(logits, target)
    torch.testing.assert_close(literature("lovasz", num_classes=4)(logits, target), theirs)
