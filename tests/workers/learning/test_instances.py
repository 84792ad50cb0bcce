"""Objects in stacks and batches: cut, scaled and mirrored with their masks, 0 outside."""

import numpy as np
import pytest
import torch

from tests.workers import tiny
from tests.workers.learning.test_batches import CPU, PLAIN, crops, samples
from workers.datasets.dataset import Samples
from workers.datasets.layouts.registry import open_dataset
from workers.learning.batches import Batches, TrainingBatch
from workers.learning.crops import gather
from workers.learning.image_stack import Stack, stack_by_size
from workers.learning.learner import Learner, initial_network
from workers.learning.loop import train
from workers.learning.proxy_size import brought_down


def striped(*sizes: tuple[int, int]) -> Samples:
    """Masks that are their objects' numbers, as far as labels go."""
    of = samples(*sizes)
    masks = tuple((np.indices(size).sum(0) // 5 % 4).astype(np.uint8) for size in sizes)
    return Samples(of.names, of.images, masks, tuple(mask.astype(np.int32) for mask in masks))


def same_as_masks(batch: TrainingBatch) -> bool:
    assert batch.instances is not None
    outside = batch.masks == 255
    return torch.equal(batch.instances, batch.masks.masked_fill(outside, 0))


def test_batches_take_objects_and_masks_from_the_same_pixels() -> None:
    of = striped((16, 16), (40, 24), (16, 16), (30, 64))
    batches = Batches(
        stack_by_size(of, CPU, range(4)), tiny.training(batch_size=4, crop=(32, 32)), 0
    )
    for step in range(3):
        batch = batches(step)
        assert batch.instances is not None
        assert batch.instances.dtype == torch.int64
        assert (batch.masks == 255).any()
        assert same_as_masks(batch)


def test_without_objects_a_batch_is_what_it_was() -> None:
    of = striped((16, 16), (40, 24))
    bare = Samples(of.names, of.images, of.masks)
    training = tiny.training(batch_size=2, crop=(32, 32))
    one, other = (
        Batches(stack_by_size(some, CPU, range(2)), training, 0)(3) for some in (of, bare)
    )
    assert other.instances is None
    assert torch.equal(one.images, other.images)
    assert torch.equal(one.masks, other.masks)


def test_large_numbers_survive() -> None:
    of = striped((16, 16))
    assert of.instances is not None
    numbers = np.arange(256, dtype=np.int32).reshape(16, 16) + 70_000
    stacks = stack_by_size(Samples(of.names, of.images, of.masks, (numbers,)), CPU, [0])
    assert stacks[0].instances is not None
    assert stacks[0].instances.dtype == torch.int32
    plain = tiny.training(batch_size=2, crop=(16, 16), augmentation=PLAIN)
    batch = Batches(stacks, plain, 0)(0)
    assert batch.instances is not None
    assert torch.equal(batch.instances[0], torch.from_numpy(numbers).long())


@pytest.mark.parametrize("flip", [0, 1])
def test_an_object_that_a_crop_cuts_in_two_is_still_one(flip: int) -> None:
    """A horseshoe whose bend lies above the crop."""
    shoe = np.zeros((24, 32), np.int32)
    shoe[2:20, 4:8] = shoe[2:20, 24:28] = shoe[2:5, 4:28] = 7
    image = np.zeros((24, 32, 3), np.uint8)
    of = Samples(("shoe",), (image,), ((shoe > 0).astype(np.uint8),), (shoe,))
    [stack] = stack_by_size(of, CPU, [0])
    crop = gather(stack, torch.tensor([0]), crops(1.0, 8, -3, flip), (12, 38))
    assert crop.instances is not None
    assert np.unique(crop.instances).tolist() == [0, 7]
    assert not crop.instances[~crop.inside].any()
    cut = shoe[8:20]
    inside = crop.instances[0].flip(1) if flip else crop.instances[0]
    np.testing.assert_array_equal(inside[:, 3:35], cut)


def test_samples_chosen_from_a_split_bring_their_objects() -> None:
    of = striped((16, 16), (20, 16), (16, 16))
    for stack in stack_by_size(of, CPU, [2, 1]):
        assert stack.instances is not None
        assert torch.equal(stack.instances, stack.masks.int())


def test_objects_are_brought_down_with_their_masks() -> None:
    of = striped((50, 70), (70, 50))
    for stack in brought_down(stack_by_size(of, CPU, [0, 1]), 24):
        assert stack.instances is not None
        assert stack.instances.dtype == torch.int32
        assert torch.equal(stack.instances, stack.masks.int())
    [bare] = brought_down(stack_by_size(samples((50, 70)), CPU, [0]), 24)
    assert bare.instances is None


def test_masks_that_lie_by_columns_make_batches_too() -> None:
    of = samples((20, 24), (20, 24))
    columns = Samples(of.names, of.images, tuple(map(np.asfortranarray, of.masks)))
    training = tiny.training(batch_size=2, crop=(16, 16))

    def first(some: Samples) -> TrainingBatch:
        return Batches(stack_by_size(some, CPU, [0, 1]), training, 0)(0)

    assert torch.equal(first(columns).masks, first(of).masks)


def test_a_training_places_objects_beside_its_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    of = open_dataset(tiny.SOURCE).read("train")
    training = tiny.training(iterations=1)
    batches = Batches(stack_by_size(of, CPU, range(len(of))), training, 0)
    seen: list[TrainingBatch] = []
    monkeypatch.setattr(Learner, "step", lambda _, __, batch: seen.append(batch))
    learner = Learner(
        initial_network(tiny.NETWORK, 6, 0), torch.nn.CrossEntropyLoss(), training, CPU
    )
    train([learner], batches, training, seed=0, device=CPU)
    wanted = batches(0).instances
    assert wanted is not None
    assert seen[0].instances is not None
    assert torch.equal(seen[0].instances, wanted)


def test_a_stack_without_objects_has_none() -> None:
    [stack] = stack_by_size(samples((16, 16)), CPU, [0])
    assert isinstance(stack, Stack)
    assert stack.instances is None
