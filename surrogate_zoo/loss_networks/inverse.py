"""The inverse transformation network of InverseForm: the homography between two boundary maps."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from surrogate_zoo.errors import InputError

Architecture = Literal["fully-connected", "convolutional"]
Outputs = Literal["homography", "affine", "shift-scale"]

PLACES: dict[str, tuple[int, ...]] = {
    "homography": (0, 1, 2, 3, 4, 5, 6, 7),
    "affine": (0, 1, 2, 3, 4, 5),
    "shift-scale": (0, 2, 4, 5),
}
"""Which entries of the 3 x 3 matrix, row by row, are predicted; the rest are identity's."""


class InverseNetwork(nn.Module):
    """Predicts the homography that moved one boundary map away from another.

    Borse et al., InverseForm: A Loss Function for Structured Boundary-Aware Segmentation, CVPR 2021,
    section 3.3. The homography H acts on coordinates in -1..1 (the centres of the corner pixels are
    at -1 and 1; x first) and takes a place in the moved map to its place in the fixed one:
    ``moved(x) = fixed(H x)``. Weights are stored in float32; it computes in the dtype of its input.

    The prediction is ``I + g(moved, fixed) - g(faded, fixed)``, in training too, where the paper and
    its code have ``g(moved, fixed)`` alone. ``faded`` is the fixed map at the contrast of the moved one:
    ``a + b fixed`` with the a and b that come nearest to ``moved``, b in 0..1. Two equal maps so give
    exactly the identity, whatever g has learned, and so do a map and its softer copy: a prediction
    that is right but not certain has not moved. Users of the released weights found maps that scored
    worse against themselves than against others.

    Args:
        architecture: ``fully-connected`` as released: both maps as one vector, hidden layers of 1000
            and 32. ``convolutional`` after the auto-encoding transformations (AET) of the paper's
            ablation: one encoder for both maps, their features concatenated; with a hidden layer
            before the output, since features that meet in a linear layer alone cannot be compared.
        side: Height and width of the maps in pixels, at least 16.
        outputs: What g predicts: ``homography``, 8 numbers, as in the paper; ``affine``, 6;
            ``shift-scale``, 4, as in the released code.
        tiles: Rows and columns of such maps that a whole image was cut into where it was trained; a
            loss that is told nothing else cuts as many. The released network has 3 x 6 of 224 pixels:
            images are seen at 672 x 1344.

    Attributes:
        side: Height and width of the maps.
        tiles: Rows and columns.
        regressor: g, as the difference above.
    """

    def __init__(
        self,
        *,
        architecture: Architecture = "fully-connected",
        side: int = 64,
        outputs: Outputs = "homography",
        tiles: Sequence[int] = (2, 2),
    ) -> None:
        super().__init__()
        if side < 16:
            raise InputError(f"side must be at least 16, not {side}.")
        for name, choices in ((architecture, REGRESSORS), (outputs, PLACES)):
            if name not in choices:
                raise InputError(f"An inverse network has {' or '.join(choices)}, not {name!r}.")
        if len(tiles) != 2 or min(tiles) < 1:
            raise InputError(f"tiles must be rows and columns, at least 1 each, not {tiles}.")
        self.side, self.tiles = side, (int(tiles[0]), int(tiles[1]))
        self._places = PLACES[outputs]
        self.regressor = REGRESSORS[architecture](side, len(self._places))

    def forward(self, moved: Tensor, fixed: Tensor) -> Tensor:
        """Return the homographies, (B, 3, 3), 1 at the bottom right.

        Args:
            moved: Boundary maps, float (B, 1, side, side) in 0..1.
            fixed: The maps they are compared with, likewise.

        Raises:
            InputError: A map has another shape.
        """
        expected = (len(fixed), 1, self.side, self.side)
        if tuple(moved.shape) != expected or tuple(fixed.shape) != expected:
            raise InputError(
                f"An inverse network of side {self.side} compares maps of shape {expected}, not "
                f"{tuple(moved.shape)} with {tuple(fixed.shape)}."
            )
        numbers = self._numbers(moved, faded(fixed, moved), fixed)
        matrix = torch.eye(3, dtype=numbers.dtype, device=numbers.device).flatten()
        matrix = matrix.repeat(len(numbers), 1)
        places = torch.tensor(self._places, device=numbers.device)
        return matrix.index_add(1, places, numbers).view(-1, 3, 3)

    def _numbers(self, *maps: Tensor) -> Tensor:
        """Run the regressor in the dtype of the maps."""
        weights, dtype = dict(self.regressor.named_parameters()), maps[0].dtype
        if all(weight.dtype == dtype for weight in weights.values()):
            numbers: Tensor = self.regressor(*maps)
            return numbers
        cast = {name: weight.to(dtype) for name, weight in weights.items()}
        lifted: Tensor = functional_call(self.regressor, cast, maps)
        return lifted


