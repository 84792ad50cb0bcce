"""InverseForm's parts against SciPy and plain NumPy, and the traps of its released code."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from surrogate_zoo import load_loss
from surrogate_zoo.errors import InputError
from surrogate_zoo.loss_networks.inverse import InverseNetwork
from surrogate_zoo.loss_networks.storage import save
from surrogate_zoo.losses.handmade.batch import Batch
from surrogate_zoo.losses.handmade.inverse_form import (
    InverseForm,
    balanced_cross_entropy,
    boundary_target,
    cut_tiles,
    rounded,
)
from tests.surrogate_zoo.batches import VOID, labels, one_hot_logits

CLASSES = 4


def _network(side: int = 16) -> InverseNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return InverseNetwork(side=side)


def _loss(**parameters: Any) -> InverseForm:
    loss = load_loss("inverse-form", num_classes=CLASSES, inverse_network=_network(), **parameters)
    assert isinstance(loss, InverseForm)
    return loss


def _near_another_class(mask: np.ndarray, width: int) -> np.ndarray:
    marked = np.zeros(mask.shape, bool)
    for label in np.unique(mask[mask != VOID]):
        others = (mask != VOID) & (mask != label)
        if others.any():
            distance = ndimage.distance_transform_edt(~others)
            marked |= (mask == label) & (distance <= width)
    return marked


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("size", [(3, 23, 31), (2, 2, 40), (1, 1, 1)])
def test_the_true_boundary_agrees_with_scipys_distance_transform(
    width: int, size: tuple[int, int, int]
) -> None:
    target = labels(width, size=size, void=0.1)
    computed = boundary_target(target, target != VOID, width)
    assert computed.shape == (size[0], 1, *size[1:])
    expected = np.stack([_near_another_class(mask, width) for mask in target.numpy()])
    np.testing.assert_array_equal(computed[:, 0].numpy(), expected)


def test_a_border_is_two_pixels_wide_on_both_sides_and_void_makes_none() -> None:
    target = torch.zeros(1, 6, 12, dtype=torch.int64)
    target[..., 6:] = 1
    assert boundary_target(target, target != VOID)[0, 0, 0].nonzero().flatten().tolist() == [
        4, 5, 6, 7,
    ]  # fmt: skip
    target[..., 6:] = VOID
    assert not boundary_target(target, target != VOID).any()


def test_balanced_cross_entropy_is_that_of_its_definition() -> None:
    logits = torch.randn(2, 1, 9, 11, generator=torch.Generator().manual_seed(1)).double()
    target = labels(1)
    valid = target != VOID
    marked = boundary_target(target, valid)
    p, t = logits.sigmoid()[:, 0][valid].numpy(), marked[:, 0][valid].numpy()
    weights = np.where(t, np.mean(~t), np.mean(t))
    expected = np.mean(-weights * np.log(np.where(t, p, 1 - p)))
    batch = Batch(logits, target, valid, VOID, {})
    assert balanced_cross_entropy(logits, marked, batch).item() == pytest.approx(expected)


def test_tiles_are_squares_of_the_resized_map_row_by_row() -> None:
    maps = torch.arange(2 * 8 * 12, dtype=torch.float64).view(2, 1, 8, 12)
    tiles = cut_tiles(maps, (2, 3), 4)  # no resizing
    assert tiles.shape == (12, 1, 4, 4)
    np.testing.assert_array_equal(tiles[5, 0], maps[0, 0, 4:, 8:])
    np.testing.assert_array_equal(tiles[6, 0], maps[1, 0, :4, :4])
    assert cut_tiles(maps, (1, 1), 2).mean().item() == pytest.approx(maps.mean().item(), rel=0.05)


def test_the_value_is_the_weighted_sum_of_its_three_parts() -> None:
    target = labels(2, size=(2, 20, 28))
    logits = torch.randn(2, CLASSES, 20, 28, generator=torch.Generator().manual_seed(2)).double()
    boundary = torch.randn(2, 1, 20, 28, generator=torch.Generator().manual_seed(3)).double()
    valid = target != VOID
    marked = boundary_target(target, valid)
    entropy = F.cross_entropy(logits, target, ignore_index=VOID)
    head = balanced_cross_entropy(boundary, marked, Batch(logits, target, valid, VOID, {}))
    network = _network().double()
    distances = []
    for image in range(2):
        ground = boundary.sigmoid()[image][valid[image, None] & ~marked[image]].mean()
        seen = torch.where(valid[image], boundary.sigmoid()[image], ground)[None]
        computed = cut_tiles(seen, (2, 2), 16)
        true = cut_tiles(marked[image, None].double(), (2, 2), 16)
        theta = network(computed, true)
        distances.append(sum((matrix - torch.eye(3)).norm() for matrix in theta))
    expected = entropy + 0.4 * head + 0.2 * sum(distances) / 2
    value = _loss(beta=0.4, gamma=0.2, rounding=0.0)(logits, target, boundary_logits=boundary)
    torch.testing.assert_close(value, expected)
    every_tile = torch.stack([part / 4 for part in distances])  # all have some boundary
    mean = _loss(beta=0.0, gamma=1.0, rounding=0.0, over_tiles="mean")
    value = mean(logits, target, boundary_logits=boundary)
    torch.testing.assert_close(value, entropy + every_tile.mean())
    baseline = load_loss("boundary-cross-entropy", num_classes=CLASSES, beta=0.4)
    torch.testing.assert_close(
        baseline(logits, target, boundary_logits=boundary), entropy + 0.4 * head
    )


@pytest.mark.parametrize("distance", ["euclidean", "geodesic"])
def test_the_distance_reaches_the_boundary_logits(distance: str) -> None:
    # The released code takes log_softmax over one channel: zeros, whatever the head says.
    target = labels(4, size=(2, 24, 24))
    boundary = torch.randn(2, 1, 24, 24, generator=torch.Generator().manual_seed(4))
    boundary.requires_grad_()
    logits = torch.zeros(2, CLASSES, 24, 24)
    loss = _loss(beta=0.0, gamma=1.0, distance=distance)
    loss(logits, target, boundary_logits=boundary).backward()
    assert boundary.grad is not None
    assert torch.isfinite(boundary.grad).all()
    in_each_tile = cut_tiles(boundary.grad.abs(), (2, 2), 12).sum((1, 2, 3))
    assert (in_each_tile > 0).all()
    assert all(weight.grad is None for weight in loss.network.parameters())


@pytest.mark.parametrize("distance", ["euclidean", "geodesic"])
def test_the_true_map_has_distance_zero_and_any_other_more(distance: str) -> None:
    target = labels(5, size=(1, 24, 24))
    logits = one_hot_logits(target.masked_fill(target == VOID, 0), CLASSES)
    true = boundary_target(target, target != VOID).double()
    loss = _loss(distance=distance)
    assert loss(logits, target, boundary_logits=1e4 * (2 * true - 1)).item() == 0
    moved = true.roll(3, dims=3)
    assert loss(logits, target, boundary_logits=1e4 * (2 * moved - 1)).item() > 0


def test_as_many_tiles_as_the_network_was_trained_for_unless_told_otherwise() -> None:
    network = InverseNetwork(side=16, tiles=(3, 6))
    for asked, tiles in ((None, (3, 6)), ((1, 2), (1, 2))):
        loss = load_loss("inverse-form", num_classes=CLASSES, inverse_network=network, tiles=asked)
        assert isinstance(loss, InverseForm)
        assert loss.tiles == tiles


def test_rounding_takes_the_slope_off_the_minimum_and_little_off_the_rest() -> None:
    distances = torch.tensor([0.0, 0.001, 0.01, 0.3], dtype=torch.float64).requires_grad_()
    assert rounded(distances, 0.0) is distances
    near = rounded(distances, 0.01)
    slopes = torch.autograd.grad(near.sum(), distances)[0]
    assert near[0] == 0 == slopes[0]
    assert slopes[1] < 0.1
    assert slopes[2].item() == pytest.approx(0.5**0.5)
    assert 0.29 < near[3].item() < 0.3 < slopes[3]


def test_tiles_without_true_boundary_and_images_without_valid_pixels_say_nothing() -> None:
    target = torch.zeros(1, 32, 32, dtype=torch.int64)
    target[:, :8, :8] = 1  # boundary in the first of four tiles alone
    generator = torch.Generator().manual_seed(6)
    boundary = torch.randn(1, 1, 32, 32, generator=generator).requires_grad_()
    logits = torch.zeros(1, CLASSES, 32, 32)
    loss = _loss(beta=0.0, gamma=1.0)
    value = loss(logits, target, boundary_logits=boundary)
    value.backward()
    assert boundary.grad is not None
    per_tile = cut_tiles(boundary.grad.abs(), (2, 2), 16).sum((1, 2, 3))
    assert per_tile[0] > 0
    assert (per_tile[1:] == 0).all()
    void = torch.full_like(target, VOID)
    both = loss(
        logits.repeat(2, 1, 1, 1),
        torch.cat([target, void]),
        boundary_logits=boundary.repeat(2, 1, 1, 1),
    )
    torch.testing.assert_close(both, value)


def test_the_network_is_frozen_and_moves_with_the_loss(tmp_path: Path) -> None:
    path = tmp_path / "inverse_network.safetensors"
    save(_network(), path, kind="inverse_network", parameters={"side": 16}, provenance={})
    loss = load_loss("inverse-form", num_classes=CLASSES, inverse_network=path)
    assert isinstance(loss, InverseForm)
    loss.train()
    assert not loss.network.training
    assert not any(parameter.requires_grad for parameter in loss.parameters())
    assert {parameter.dtype for parameter in loss.double().parameters()} == {torch.float64}
    assert {str(parameter.device) for parameter in loss.to("meta").parameters()} == {"meta"}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"inverse_network": None}, "lossfit loss-networks train"),
        ({"distance": "manhattan"}, "distance must be euclidean or geodesic"),
        ({"gamma": -1.0}, "gamma"),
        ({"beta": -1.0}, "beta"),
        ({"width": 0}, "width"),
        ({"tiles": (0, 2)}, "tiles must be null or 2 whole numbers of at least 1"),
        ({"over_tiles": "max"}, "over_tiles must be sum or mean"),
        ({"rounding": 2.0}, "rounding"),
    ],
)
def test_wrong_parameters_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_loss(
            "inverse-form",
            num_classes=CLASSES,
            **{"inverse_network": _network(), **parameters},
        )


def test_missing_boundary_logits_are_refused() -> None:
    target = labels(7)
    logits: Tensor = torch.zeros(2, CLASSES, 9, 11)
    with pytest.raises(InputError, match="boundary_logits"):
        _loss()(logits, target)


@pytest.mark.slow
def test_inductor_compiles_the_marks() -> None:
    target = labels(1, size=(1, 24, 48))
    torch.compiler.reset()
    compiled = torch.compile(boundary_target)
    assert torch.equal(compiled(target, target != VOID), boundary_target(target, target != VOID))
    torch.compiler.reset()
