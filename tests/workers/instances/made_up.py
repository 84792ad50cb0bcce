"""Embeddings that the discriminative loss has nothing left to ask of, with their objects."""

from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Perfect:
    """Objects with L_var = L_dist = 0 for these margins.

    Attributes:
        points: (N, E), in no order of objects.
        owners: (N,), object of each, 0..K-1.
        delta_v: Hinge of the pull.
        delta_d: Hinge of the push, more than twice as large.
    """

    points: Floats
    owners: NDArray[np.int64]
    delta_v: float
    delta_d: float

    def radius(self, share: float) -> float:
        """Between 2 delta_v (share 0) and 2 delta_d - 2 delta_v (share 1), both excluded."""
        low, high = 2 * self.delta_v, 2 * self.delta_d - 2 * self.delta_v
        return low + (0.001 + 0.998 * share) * (high - low)

    def mean_radius(self, share: float) -> float:
        """Between delta_v and 2 delta_d - delta_v, where the means are known."""
        low, high = self.delta_v, 2 * self.delta_d - self.delta_v
        return low + (0.001 + 0.998 * share) * (high - low)


def perfect(
    seed: int, *, objects: int, channels: int, delta_v: float = 0.5, ratio: float = 2.5
) -> Perfect:
    """Means on places of a grid 2 delta_d wide, and pixels in pairs on either side of a mean."""
    random = np.random.default_rng(seed)
    delta_d = ratio * delta_v
    side = int(np.ceil(objects ** (1 / channels))) + 1
    places = np.array(list(product(range(side), repeat=channels)), dtype=np.float64)
    means = random.permutation(places)[:objects] * 2 * delta_d * 1.0001
    points, owners = [], []
    for number, mean in enumerate(means):
        offsets = random.standard_normal((int(random.integers(1, 5)), channels))
        offsets *= 0.9999 * delta_v / np.linalg.norm(offsets, axis=1, keepdims=True)
        points += [mean[None], mean + offsets, mean - offsets]
        owners += [number] * (1 + 2 * len(offsets))
    order = random.permutation(len(owners))
    return Perfect(np.concatenate(points)[order], np.array(owners)[order], delta_v, delta_d)


@st.composite
def perfects(draw: st.DrawFn) -> Perfect:
    """Every number of objects up to eight, channels up to four, margins with delta_d > 2 delta_v."""
    return perfect(
        seed=draw(st.integers(0, 2**31)),
        objects=draw(st.integers(1, 8)),
        channels=draw(st.integers(1, 4)),
        delta_v=draw(st.floats(0.1, 2.0)),
        ratio=draw(st.floats(2.05, 6.0)),
    )


def losses(made: Perfect) -> tuple[float, float]:
    """L_var and L_dist from their equations, in loops."""
    numbers = range(int(made.owners.max()) + 1)
    means = [made.points[made.owners == number].mean(0) for number in numbers]
    pull = sum(
        float(np.mean(np.maximum(0, distance - made.delta_v) ** 2))
        for number, mean in zip(numbers, means, strict=True)
        for distance in [np.linalg.norm(made.points[made.owners == number] - mean, axis=1)]
    )
    push = sum(
        max(0.0, 2 * made.delta_d - float(np.linalg.norm(one - other))) ** 2
        for place, one in enumerate(means)
        for other in means[:place]
    )
    return pull, push


def as_image(made: Perfect) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings (E, 2, W), classes (2, W) and instances (2, W): objects above, background below."""
    n, channels = made.points.shape
    embeddings = torch.zeros(channels, 2, n)
    embeddings[:, 0] = torch.from_numpy(made.points.T)
    classes = torch.zeros(2, n, dtype=torch.int64)
    classes[0] = 1
    instances = torch.zeros(2, n, dtype=torch.int64)
    instances[0] = torch.from_numpy(made.owners + 1)
    return embeddings, classes, instances


def drawn(*rows: str) -> Tensor:
    """A map of digits, int64 (H, W)."""
    assert all(len(one) == len(other) for one, other in pairwise(rows))
    return torch.tensor([[int(digit) for digit in row] for row in rows])


def same_partition(first: Tensor, second: Tensor) -> bool:
    """Whether two maps of numbers, 0 = none, part the pixels in the same way."""
    pairs = set(zip(first.flatten().tolist(), second.flatten().tolist(), strict=True))
    alone = all(len(pairs) == len({pair[side] for pair in pairs}) for side in (0, 1))
    return alone and all((one == 0) == (other == 0) for one, other in pairs)
