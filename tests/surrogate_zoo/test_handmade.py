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


def test_focal_fades_cross_entropy() -> None:
    logits, target = _batch(5)
    p, t = _valid(logits, target)
    true = p[np.arange(len(t)), t]
    expected = np.mean((1 - true) ** 2 * -np.log(true))
    assert load_loss("focal", num_classes=CLASSES)(logits, target).item() == pytest.approx(expected)
    plain = load_loss("cross-entropy", num_classes=CLASSES)(logits, target)
    without = load_loss("focal", num_classes=CLASSES, gamma=0.0)(logits, target)
    torch.testing.assert_close(without, plain)


def test_focal_agrees_with_segmentation_models_pytorch() -> None:
    # The library's is a mean of one-against-all sigmoids: the same for two classes and logits (0, x).
    x, target = torch.randn(2, 1, 7, 9), torch.randint(0, 2, (2, 7, 9))
    theirs = smp.FocalLoss("binary", gamma=1.5)(x, target[:, None])
    ours = load_loss("focal", num_classes=2, gamma=1.5)(torch.cat([x * 0, x], 1), target)
    torch.testing.assert_close(ours, theirs)


def test_top_k_takes_the_hardest_pixels() -> None:
    logits, target = _batch(6)
    p, t = _valid(logits, target)
    losses = np.sort(-np.log(p[np.arange(len(t)), t]))[::-1]
    expected = losses[: round(0.25 * len(losses))].mean()
    found = load_loss("top-k-cross-entropy", num_classes=CLASSES)(logits, target).item()
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("exponent", [1.0, 0.75])
def test_tversky_weighs_false_positives_and_negatives(exponent: float) -> None:
    logits, target = _batch(7)
    p, t = _valid(logits, target)
    losses = []
    for c in np.unique(t):
        both = p[t == c, c].sum()
        wrong = 0.3 * p[t != c, c].sum() + 0.7 * (1 - p[t == c, c]).sum()
        losses.append((1 - both / (both + wrong)) ** exponent)
    name = "tversky" if exponent == 1 else "focal-tversky"
    found = load_loss(name, num_classes=CLASSES)(logits, target).item()
    assert found == pytest.approx(np.mean(losses))
    dice = load_loss("dice", num_classes=CLASSES)(logits, target)
    even = load_loss("tversky", num_classes=CLASSES, alpha=0.5, beta=0.5)(logits, target)
    torch.testing.assert_close(even, dice)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("focal", {"gamma": -1.0}),
        ("top-k-cross-entropy", {"share": 0.0}),
        ("tversky", {"alpha": 0.0, "beta": 0.0}),
        ("tversky", {"exponent": 0.0}),
        ("dice", {"smooth": -1.0}),
    ],
)
def test_parameters_out_of_range_are_refused(name: str, parameters: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        load_loss(name, num_classes=CLASSES, **parameters)


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
