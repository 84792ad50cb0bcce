"""Losses made of distance maps against their definitions, pixel by pixel."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from surrogate_zoo import needs_of
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.distance_maps import map_of, maps_of
from tests.surrogate_zoo.batches import VOID, labels, one_hot_logits
from tests.surrogate_zoo.losses.supplies import literature

CLASSES = 5
LOSSES = ["unet-border-cross-entropy", "dpce", "boundary", "active-boundary"]
Array = NDArray[np.float64]


def _batch(seed: int, size: tuple[int, int, int] = (2, 14, 17)) -> tuple[Tensor, Tensor]:
    """Random logits, and labels of two thirds of a coarse pattern; class 4 is absent."""
    generator = torch.Generator().manual_seed(seed)
    n, h, w = size
    logits = torch.randn(n, CLASSES, h, w, generator=generator, dtype=torch.float64)
    coarse = torch.randint(0, 4, (n, 3, 3), generator=generator)
    target = coarse.repeat_interleave(7, 1).repeat_interleave(7, 2)[:, :h, :w].clone()
    target[torch.rand(target.shape, generator=generator) < 0.05] = VOID
    return logits, target


def _loss(name: str, logits: Tensor, target: Tensor, **parameters: Any) -> float:
    value: Tensor = literature(name, num_classes=CLASSES, **parameters)(logits, target)
    return value.item()


def _entropies(logits: Tensor, target: Tensor) -> tuple[Array, NDArray[np.bool_]]:
    valid = (target != VOID).numpy()
    logs = logits.log_softmax(1).movedim(1, -1).numpy()
    return -np.take_along_axis(logs, np.where(valid, target, 0)[..., None], -1)[..., 0], valid


def test_unet_weighs_the_ground_between_objects() -> None:
    logits, target = _batch(1)
    entropies, valid = _entropies(logits, target)
    distances = np.stack([map_of("border_distances", mask.numpy(), CLASSES)[0] for mask in target])
    weights = 1 + 7 * np.exp(-(distances.astype(float) ** 2) / (2 * 3**2))
    expected = (weights * entropies)[valid].sum() / valid.sum()
    computed = _loss("unet-border-cross-entropy", logits, target, w0=7.0, sigma=3.0)
    assert computed == pytest.approx(expected)
    plain = F.cross_entropy(logits, target, ignore_index=VOID).item()
    assert computed > 1.5 * plain
    assert _loss("unet-border-cross-entropy", logits, target, w0=0.0) == pytest.approx(plain)


def test_unet_leaves_a_single_object_to_cross_entropy() -> None:
    logits, target = _batch(2)
    target = torch.where(target == VOID, VOID, 0)
    target[:, 3:6, 3:6] = 2
    plain = F.cross_entropy(logits, target, ignore_index=VOID).item()
    assert _loss("unet-border-cross-entropy", logits, target) == pytest.approx(plain)


def test_dpce_is_not_cross_entropy() -> None:
    logits, target = _batch(3)
    entropies, valid = _entropies(logits, target)
    nearness = np.stack([map_of("boundary_nearness", mask.numpy(), CLASSES)[0] for mask in target])
    expected = ((1 + nearness) * entropies)[valid].sum() / valid.sum()
    computed = _loss("dpce", logits, target)
    assert computed == pytest.approx(expected)
    plain = F.cross_entropy(logits, target, ignore_index=VOID).item()
    assert 1.2 * plain < computed < 2 * plain
    one_class = torch.where(target == VOID, VOID, 3)
    plain = F.cross_entropy(logits, one_class, ignore_index=VOID).item()
    assert _loss("dpce", logits, one_class) == pytest.approx(plain)


def _misplaced(logits: Tensor, target: Tensor) -> float:
    """The boundary loss, from distances to the classes."""
    probabilities, total = logits.softmax(1).numpy(), 0.0
    for image, mask in zip(probabilities, target.numpy(), strict=True):
        phi = map_of("signed_distances", mask, CLASSES).astype(float)
        for pixel in zip(*np.nonzero(mask != VOID), strict=True):
            truth = np.arange(CLASSES) == mask[pixel]
            total += (
                0.5 * (phi[(slice(None), *pixel)] * (image[(slice(None), *pixel)] - truth)).sum()
            )
    return total / int((target != VOID).sum())


def test_boundary_is_the_mean_distance_of_misplaced_probability() -> None:
    logits, target = _batch(4)
    computed = _loss("boundary", logits, target)
    assert computed == pytest.approx(_misplaced(logits, target))
    normalised = _loss("boundary", logits, target, normalise=True)
    assert normalised == pytest.approx(computed / np.hypot(14, 17))


def test_boundary_has_the_papers_gradient() -> None:
    logits, target = _batch(5)
    phi = maps_of("signed_distances", target, CLASSES).double()
    ours, papers = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    literature("boundary", num_classes=CLASSES)(ours, target).backward()
    raw = 0.5 * (phi * papers.softmax(1)).sum() / (target != VOID).sum()
    torch.autograd.backward(raw)
    torch.testing.assert_close(ours.grad, papers.grad)
    wrong = one_hot_logits(target % VOID, CLASSES)
    assert 0.5 * (phi * wrong.softmax(1)).sum() < 0  # what the paper minimises is negative


def test_boundary_of_two_classes_is_the_papers_for_the_foreground() -> None:
    logits, target = _batch(6)
    target = torch.where(target == VOID, 0, target % 2)
    logits = logits[:, :2]
    phi = maps_of("signed_distances", target, 2)[:, 1]
    expected = (phi * (logits.softmax(1)[:, 1] - target)).mean().item()
    assert literature("boundary", num_classes=2)(logits, target).item() == pytest.approx(expected)


def test_boundary_grows_with_the_shift() -> None:
    target = torch.zeros(1, 20, 20, dtype=torch.int64)
    target[:, 5:12, 5:12] = 1
    shifted = [one_hot_logits(target.roll(by, 2), CLASSES) for by in range(5)]
    values = [_loss("boundary", logits, target) for logits in shifted]
    assert values[0] == 0
    assert values == sorted(set(values))


_AROUND = [(1, 0), (-1, 0), (0, -1), (0, 1), (-1, 1), (1, 1), (-1, -1), (1, -1)]


def _neighbours(valid: NDArray[np.bool_], y: int, x: int) -> dict[int, tuple[int, int]]:
    """Valid neighbours by number of their direction."""
    places = {number: (y + i, x + j) for number, (i, j) in enumerate(_AROUND)}
    height, width = valid.shape
    return {
        number: pixel
        for number, pixel in places.items()
        if 0 <= pixel[0] < height and 0 <= pixel[1] < width and valid[pixel]
    }


def _active(logs: Array, mask: NDArray[np.int64], share: float) -> list[float]:
    """Losses of the pixels on an image's predicted boundaries; logs are (H, W, C)."""
    valid, jumps = mask != VOID, np.zeros(mask.shape)
    on_boundary = np.zeros(mask.shape, bool)
    for y, x in zip(*np.nonzero(valid), strict=True):
        for number in {0, 3} & _neighbours(valid, y, x).keys():  # below, right
            pixel = _neighbours(valid, y, x)[number]
            divergence = (np.exp(logs[y, x]) * (logs[y, x] - logs[pixel])).sum()
            jumps[y, x] += divergence
            jumps[pixel] += divergence
            if mask[pixel] != mask[y, x]:
                on_boundary[y, x] = on_boundary[pixel] = True
    jumps[on_boundary] = 0
    distances = map_of("boundary_distances", mask, CLASSES)[0].astype(float)
    places = np.argsort(-jumps, axis=None, kind="stable")[: max(1, int(share * valid.sum()))]
    losses = []
    for y, x in zip(*np.unravel_index(places, mask.shape), strict=True):
        around = _neighbours(valid, int(y), int(x))
        nearest = min(around, key=lambda number: (distances[around[number]], number), default=None)
        if jumps[y, x] <= 1e-5 or nearest is None or distances[around[nearest]] >= distances[y, x]:
            continue
        divergences = {
            number: (np.exp(logs[pixel]) * (logs[pixel] - logs[y, x])).sum()
            for number, pixel in around.items()
        }
        norm = np.log(sum(np.exp(one) for one in divergences.values()))
        entropy = 0.0
        for number, one in divergences.items():
            smoothed = 0.8 if number == nearest else 0.2 / (len(around) - 1)
            entropy -= smoothed * (one - norm)
        losses.append(entropy * min(distances[y, x] - 1, 4) / 4)
    return losses


