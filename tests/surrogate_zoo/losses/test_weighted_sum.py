"""Weighted sums: what part of one reads the logits."""

from typing import Any

import pytest
import torch
from torch import nn

from surrogate_zoo import load_loss
from surrogate_zoo.losses.weighted_sum import of_logits

CLASSES = 3


def built(name: str, **options: Any) -> nn.Module:
    return load_loss(name, num_classes=CLASSES, **options)


@pytest.mark.parametrize("name", ["cross-entropy", "dice", "cross-entropy+dice", "asl-miou-voc"])
def test_what_reads_the_logits_alone_is_its_own_part(name: str) -> None:
    loss = built(name)
    assert of_logits(loss) is loss


@pytest.mark.parametrize("name", ["discriminative", "deep-metric", "discriminative+deep-metric"])
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_of_losses_of_embeddings_nothing_is_left(name: str, scale: float) -> None:
    assert of_logits(built(name, scale=scale)) is None


def test_a_sum_keeps_its_other_terms_with_weights_and_scales() -> None:
    logits, target = torch.randn(2, CLASSES, 8, 8), torch.randint(CLASSES, (2, 8, 8))
    inputs = {"embeddings": torch.randn(2, 2, 8, 8), "instances": torch.ones_like(target)}
    whole = built("0.5*cross-entropy+2*discriminative+0.25*dice", scale=3.0)
    part = of_logits(whole)
    assert part is not None
    expected = 3 * built("0.5*cross-entropy+0.25*dice")(logits, target)
    assert part(logits, target, **inputs).item() == pytest.approx(expected.item())
    assert part(logits, target).item() == pytest.approx(expected.item())
