"""Batches: their order, augmentation, crops, void and distance maps."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from surrogate_zoo.errors import DatasetError
from surrogate_zoo.losses.distance_maps import maps_of
from tests.workers import tiny
from workers.datasets.dataset import VOID, Samples
from workers.datasets.layouts.registry import open_dataset
from workers.learning import image_stack
from workers.learning.batches import AHEAD, Batches
from workers.learning.crops import Crops, gather, jitter, place_crops
from workers.learning.image_stack import Stack, stack_by_size
from workers.networks.image_format import normalise
from workers.tasks.images import DEVIATION, MEAN
from workers.tasks.training import AugmentationSpec, TrainingSpec

CPU = torch.device("cpu")
PLAIN = AugmentationSpec(scale=(1.0, 1.0), flip=0.0, colour=0.0)


def samples(*sizes: tuple[int, int]) -> Samples:
    random = np.random.default_rng(0)
    return Samples(
        names=tuple(map(str, range(len(sizes)))),
        images=tuple(random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes),
        masks=tuple(random.integers(0, 4, size, dtype=np.uint8) for size in sizes),
    )


def batches(of: Samples, training: TrainingSpec, seed: int = 0) -> Batches:
    return Batches(stack_by_size(of, CPU, range(len(of))), training, seed)


def crops(scale: float, top: float, left: float, flip: float) -> Crops:
    return Crops(*(torch.tensor([value]) for value in (scale, top, left, flip)))


@pytest.fixture(scope="module")
def stack() -> Stack:
    return stack_by_size(samples((20, 24)), CPU, [0])[0]


def test_without_augmentation_a_batch_holds_the_images_themselves() -> None:
    of = samples((16, 16), (16, 16), (16, 16))
    plain = batches(of, tiny.training(batch_size=3, crop=(16, 16), augmentation=PLAIN))
    images, masks, *_ = plain(0)
    assert images.dtype == torch.float32
    assert masks.dtype == torch.int64
    shown = set()
    for image, mask in zip(images, masks, strict=True):
        pixels = image.permute(1, 2, 0) * torch.tensor(DEVIATION) + torch.tensor(MEAN)
        [index] = [i for i in range(3) if np.array_equal(mask, of.masks[i])]
        np.testing.assert_allclose(pixels, of.images[index], atol=1e-3)
        shown.add(index)
    assert shown == {0, 1, 2}


def test_every_epoch_shows_every_image_once() -> None:
    of = samples(*[(16, 16)] * 7)
    plain = batches(of, tiny.training(batch_size=3, crop=(16, 16), augmentation=PLAIN))
    masks = torch.cat([plain(step)[1] for step in range(7)])  # three epochs of seven
    shown = [next(i for i in range(7) if np.array_equal(m, of.masks[i])) for m in masks]
    assert [sorted(shown[start : start + 7]) for start in (0, 7, 14)] == [list(range(7))] * 3
    assert shown[:7] != shown[7:14]


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    of = open_dataset(tiny.SOURCE).read("train")
    drawn, same, other = (batches(of, tiny.training(), seed) for seed in (0, 0, 1))
    drawn(0)  # what came before does not matter
    assert torch.equal(drawn(5).images, same(5).images)
    assert torch.equal(drawn(5).masks, same(5).masks)
    assert not torch.equal(drawn(5)[0], drawn(6)[0])
    assert not torch.equal(drawn(5)[0], other(5)[0])


def test_a_plan_of_many_steps_is_that_of_each() -> None:
    of = samples((16, 16), (40, 24), (30, 64))
    drawn = batches(of, tiny.training(batch_size=4, crop=(16, 16)))
    ahead = drawn.plan(AHEAD - 2, 4)
    for step in range(AHEAD - 2, AHEAD + 2):  # the last of a plan and the first of the next
        offset = step - (AHEAD - 2)
        there = torch.tensor([offset])
        for batch in (
            drawn(step),
            drawn.assemble(ahead.at(there)),
            batches(of, drawn._training)(step),
        ):
            assert torch.equal(batch.images, drawn.assemble(ahead.at(offset)).images)
            assert torch.equal(batch.masks, drawn.assemble(ahead.at(offset)).masks)


def test_images_of_different_sizes_share_a_batch() -> None:
    of = samples((16, 16), (40, 24), (16, 16), (30, 64))
    images, masks, *_ = batches(of, tiny.training(batch_size=4, crop=(32, 32)))(0)
    assert images.shape == (4, 3, 32, 32)
    assert torch.isfinite(images).all()
    assert set(masks.flatten().tolist()) <= {0, 1, 2, 3, VOID}


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.0, 1.5, 2.0])
def test_resampling_equals_interpolation_of_the_whole_image(stack: Stack, scale: float) -> None:
    height, width = (int(side * scale) for side in stack.size)
    pixels, _, inside, *_ = gather(stack, torch.tensor([0]), crops(scale, 0, 0, 0), (height, width))
    whole = stack.images.permute(0, 3, 1, 2).float()
    expected = F.interpolate(whole, size=(height, width), mode="bilinear", align_corners=False)
    torch.testing.assert_close(pixels.permute(0, 3, 1, 2), expected, atol=1e-3, rtol=0)
    assert inside.all()


def test_crops_outside_of_the_image_are_void(stack: Stack) -> None:
    pixels, masks, inside, *_ = gather(stack, torch.tensor([0]), crops(1.0, -3, 10, 0), (16, 32))
    assert (masks[~inside] == VOID).all()
    assert inside[0, :3].sum() == 0
    assert inside[0, 3:, :14].all()
    assert not inside[0, :, 14:].any()
    np.testing.assert_array_equal(masks[0, 3:, :14], stack.masks[0, :13, 10:])
    np.testing.assert_allclose(pixels[0, 3:, :14], stack.images[0, :13, 10:].float(), atol=1e-3)


def test_flip_mirrors_image_and_mask_alike(stack: Stack) -> None:
    straight = gather(stack, torch.tensor([0]), crops(1.3, 2, 5, 0), (16, 16))
    mirrored = gather(stack, torch.tensor([0]), crops(1.3, 2, 5, 1), (16, 16))
    for plain, other in zip(straight[:3], mirrored[:3], strict=True):
        torch.testing.assert_close(plain, other.flip(2))


def test_crops_stay_within_larger_images_and_around_smaller_ones() -> None:
    training = tiny.training(crop=(32, 32), augmentation=AugmentationSpec(scale=(0.5, 2.0)))
    draws = torch.rand(2000, 7, generator=torch.Generator().manual_seed(0))
    placed = place_crops(torch.tensor([[32, 64]]), training, draws)
    height, width = torch.round(32 * placed.scale), torch.round(64 * placed.scale)
    assert 0.5 <= placed.scale.min() < 0.51
    assert 1.99 < placed.scale.max() <= 2
    for start, side in ((placed.top, height), (placed.left, width)):
        room = side - 32
        assert ((start * room.sign() >= 0) & (start.abs() <= room.abs())).all()
    assert 0.45 < placed.flip.mean() < 0.55


def test_scales_are_relative_to_a_short_side() -> None:
    plain = AugmentationSpec(scale=(0.5, 2.0))
    draws = torch.rand(50, 7, generator=torch.Generator().manual_seed(0))
    factor = place_crops(torch.tensor([[64, 96]]), tiny.training(augmentation=plain), draws).scale
    for size, short in (((64, 96), 64), ((48, 36), 36)):
        spec = plain.model_copy(update={"short_side": 32})
        placed = place_crops(torch.tensor([size]), tiny.training(augmentation=spec), draws)
        torch.testing.assert_close(placed.scale, factor * 32 / short)
    # An image that is that small already gives the very same crops.
    small = plain.model_copy(update={"short_side": 64})
    placed = place_crops(torch.tensor([[64, 96]]), tiny.training(augmentation=small), draws)
    other = place_crops(torch.tensor([[64, 96]]), tiny.training(augmentation=plain), draws)
    assert torch.equal(placed.top, other.top)
    assert torch.equal(placed.left, other.left)


def test_a_brought_down_crop_is_bilinear_without_smoothing() -> None:
    of = samples((64, 96))
    spec = PLAIN.model_copy(update={"short_side": 32})
    whole = batches(of, tiny.training(batch_size=2, crop=(32, 48), augmentation=spec))
    image = torch.from_numpy(of.images[0]).permute(2, 0, 1)[None].float()
    small = F.interpolate(image, (32, 48), mode="bilinear", align_corners=False)[0]
    shown = whole(3).images[0].permute(1, 2, 0) * torch.tensor(DEVIATION) + torch.tensor(MEAN)
    torch.testing.assert_close(shown, small.permute(1, 2, 0), atol=1e-3, rtol=0)
    labels = F.interpolate(
        torch.from_numpy(of.masks[0])[None, None].float(), (32, 48), mode="nearest-exact"
    )
    assert torch.equal(whole(3).masks[0], labels[0, 0].long())
    again = batches(of, tiny.training(batch_size=2, crop=(32, 48), augmentation=spec))
    assert torch.equal(whole(5).images, again(5).images)


def test_jitter_keeps_the_middle_draw_and_the_range() -> None:
    pixels = 255 * torch.rand(4, 8, 8, 3)
    kept = jitter(pixels, 0.5, torch.full((4, 3), 0.5))
    torch.testing.assert_close(kept, pixels, atol=1e-3, rtol=0)  # of 255
    strong = jitter(pixels, 1.0, torch.rand(4, 3))
    assert 0 <= strong.min() < strong.max() <= 255
    assert not torch.equal(strong, pixels)


def test_jitter_without_saturation_is_grey() -> None:
    grey = jitter(255 * torch.rand(2, 8, 8, 3), 1.0, torch.tensor([[0.5, 0.5, 0.0]] * 2))
    torch.testing.assert_close(grey[..., 0], grey[..., 2])


def test_padding_is_zero_after_normalisation() -> None:
    images, masks, *_ = batches(samples((16, 16)), tiny.training(batch_size=2, crop=(48, 48)))(0)
    assert (images.permute(0, 2, 3, 1)[masks == VOID] == 0).all()
    assert not torch.equal(normalise(torch.zeros(1, 3)), torch.zeros(1, 3))


MAPS = ("boundary_distances", "signed_distances")


@pytest.fixture(scope="module")
def mapped() -> Stack:
    """One image of 24x32 pixels whose border between classes 0 and 1 is a straight line."""
    mask = np.zeros((24, 32), np.uint8)
    mask[:, 20:] = 1
    of = Samples(("line",), (np.zeros((24, 32, 3), np.uint8),), (mask,))
    return stack_by_size(of, CPU, [0], maps=MAPS, num_classes=2)[0]


def test_distance_maps_are_cut_and_scaled_with_their_mask(mapped: Stack) -> None:
    for flip in (0, 1):
        crop = gather(mapped, torch.tensor([0]), crops(2.0, 4, 6, flip), (16, 24))
        signed, nearest = crop.maps["signed_distances"][0], crop.maps["boundary_distances"][0]
        assert signed.shape == (16, 24, 2)
        assert ((signed[..., 0] > 0) == (crop.masks[0] == 1)).all()
        assert ((signed[..., 1] > 0) == (crop.masks[0] == 0)).all()
        # The map of the scaled mask itself agrees to within the size of a scaled pixel.
        whole = torch.from_numpy(mapped.masks[0].numpy().repeat(2, 0).repeat(2, 1)).long()
        own = maps_of("boundary_distances", whole[None], 2)[0, 0][4:20, 6:30]
        own = own.flip(1) if flip else own
        assert (nearest[..., 0] - own).abs().max() <= 1


def test_a_border_beyond_the_crop_counts(mapped: Stack) -> None:
    crop = gather(mapped, torch.tensor([0]), crops(1.0, 0, 0, 0), (16, 16))
    assert (crop.masks == 0).all()
    assert crop.maps["boundary_distances"][0, 0, :, 0].tolist() == list(range(20, 4, -1))


def test_distance_maps_are_zero_outside_of_the_image(mapped: Stack) -> None:
    crop = gather(mapped, torch.tensor([0]), crops(1.0, -5, 0, 0), (32, 32))
    assert (crop.maps["boundary_distances"][~crop.inside] == 0).all()


def test_batches_hold_the_maps_of_their_masks() -> None:
    of = samples((16, 16), (40, 24), (16, 16), (30, 64))
    stacks = stack_by_size(of, CPU, range(4), maps=MAPS, num_classes=4)
    plain = tiny.training(batch_size=4, crop=(16, 16), augmentation=PLAIN)
    batch = Batches(stacks, plain, 0)(0)
    assert {name: one.shape for name, one in batch.maps.items()} == {
        "boundary_distances": (4, 1, 16, 16),
        "signed_distances": (4, 4, 16, 16),
    }
    inside = batch.masks != VOID
    true = batch.maps["signed_distances"].gather(1, batch.masks.clamp(max=3)[:, None])[:, 0]
    assert (true[inside] <= 0).all()
    torch.testing.assert_close(batch.maps["boundary_distances"][:, 0][inside] >= 1, inside[inside])


def test_maps_that_do_not_fit_into_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_stack, "MOST_MAP_BYTES", 2 * 16 * 16 * 4)
    of = samples((16, 16))
    stack_by_size(of, CPU, [0], maps=["signed_distances"], num_classes=4)
    with pytest.raises(DatasetError, match=r"distance maps \(signed_distances\) of 1 images"):
        stack_by_size(of, CPU, [0], maps=["signed_distances"], num_classes=5)