def faded(fixed: Tensor, moved: Tensor) -> Tensor:
    """``a + b fixed``, the nearest to ``moved`` by least squares with b in 0..1, map by map.

    Args:
        fixed: Maps, float (B, 1, side, side).
        moved: Likewise.
    """
    axes = (1, 2, 3)
    middle, other = fixed.mean(axes, keepdim=True), moved.mean(axes, keepdim=True)
    spread = (fixed - middle).square().sum(axes, keepdim=True)
    common = ((fixed - middle) * (moved - other)).sum(axes, keepdim=True)
    there = spread > 0
    b = (common / torch.where(there, spread, 1) * there).clamp(0, 1)
    return b * fixed + (other - b * middle)  # equal maps: b is 1, and they come back bit for bit


class FullyConnected(nn.Module):
    """``2 side^2 -> 1000 -> 32 -> outputs``; the first layer's two halves are layers of their own."""

    def __init__(self, side: int, outputs: int) -> None:
        super().__init__()
        self.moved = nn.Linear(side**2, 1000)
        self.fixed = nn.Linear(side**2, 1000, bias=False)
        self.rest = nn.Sequential(nn.ReLU(), nn.Linear(1000, 32), nn.ReLU(), nn.Linear(32, outputs))

    def forward(self, moved: Tensor, still: Tensor, fixed: Tensor) -> Tensor:
        """``g(moved, fixed) - g(still, fixed)``, (B, outputs)."""
        from_fixed = self.fixed(fixed.flatten(1))
        difference: Tensor = self.rest(self.moved(moved.flatten(1)) + from_fixed) - self.rest(
            self.moved(still.flatten(1)) + from_fixed
        )
        return difference


class Convolutional(nn.Module):
    """One encoder for both maps: strided 3 x 3 convolutions down to 4..7 pixels a side."""

    WIDTHS = (16, 32, 64, 64, 64, 64)

    def __init__(self, side: int, outputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for width in self.WIDTHS:
            if side < 8:
                break
            layers += [nn.Conv2d(channels, width, 3, stride=2, padding=1), nn.ReLU()]
            channels, side = width, (side + 1) // 2
        self.encoder = nn.Sequential(*layers, nn.Flatten())
        self.compare = nn.Sequential(
            nn.Linear(2 * channels * side**2, 256), nn.ReLU(), nn.Linear(256, outputs)
        )

    def forward(self, moved: Tensor, still: Tensor, fixed: Tensor) -> Tensor:
        """``g(moved, fixed) - g(still, fixed)``, (B, outputs)."""
        code = self.encoder(fixed)
        difference: Tensor = self.compare(torch.cat([self.encoder(moved), code], 1)) - self.compare(
            torch.cat([self.encoder(still), code], 1)
        )
        return difference


REGRESSORS: dict[str, type[FullyConnected] | type[Convolutional]] = {
    "fully-connected": FullyConnected,
    "convolutional": Convolutional,
}
"""Architectures by name."""