@pytest.mark.parametrize("share", [0.01, 0.1, 1.0])
def test_active_boundary_follows_its_definition(share: float) -> None:
    logits, target = _batch(7)
    logs = logits.log_softmax(1).movedim(1, -1).numpy()
    images = [_active(image, mask, share) for image, mask in zip(logs, target.numpy(), strict=True)]
    losses = np.concatenate(images)
    assert all(images)
    assert len(losses) < 0.8 * (target != VOID).sum()  # those on true boundaries are left out
    for detach in (True, False):
        computed = _loss("active-boundary", logits, target, share=share, theta=4.0, detach=detach)
        assert computed == pytest.approx(losses.mean())


def test_active_boundary_leaves_neighbours_out_of_its_gradient() -> None:
    logits, target = _batch(8, (1, 14, 17))
    touched = {}
    for detach in (True, False):
        leaf = logits.clone().requires_grad_()
        literature("active-boundary", num_classes=CLASSES, detach=detach)(leaf, target).backward()
        assert leaf.grad is not None
        touched[detach] = int((leaf.grad.abs().sum(1) > 0).sum())
    assert touched[True] <= 0.01 * target.numel()
    assert 4 * touched[True] < touched[False] <= 9 * touched[True]


@pytest.mark.parametrize(("true", "predicted"), [(6, 12), (12, 6)])
@pytest.mark.parametrize("axis", [1, 2])
def test_active_boundary_moves_a_boundary_to_the_true_one(
    true: int, predicted: int, axis: int
) -> None:
    columns = torch.arange(18).expand(1, 18, 18)
    if axis == 1:
        columns = columns.mT
    target, start = (columns >= true).long(), (columns >= predicted).long()
    logits = torch.nn.Parameter(3 * F.one_hot(start, CLASSES).movedim(-1, 1).float())
    loss = literature("active-boundary", num_classes=CLASSES, share=0.2, theta=4.0)
    optimiser = torch.optim.SGD([logits], lr=50.0)
    for _ in range(240):
        optimiser.zero_grad()
        loss(logits, target).backward()
        optimiser.step()
    across = (logits.argmax(1) != target).select(3 - axis, 9)  # away from the image's corners
    assert (start != target).select(3 - axis, 9).sum() == 6
    assert across.sum() <= 1


