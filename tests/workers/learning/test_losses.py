"""What a loss takes from the training masks: counts of classes, distance maps, loss networks."""

from typing import Any

import numpy as np
import pytest
import torch

from surrogate_zoo import LOSSES, load_loss
from surrogate_zoo.errors import InputError
from surrogate_zoo.needs import CLASS_IMAGE_PIXELS, CLASS_PIXELS
from workers.learning.losses import build_loss, class_counts, distance_maps_of

MASKS = (
    np.array([[0, 0, 0, 1], [255, 255, 0, 1]], np.uint8),
    np.array([[2, 2], [0, 255]], np.uint8),
)


def test_pixels_are_counted_by_class_and_by_images_that_hold_it() -> None:
    counts = class_counts(MASKS, 4)
    assert counts[CLASS_PIXELS] == [5, 2, 2, 0]
    assert counts[CLASS_IMAGE_PIXELS] == [9, 6, 3, 0]


@pytest.mark.parametrize("weighting", ["inverse", "median"])
def test_class_weights_come_from_the_training_masks(weighting: str) -> None:
    name = f"{weighting}-frequency-cross-entropy"
    built = build_loss(LOSSES[name].document(), MASKS, 4, {})
    logits = torch.randn(1, 4, 2, 4, generator=torch.Generator().manual_seed(0))
    target = torch.from_numpy(MASKS[0].astype(np.int64))[None]
    counts: dict[str, Any] = {**class_counts(MASKS, 4)}
    expected = load_loss(name, num_classes=4, **counts)
    assert built(logits, target).item() == expected(logits, target).item()
    assert built(logits, target).item() != load_loss(name, num_classes=4)(logits, target).item()


def test_maps_of_several_losses_are_named_once() -> None:
    documents = [LOSSES[name].document() for name in ("boundary", "dice-boundary", "dice", "dpce")]
    assert distance_maps_of([*documents, {"schema": "broken"}]) == (
        "signed_distances",
        "boundary_nearness",
    )


def test_a_missing_loss_network_is_told() -> None:
    with pytest.raises(InputError, match="edge_network"):
        build_loss(LOSSES["semeda"].document(), MASKS, 4, {})


@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        ("discriminative", "needs embeddings, instances, which"),
        ("deep-metric", "needs embeddings, instances, seediness, which"),
        ("cross-entropy-discriminative", "needs embeddings, instances, which"),
    ],
)
def test_what_a_training_cannot_give_is_told(name: str, lacking: str) -> None:
    with pytest.raises(InputError, match=lacking):
        build_loss(LOSSES[name].document(), MASKS, 4, {})
