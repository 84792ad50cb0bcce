"""Pairs of boundary maps with the homography between them, drawn from masks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from kornia.filters import gaussian_blur2d
from kornia.geometry.transform import homography_warp
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from surrogate_zoo.errors import DatasetError
from surrogate_zoo.losses.handmade.inverse_form import boundary_target
from workers.datasets.dataset import VOID
from workers.tasks.loss_networks import InverseNetworkSpec

VIEWS = 4  # homographies that each window is seen under: cutting windows takes longer than warping
_SHARPEST = 0.05  # least standard deviation of a blur in pixels; as good as none
_THICKEST = 3.0  # largest factor of a blurred map, cut off at 1: makes lines thick


@dataclass(frozen=True)
class Pairs:
    """Pairs of tiles.

    Attributes:
        moved: float32 (B, 1, side, side) in 0..1, ``moved(x) = fixed(H x)``.
        fixed: float32 (B, 1, side, side) in 0..1.
        homographies: H, float32 (B, 3, 3), on coordinates in -1..1; 1 at the bottom right.
    """

    moved: Tensor
    fixed: Tensor
    homographies: Tensor


class BoundaryTiles:
    """Draws pairs of tiles from the boundary maps of masks.

    A tile is a window of a map as the loss cuts it, or up to ``spec.zoom`` times smaller, with some
    boundary in it, resized as the loss does. It is warped together with what surrounds it, half a
    tile to each side, so that a shift brings in what stands beside the tile.

    InverseForm draws its warps by a spatial transformer, which it calls more realistic than random
    parameters (section 3.4), without saying what that is trained for. Here they are random: a
    transformer that learns along with the network has no reason to stay near the errors of
    predictions, which are not known before a segmentation network is trained, while ranges can be
    told, checked and changed.

    Args:
        masks: uint8 (H, W) each, void = 255.
        spec: Sizes of tiles, ranges of homographies, and how the moved map is softened.
        device: Where pairs are made.

    Raises:
        DatasetError: No mask has a boundary.
    """

    def __init__(
        self, masks: Sequence[NDArray[np.uint8]], spec: InverseNetworkSpec, device: torch.device
    ) -> None:
        maps = [_boundary_of(mask) for mask in masks]
        kept = [boundary for boundary in maps if boundary.any()]
        if not kept:
            raise DatasetError(
                "No mask holds a border between two classes, which an inverse network learns from."
            )
        self._maps = [torch.from_numpy(boundary).to(device) for boundary in kept]
        self._places = [np.argwhere(boundary) for boundary in kept]
        self._spec, self._device = spec, device
        side = spec.side
        # From the coordinates of a tile to those of the twice as large region around it.
        shrink = (side - 1) / (2 * side - 1)
        self._inner = torch.diag(torch.tensor([shrink, shrink, 1.0])).to(device)[None]

    def draw(self, count: int, rng: Generator, *, soft: bool = True) -> Pairs:
        """Draw pairs.

        Args:
            count: B.
            rng: Tells maps, windows, homographies and softening.
            soft: Soften the moved map, as predictions are soft.
        """
        regions = torch.cat([self._region(rng) for _ in range(-(-count // VIEWS))])
        homographies = draw_homographies(self._spec, count, rng).to(self._device)
        softening = torch.from_numpy(rng.random((len(regions), 4), dtype=np.float32))
        inner = self._inner.expand(count, -1, -1)
        fixed = self._warp(_views(regions, count), inner)
        if soft:
            regions = self._soften(regions, softening.to(self._device))
        moved = self._warp(_views(regions, count), inner @ homographies)
        if soft and self._spec.noise:
            moved = moved + self._noise(moved, rng)
        return Pairs(moved, fixed, homographies)

    def _region(self, rng: Generator) -> Tensor:
        """A window and half a window to each side of it, (1, 1, 2 side, 2 side)."""
        spec = self._spec
        chosen = int(rng.integers(len(self._maps)))
        whole, places = self._maps[chosen], self._places[chosen]
        share = spec.zoom ** -rng.random()
        window = [
            max(2, round(length / tiles * share))
            for length, tiles in zip(whole.shape, spec.tiles, strict=True)
        ]
        centre = places[rng.integers(len(places))]
        starts = [
            int(np.clip(at - rng.integers(size), 0, max(0, length - size)))
            for at, size, length in zip(centre, window, whole.shape, strict=True)
        ]
        region = _padded(whole, [s - w // 2 for s, w in zip(starts, window, strict=True)], window)
        size = (2 * spec.side, 2 * spec.side)
        region = F.interpolate(region, size, mode="bilinear", antialias=True)
        for mirrored, axis in zip(rng.random(2) < 0.5, (2, 3), strict=True):
            region = region.flip(axis) if mirrored else region
        return region

    def _warp(self, regions: Tensor, matrices: Tensor) -> Tensor:
        # align_corners: kornia's grid has -1 and 1 at the centres of the corner pixels.
        size = (self._spec.side, self._spec.side)
        warped: Tensor = homography_warp(regions, matrices, size, align_corners=True)
        return warped

    def _noise(self, maps: Tensor, rng: Generator) -> Tensor:
        """Gaussian noise for maps (B, 1, side, side), more for some than for others."""
        random = torch.Generator(maps.device).manual_seed(int(rng.integers(2**62)))
        strength = torch.rand(len(maps), 1, 1, 1, generator=random, device=maps.device)
        noise = torch.randn(maps.shape, generator=random, device=maps.device)
        return self._spec.noise * strength * noise

    def _soften(self, regions: Tensor, draws: Tensor) -> Tensor:
        """Blur, thicken and fade lines, and raise the ground between them; draws (B, 4) in 0..1."""
        blur, thick, fade, ground = draws.unbind(1)
        sigma = (blur * self._spec.blur).clamp(min=_SHARPEST)[:, None].expand(-1, 2)
        width = 2 * round(2.5 * self._spec.blur) + 1
        blurred: Tensor = gaussian_blur2d(regions, (width, width), sigma, border_type="constant")
        gain = 1 + thick * (_THICKEST - 1) * min(1.0, self._spec.blur)
        lines = (blurred * gain[:, None, None, None]).clamp(max=1)
        low = (ground * self._spec.fade / 2)[:, None, None, None]
        high = (1 - fade * self._spec.fade / 2)[:, None, None, None]
        return low + (high - low) * lines


def draw_homographies(spec: InverseNetworkSpec, count: int, rng: Generator) -> Tensor:
    """Draw shift x scales x rotation x perspective, each uniform within its range.

    Scales are uniform on a logarithmic axis, one for each direction. Coordinates are -1..1 across a
    tile, so a shift by the whole side is 2.

    Returns:
        float32 (count, 3, 3), 1 at the bottom right.
    """
    draws = rng.uniform(-1, 1, (7, count))
    shift, scale, rotation, perspective = (np.tile(np.eye(3), (count, 1, 1)) for _ in range(4))
    shift[:, :2, 2] = 2 * spec.shift * draws[:2].T
    scale[:, [0, 1], [0, 1]] = (1 + spec.scale) ** draws[2:4].T
    angle = np.deg2rad(spec.rotation) * draws[4]
    rotation[:, [0, 1], [0, 1]] = np.cos(angle)[:, None]
    rotation[:, 1, 0], rotation[:, 0, 1] = np.sin(angle), -np.sin(angle)
    perspective[:, 2, :2] = spec.perspective * draws[5:].T
    product = shift @ scale @ rotation @ perspective
    return torch.from_numpy((product / product[:, 2:, 2:]).astype(np.float32))


def _views(regions: Tensor, count: int) -> Tensor:
    """Every region ``VIEWS`` times, (count, 1, ...)."""
    return regions.repeat(VIEWS, 1, 1, 1)[:count]


def _boundary_of(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    labels = torch.from_numpy(mask.astype(np.int64))[None]
    marked: NDArray[np.bool_] = boundary_target(labels, labels != VOID)[0, 0].numpy()
    return marked


def _padded(whole: Tensor, starts: list[int], window: list[int]) -> Tensor:
    """Cut twice the window out of a map, float32 (1, 1, ...), 0 beyond the map's border."""
    ends = [start + 2 * size for start, size in zip(starts, window, strict=True)]
    rows, columns = (slice(max(0, start), end) for start, end in zip(starts, ends, strict=True))
    inside = whole[rows, columns].float()
    (top, left), (bottom, right) = starts, ends
    across = (max(0, -left), max(0, right - whole.shape[1]))
    down = (max(0, -top), max(0, bottom - whole.shape[0]))
    return F.pad(inside, (*across, *down))[None, None]
