"""Handmade losses against their definitions, written out plainly."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from segmentation_models_pytorch import losses as smp

from surrogate_zoo import load_loss
from surrogate_zoo.errors import InputError
from tests.surrogate_zoo.batches import VOID, labels

CLASSES = 5


def _batch(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    # Class 4 is absent.
    logits = torch.randn(
        2, CLASSES, 9, 11, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    return logits, labels(seed, classes=4)


def test_cross_entropy_is_torchs_mean_over_valid_pixels() -> None:
    logits, target = _batch(1)
    expected = F.cross_entropy(logits, target, ignore_index=VOID)
    torch.testing.assert_close(
        load_loss("cross-entropy", num_classes=CLASSES)(logits, target), expected
    )


def _valid(logits: torch.Tensor, target: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    valid = (target != VOID).numpy()
    return logits.softmax(1).movedim(1, -1).numpy()[valid], target.numpy()[valid]


def test_dice_is_the_mean_over_present_classes() -> None:
    logits, target = _batch(2)
    p, t = _valid(logits, target)
    scores = [
        2 * p[t == c, c].sum() / (p[:, c].sum() + (t == c).sum())
        for c in range(CLASSES)
        if (t == c).any()
    ]
    found = load_loss("dice", num_classes=CLASSES)(logits, target).item()
    assert found == pytest.approx(1 - np.mean(scores))


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


def test_lovasz_is_the_lovasz_extension_of_the_jaccard_loss() -> None:
    logits, target = _batch(3)
    found = load_loss("lovasz", num_classes=CLASSES)(logits, target).item()
    assert found == pytest.approx(_lovasz(*_valid(logits, target)))
    images = [_lovasz(*_valid(logits[i : i + 1], target[i : i + 1])) for i in range(2)]
    found = load_loss("lovasz", num_classes=CLASSES, per_image=True)(logits, target).item()
    assert found == pytest.approx(np.mean(images))


def test_lovasz_and_dice_agree_with_segmentation_models_pytorch() -> None:
    logits = _batch(4)[0].float()[:, :4, :, :8]
    target = labels(4, classes=4, size=(2, 9, 8), void=0)
    theirs = smp.LovaszLoss("multiclass")(logits, target)
    torch.testing.assert_close(load_loss("lovasz", num_classes=4)(logits, target), theirs)
    theirs = smp.DiceLoss("multiclass")(logits, target)  # every class is present here
    assert len(target.unique()) == 4
    torch.testing.assert_close(load_loss("dice", num_classes=4)(logits, target), theirs)


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(InputError, match="takes no such parameter"):
        load_loss("dice", num_classes=CLASSES, colour="red")
    with pytest.raises(InputError, match="num_classes"):
        load_loss("dice", num_classes=1)
