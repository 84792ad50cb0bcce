"""What a loss takes from the training masks: counts of classes, distance maps, loss networks."""

from typing import Any

import numpy as np
import pytest
import torch

from surrogate_zoo import LOSSES, load_loss
from surrogate_zoo.errors import InputError
from surrogate_zoo.needs import CLASS_IMAGE_PIXELS, CLASS_PIXELS, EMBEDDINGS, INSTANCES, SEEDINESS
from workers.datasets.dataset import Objects, Samples
from workers.learning.losses import build_loss, class_counts, distance_maps_of, inputs_given
from workers.tasks.networks import NetworkSpec

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


GIVEN: dict[str, tuple[str, tuple[str, ...], str]] = {
    "neither": (
        "discriminative",
        (),
        "needs embeddings .set network.embedding, to 16 say., instances .take a dataset that tells",
    ),
    "head": ("cross-entropy-discriminative", (INSTANCES,), "needs embeddings .set.*say., which"),
    "objects": ("discriminative", (EMBEDDINGS,), "needs instances .take a dataset.*, which"),
    "seeds": (
        "deep-metric",
        (EMBEDDINGS, INSTANCES),
        "needs seediness .set network.seediness to true., which this training does not have",
    ),
}


@pytest.mark.parametrize("case", GIVEN)
def test_what_a_training_cannot_give_is_told(case: str) -> None:
    name, given, message = GIVEN[case]
    with pytest.raises(InputError, match=message):
        build_loss(LOSSES[name].document(), MASKS, 4, {}, given=given)
    everything = (EMBEDDINGS, INSTANCES, SEEDINESS)
    assert build_loss(LOSSES[name].document(), MASKS, 4, {}, given=everything)


@pytest.mark.parametrize(
    "objects", [None, (np.zeros((2, 4), np.int32), np.zeros((2, 2), np.int32))]
)
def test_a_training_has_what_network_and_dataset_have(objects: tuple[Objects, ...] | None) -> None:
    samples = Samples(("a", "b"), tuple(np.dstack([mask] * 3) for mask in MASKS), MASKS, objects)
    of_dataset = () if objects is None else (INSTANCES,)
    assert inputs_given(NetworkSpec(), samples) == of_dataset
    assert inputs_given(NetworkSpec(embedding=8), samples) == (EMBEDDINGS, *of_dataset)
    both = NetworkSpec(embedding=8, seediness=True)
    assert inputs_given(both, samples) == (EMBEDDINGS, SEEDINESS, *of_dataset)
