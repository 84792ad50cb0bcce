"""Pairs of tiles: what was warped is what the homography says, checked with SciPy."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from surrogate_zoo.errors import DatasetError
from surrogate_zoo.losses.handmade.inverse_form import boundary_target, cut_tiles
from workers.datasets.layouts.registry import open_dataset
from workers.loss_networks.boundary_tiles import BoundaryTiles, Pairs, draw_homographies
from workers.tasks.datasets import ShapesSource
from workers.tasks.loss_networks import InverseNetworkSpec

MASKS = open_dataset(ShapesSource(train=12, val=1, test=1)).read("train").masks
STILL: dict[str, Any] = {"shift": 0, "scale": 0, "rotation": 0, "perspective": 0}
CPU = torch.device("cpu")


def _spec(**changes: Any) -> InverseNetworkSpec:
    return InverseNetworkSpec(**{"side": 32, "zoom": 1.5, **changes})


def _draw(spec: InverseNetworkSpec, *, seed: int = 0, soft: bool = False) -> Pairs:
    return BoundaryTiles(MASKS, spec, CPU).draw(30, np.random.default_rng(seed), soft=soft)


def test_without_a_motion_both_tiles_are_equal_and_hold_boundary() -> None:
    pairs = _draw(_spec(**STILL))
    assert pairs.moved.shape == (30, 1, 32, 32)
    assert torch.equal(pairs.moved, pairs.fixed)
    torch.testing.assert_close(pairs.homographies, torch.eye(3).expand(30, 3, 3))
    assert (pairs.fixed.flatten(1).amax(1) > 0.3).all()
    assert pairs.fixed.min() >= 0
    assert pairs.fixed.max() <= 1


@pytest.mark.parametrize(
    "only", [{"shift": 0.2}, {"scale": 0.3}, {"rotation": 30}, {"perspective": 0.2}, None]
)
def test_a_place_of_the_moved_map_is_found_in_the_fixed_one_by_the_homography(
    only: dict[str, float] | None,
) -> None:
    pairs = _draw(_spec() if only is None else _spec(**{**STILL, **only}))
    centre = (32 - 1) / 2
    y, x = np.mgrid[:32, :32]
    places = np.stack([x.ravel() / centre - 1, y.ravel() / centre - 1, np.ones(32 * 32)])
    for moved, fixed, matrix in zip(*map(np.asarray, vars(pairs).values()), strict=True):
        found = matrix.astype(np.float64) @ places
        column, row = (found[:2] / found[2] + 1) * centre
        known = (np.minimum(row, column) >= 0) & (np.maximum(row, column) <= 31)
        assert known.sum() > 200
        expected = map_coordinates(fixed[0], [row[known], column[known]], order=1)
        np.testing.assert_allclose(moved[0].ravel()[known], expected, atol=1e-3)


def test_tiles_are_cut_and_resized_as_the_loss_does() -> None:
    # Images of 64 x 64 whole: one tile, not enlarged. Its mirror images are drawn too.
    spec = _spec(**STILL, tiles=(1, 1), zoom=1, side=32)
    pairs = BoundaryTiles(MASKS[:1], spec, CPU).draw(80, np.random.default_rng(0))
    labels = torch.from_numpy(MASKS[0].astype(np.int64))[None]
    tile = cut_tiles(boundary_target(labels, labels != 255).float(), (1, 1), 32)
    seen = set()
    for fixed in pairs.fixed:
        mirrored = [fixed, fixed.flip(1), fixed.flip(2), fixed.flip(1, 2)]
        # At the border itself the tile averages with what is beside it.
        errors = [float((one - tile[0])[:, 1:-1, 1:-1].abs().max()) for one in mirrored]
        assert min(errors) < 1e-4
        seen.add(int(np.argmin(errors)))
    assert seen == {0, 1, 2, 3}


def test_softening_blurs_fades_and_raises_the_ground() -> None:
    crisp, soft = _draw(_spec(**STILL)), _draw(_spec(**STILL, blur=2, fade=1), soft=True)
    assert torch.equal(crisp.fixed, soft.fixed)
    assert soft.moved.min() >= 0
    assert soft.moved.max() <= 1
    ground = soft.moved.flatten(1).amin(1)
    assert ground.min() < 0.1
    assert 0.3 < ground.max() <= 0.5
    highest = soft.moved.flatten(1).amax(1)
    assert highest.min() < 0.75
    assert highest.max() > 0.9
    none = _draw(_spec(**STILL, blur=0, fade=0), soft=True)
    torch.testing.assert_close(none.moved, none.fixed)


def test_homographies_fill_their_ranges() -> None:
    drawn = draw_homographies(_spec(**{**STILL, "shift": 0.25}), 500, np.random.default_rng(0))
    assert 0.48 < float(drawn[:, :2, 2].abs().max()) <= 0.5  # of a side of length 2
    drawn = draw_homographies(_spec(**{**STILL, "scale": 0.25}), 500, np.random.default_rng(0))
    scales = drawn[:, [0, 1], [0, 1]]
    assert 0.8 <= float(scales.min()) < 0.81
    assert 1.24 < float(scales.max()) <= 1.25
    drawn = draw_homographies(_spec(**{**STILL, "rotation": 30}), 500, np.random.default_rng(0))
    torch.testing.assert_close(drawn @ drawn.mT, torch.eye(3).expand(500, 3, 3))
    assert 0.49 < float(drawn[:, 1, 0].max()) <= 0.5
    everything = draw_homographies(_spec(), 500, np.random.default_rng(0))
    assert (everything[:, 2, 2] == 1).all()
    assert torch.equal(everything, draw_homographies(_spec(), 500, np.random.default_rng(0)))


def test_masks_of_different_and_odd_sizes() -> None:
    masks = [MASKS[0], MASKS[1][:47, :33], MASKS[2][:20, :61]]
    pairs = BoundaryTiles(masks, _spec(tiles=(3, 2), side=17), CPU).draw(
        40, np.random.default_rng(1)
    )
    assert torch.isfinite(pairs.moved).all()
    assert (pairs.fixed.flatten(1).amax(1) > 0).all()


def test_masks_without_any_border_are_refused() -> None:
    with pytest.raises(DatasetError, match="No mask holds a border"):
        BoundaryTiles([np.full((20, 20), 3, np.uint8)], _spec(), CPU)
