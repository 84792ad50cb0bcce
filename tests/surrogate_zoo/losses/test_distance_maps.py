"""Distance maps against their definitions, pixel by pixel."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy import ndimage

from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.distance_maps import FAR, MAPS, map_of, maps_of
from tests.surrogate_zoo.batches import VOID

CLASSES = 4
Mask = NDArray[np.int64]

shapes = array_shapes(min_dims=2, max_dims=2, max_side=9)
masks = st.one_of(
    arrays(np.int64, shapes, elements=st.sampled_from([0, 1, 2, VOID])),
    arrays(np.int64, shapes, elements=st.sampled_from([0, 0, 0, 0, 0, 1, 1, 3])),
)


def _distance(pixel: tuple[int, ...], others: Mask) -> float:
    """Distance of a pixel to the nearest of others (P, 2); infinite without any."""
    return float(np.sqrt(((others - pixel) ** 2).sum(1)).min(initial=np.inf))


def _boundary(mask: Mask) -> NDArray[np.float64]:
    values = np.zeros(mask.shape)
    for pixel in zip(*np.nonzero(mask != VOID), strict=True):
        far = _distance(pixel, np.argwhere((mask != VOID) & (mask != mask[pixel])))
        values[pixel] = far if np.isfinite(far) else 0
    return values


def _signed(mask: Mask) -> NDArray[np.float64]:
    values = np.zeros((CLASSES, *mask.shape))
    for label in range(CLASSES):
        members, rest = np.argwhere(mask == label), np.argwhere((mask != label) & (mask != VOID))
        if len(members) and len(rest):
            for pixel in zip(*np.nonzero(mask != VOID), strict=True):
                inside = mask[pixel] == label
                values[(label, *pixel)] = (
                    -_distance(pixel, rest) if inside else _distance(pixel, members)
                )
    return values


def _nearness(mask: Mask) -> NDArray[np.float64]:
    distances, values = _boundary(mask), np.zeros(mask.shape)
    for label in range(CLASSES):
        members = mask == label
        if members.any() and distances[members].max() > 0:
            low, high = distances[members].min(), distances[members].max()
            values[members] = 1 if low == high else (high - distances[members]) / (high - low)
    return values


def _objects(mask: Mask) -> list[Mask]:
    """Pixels of the objects, found by flooding; void joins parts of a class and is of none."""
    objects, left = [], {tuple(pixel) for pixel in np.argwhere((mask != VOID) & (mask > 0))}
    while left:
        todo, seen = [next(iter(left))], set()
        label = mask[todo[0]]
        while todo:
            pixel = todo.pop()
            inside = all(0 <= p < side for p, side in zip(pixel, mask.shape, strict=True))
            if inside and pixel not in seen and mask[pixel] in (label, VOID):
                seen.add(pixel)
                todo += [(pixel[0] + i, pixel[1] + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        objects.append(np.array([pixel for pixel in seen if mask[pixel] == label]))
        left -= {tuple(pixel) for pixel in objects[-1]}
    return objects


def _border(mask: Mask) -> NDArray[np.float64]:
    objects, values = _objects(mask), np.zeros(mask.shape)
    for pixel in zip(*np.nonzero(mask != VOID), strict=True):
        two = sorted(_distance(pixel, object_) for object_ in objects)[:2]
        values[pixel] = sum(two) if len(two) == 2 else FAR
    return values


DEFINITIONS: dict[str, Callable[[Mask], NDArray[np.float64]]] = {
    "boundary_distances": lambda mask: _boundary(mask)[None],
    "signed_distances": _signed,
    "boundary_nearness": lambda mask: _nearness(mask)[None],
    "border_distances": lambda mask: _border(mask)[None],
}
every_map = pytest.mark.parametrize("name", MAPS)


@every_map
@given(mask=masks)
def test_maps_follow_their_definitions(name: str, mask: Mask) -> None:
    values = map_of(name, mask, CLASSES)
    assert values.dtype == np.float32
    assert values.shape == (MAPS[name].channels(CLASSES), *mask.shape)
    np.testing.assert_allclose(values, DEFINITIONS[name](mask), rtol=1e-5, atol=1e-5)


@every_map
def test_a_larger_mask_in_patches(name: str) -> None:
    generator = np.random.default_rng(3)
    mask = np.kron(generator.choice([0, 0, 1, 2, 3, VOID], (6, 7)), np.ones((4, 5), np.int64))
    values = map_of(name, mask, CLASSES)
    np.testing.assert_allclose(values, DEFINITIONS[name](mask), rtol=1e-5, atol=1e-5)


@every_map
def test_masks_with_nothing_to_measure(name: str) -> None:
    nothing = FAR if name == "border_distances" else 0
    for label in (0, 2):
        assert (map_of(name, np.full((5, 6), label), CLASSES) == nothing).all()
    half_void = np.full((5, 6), 2)
    half_void[:, 3:] = VOID
    assert (map_of(name, half_void, CLASSES)[..., :3] == nothing).all()  # void makes no boundary
    assert (map_of(name, np.full((5, 6), VOID), CLASSES) == 0).all()


@every_map
def test_another_void_label_and_small_integers(name: str) -> None:
    mask = np.random.default_rng(5).choice([0, 1, 2, VOID], (8, 9))
    other = np.where(mask == VOID, 11, mask).astype(np.uint8)
    expected = map_of(name, mask, CLASSES)
    np.testing.assert_array_equal(map_of(name, other, CLASSES, ignore_index=11), expected)


@every_map
def test_a_batch_is_its_masks(name: str) -> None:
    target = torch.randint(0, CLASSES, (2, 6, 7), generator=torch.Generator().manual_seed(0))
    values = maps_of(name, target, CLASSES)
    assert values.dtype == torch.float32
    for mask, one in zip(target, values, strict=True):
        np.testing.assert_array_equal(one.numpy(), map_of(name, mask.numpy(), CLASSES))


@every_map
def test_scale_and_mirror(name: str) -> None:
    """Augmentation relies on it: maps follow the mask, and those in pixels its scale."""
    mask = np.random.default_rng(7).choice([0, 1, 2], (8, 9))
    values = map_of(name, mask, CLASSES)
    np.testing.assert_array_equal(map_of(name, mask[:, ::-1], CLASSES), values[:, :, ::-1])
    mask = np.zeros((60, 60), np.int64)
    mask[20:40, 20:36], mask[20:40, 44:56] = 1, 2
    twice = np.kron(mask, np.ones((2, 2), np.int64))
    scale = 2 if MAPS[name].in_pixels else 1
    difference = map_of(name, twice, CLASSES)[:, ::2, ::2] - scale * map_of(name, mask, CLASSES)
    assert abs(difference).max() <= (4 if MAPS[name].in_pixels else 0.1)


def test_signed_distances_of_two_classes_are_each_others_negative() -> None:
    mask = np.random.default_rng(9).choice([0, 1], (8, 9))
    zero, one = map_of("signed_distances", mask, 2)
    np.testing.assert_array_equal(zero, -one)
    # The released map less its own step at the border: 0 in place of -1 on the inner side.
    released = ndimage.distance_transform_edt(mask == 0)
    released -= np.where(mask == 1, ndimage.distance_transform_edt(mask == 1) - 1, 0)
    np.testing.assert_allclose(one + (mask == 1), released, rtol=1e-6)


def test_a_class_with_no_inner_pixels_is_near_its_boundary() -> None:
    mask = np.zeros((7, 7), np.int64)
    mask[:, 3] = 1
    nearness = map_of("boundary_nearness", mask, 2)[0]
    np.testing.assert_allclose(nearness[0], [0, 0.5, 1, 1, 1, 0.5, 0], atol=1e-6)


def test_the_ground_between_two_objects() -> None:
    mask = np.array([[1, 1, 0, 0, 0, 1, 1, 0, 0]])
    values = map_of("border_distances", mask, 2)[0, 0]
    np.testing.assert_array_equal(values, [5, 4, 4, 4, 4, 4, 5, 6 + 1, 7 + 2])
    touching = np.array([[1, 1, 2, 2]])
    np.testing.assert_array_equal(map_of("border_distances", touching, 3)[0, 0], [2, 1, 1, 2])
    crossed = np.array([[1, VOID, 1, 0, 0]])
    assert (map_of("border_distances", crossed, 2)[0, 0, [0, 2, 3, 4]] == FAR).all()


@pytest.mark.parametrize(
    ("mask", "told"),
    [
        (np.zeros((2, 3, 8, 8), np.int64), "must be whole numbers of shape"),
        (np.zeros(5, np.int64), "must be whole numbers of shape"),
        (np.zeros((8, 8)), "not float64"),
        (np.full((4, 4), CLASSES), f"holds the label {CLASSES}"),
        (np.full((4, 4), -1), "holds the label -1"),
    ],
)
def test_what_is_no_mask_is_refused(mask: np.ndarray, told: str) -> None:
    with pytest.raises(InputError, match=told):
        map_of("signed_distances", mask, CLASSES)


def test_a_batch_of_what_is_no_mask_is_refused() -> None:
    for target in (
        torch.zeros(4, 4),
        torch.full((2, 4, 4), CLASSES),
        torch.zeros(2, 1, 4, 4, 4).long(),
    ):
        with pytest.raises(InputError):
            maps_of("border_distances", target, CLASSES)


@every_map
def test_without_void_every_label_is_a_class(name: str) -> None:
    mask = np.array([[0, 1, 1], [2, 2, 0]], np.uint8)
    np.testing.assert_array_equal(map_of(name, mask, 3, None), map_of(name, mask, 3))
    with pytest.raises(InputError, match=r"holds the label 255; labels must be 0\.\.2"):
        map_of(name, np.full((2, 2), VOID), 3, ignore_index=None)
    batch = torch.from_numpy(np.stack([mask, mask[::-1]]))
    assert maps_of(name, batch, 3, None).shape == (2, MAPS[name].channels(3), 2, 3)
