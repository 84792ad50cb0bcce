import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.workers import tiny
from workers.augmentation import Batches, Crops, gather, jitter, place_crops
from workers.datasets import VOID, Samples, open_dataset
from workers.image_stack import DEVIATION, MEAN, Stack, normalise, stack_by_size
from workers.specs import AugmentationSpec, TrainingSpec

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
    images, masks = plain(0)
    assert images.dtype == torch.float32
    assert masks.dtype == torch.int64
    found = set()
    for image, mask in zip(images, masks, strict=True):
        pixels = image.permute(1, 2, 0) * torch.tensor(DEVIATION) + torch.tensor(MEAN)
        [index] = [i for i in range(3) if np.array_equal(mask, of.masks[i])]
        np.testing.assert_allclose(pixels, of.images[index], atol=1e-3)
        found.add(index)
    assert found == {0, 1, 2}


def test_every_epoch_shows_every_image_once() -> None:
    of = samples(*[(16, 16)] * 7)
    plain = batches(of, tiny.training(batch_size=3, crop=(16, 16), augmentation=PLAIN))
    masks = torch.cat([plain(step)[1] for step in range(7)])  # three epochs of seven
    shown = [next(i for i in range(7) if np.array_equal(m, of.masks[i])) for m in masks]
    assert [sorted(shown[start : start + 7]) for start in (0, 7, 14)] == [list(range(7))] * 3
    assert shown[:7] != shown[7:14]


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    of = open_dataset(tiny.SOURCE).read("train")
    one, same, other = (batches(of, tiny.training(), seed) for seed in (0, 0, 1))
    one(0)  # what came before does not matter
    for first, second in zip(one(5), same(5), strict=True):
        assert torch.equal(first, second)
    assert not torch.equal(one(5)[0], one(6)[0])
    assert not torch.equal(one(5)[0], other(5)[0])


def test_images_of_different_sizes_share_a_batch() -> None:
    of = samples((16, 16), (40, 24), (16, 16), (30, 64))
    images, masks = batches(of, tiny.training(batch_size=4, crop=(32, 32)))(0)
    assert images.shape == (4, 3, 32, 32)
    assert torch.isfinite(images).all()
    assert set(masks.unique().tolist()) <= {0, 1, 2, 3, VOID}


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.0, 1.5, 2.0])
def test_resampling_equals_interpolation_of_the_whole_image(stack: Stack, scale: float) -> None:
    height, width = (int(side * scale) for side in stack.size)
    pixels, _, inside = gather(stack, torch.tensor([0]), crops(scale, 0, 0, 0), (height, width))
    whole = stack.images.permute(0, 3, 1, 2).float()
    expected = F.interpolate(whole, size=(height, width), mode="bilinear", align_corners=False)
    torch.testing.assert_close(pixels.permute(0, 3, 1, 2), expected, atol=1e-3, rtol=0)
    assert inside.all()


def test_crops_outside_of_the_image_are_void(stack: Stack) -> None:
    pixels, masks, inside = gather(stack, torch.tensor([0]), crops(1.0, -3, 10, 0), (16, 32))
    assert (masks[~inside] == VOID).all()
    assert inside[0, :3].sum() == 0
    assert inside[0, 3:, :14].all()
    assert not inside[0, :, 14:].any()
    np.testing.assert_array_equal(masks[0, 3:, :14], stack.masks[0, :13, 10:])
    np.testing.assert_allclose(pixels[0, 3:, :14], stack.images[0, :13, 10:].float(), atol=1e-3)


def test_flip_mirrors_image_and_mask_alike(stack: Stack) -> None:
    straight = gather(stack, torch.tensor([0]), crops(1.3, 2, 5, 0), (16, 16))
    mirrored = gather(stack, torch.tensor([0]), crops(1.3, 2, 5, 1), (16, 16))
    for one, other in zip(straight, mirrored, strict=True):
        torch.testing.assert_close(one, other.flip(2))


def test_crops_stay_within_larger_images_and_around_smaller_ones() -> None:
    training = tiny.training(crop=(32, 32), augmentation=AugmentationSpec(scale=(0.5, 2.0)))
    draws = torch.rand(2000, 7, generator=torch.Generator().manual_seed(0))
    placed = place_crops((32, 64), training, draws)
    height, width = torch.round(32 * placed.scale), torch.round(64 * placed.scale)
    assert 0.5 <= placed.scale.min() < 0.51
    assert 1.99 < placed.scale.max() <= 2
    for start, side in ((placed.top, height), (placed.left, width)):
        room = side - 32
        assert ((start * room.sign() >= 0) & (start.abs() <= room.abs())).all()
    assert 0.45 < placed.flip.mean() < 0.55


def test_jitter_keeps_the_middle_draw_and_the_range() -> None:
    pixels = 255 * torch.rand(4, 8, 8, 3)
    torch.testing.assert_close(jitter(pixels, 0.5, torch.full((4, 3), 0.5)), pixels)
    strong = jitter(pixels, 1.0, torch.rand(4, 3))
    assert 0 <= strong.min() < strong.max() <= 255
    assert not torch.equal(strong, pixels)


def test_jitter_without_saturation_is_grey() -> None:
    grey = jitter(255 * torch.rand(2, 8, 8, 3), 1.0, torch.tensor([[0.5, 0.5, 0.0]] * 2))
    torch.testing.assert_close(grey[..., 0], grey[..., 2])


def test_padding_is_zero_after_normalisation() -> None:
    images, masks = batches(samples((16, 16)), tiny.training(batch_size=2, crop=(48, 48)))(0)
    assert (images.permute(0, 2, 3, 1)[masks == VOID] == 0).all()
    assert not torch.equal(normalise(torch.zeros(1, 3)), torch.zeros(1, 3))