def test_active_boundary_of_right_boundaries_is_zero_whatever_the_classes() -> None:
    _, target = _batch(9)
    labelled = target % VOID
    assert _loss("active-boundary", one_hot_logits(labelled, CLASSES), target) == 0
    assert _loss("active-boundary", one_hot_logits((labelled + 1) % CLASSES, CLASSES), target) == 0
    assert _loss("active-boundary", one_hot_logits(labelled.roll(2, -1), CLASSES), target) > 0
    flat = torch.zeros(2, CLASSES, 14, 17, requires_grad=True)  # predicts no boundary
    literature("active-boundary", num_classes=CLASSES)(flat, target).backward()
    assert flat.grad is not None
    assert (flat.grad == 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_maps_handed_over_are_taken(name: str) -> None:
    logits, target = _batch(10)
    (wanted,) = needs_of(name).inputs
    maps = maps_of(wanted, target, CLASSES)
    loss = literature(name, num_classes=CLASSES)
    value = loss(logits, target, **{wanted: maps}).item()
    assert value == _loss(name, logits, target)
    assert loss(logits, target, **{wanted: 0.5 * maps}).item() != value
    # What stands at void pixels does not matter.
    void = (target == VOID)[:, None]
    assert loss(logits, target, **{wanted: maps.masked_fill(void, 99)}).item() == value


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("unet-border-cross-entropy", {"w0": -1.0}),
        ("unet-border-cross-entropy", {"sigma": 0.0}),
        ("active-boundary", {"share": 0.0}),
        ("active-boundary", {"share": 1.5}),
        ("active-boundary", {"theta": 0.0}),
        ("active-boundary", {"smoothing": 1.0}),
    ],
)
def test_parameters_out_of_range_are_refused(name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        literature(name, num_classes=CLASSES, **parameters)


@pytest.mark.parametrize("name", LOSSES)
def test_small_images(name: str) -> None:
    for size in ((1, 1), (1, 5), (2, 1)):
        target = labels(1, size=(2, *size), void=0.3)
        logits = torch.randn(2, CLASSES, *size, requires_grad=True)
        value = literature(name, num_classes=CLASSES)(logits, target)
        value.backward()
        assert value >= 0
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()
