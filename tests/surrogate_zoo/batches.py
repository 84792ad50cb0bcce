"""Random batches for the tests of losses and metrics."""

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from surrogate_zoo.losses.parameter_space import ParameterSpace

VOID = 255


def labels(
    seed: int, *, classes: int = 4, size: tuple[int, int, int] = (2, 9, 11), void: float = 0.2
) -> Tensor:
    """Labels (N, H, W) in patches of random classes, a share of them void."""
    generator = torch.Generator().manual_seed(seed)
    n, h, w = size
    coarse = torch.randint(0, classes, (n, (h + 2) // 3, (w + 2) // 3), generator=generator)
    fine = coarse.repeat_interleave(3, 1).repeat_interleave(3, 2)[:, :h, :w].contiguous()
    noise = torch.randint(0, classes, (n, h, w), generator=generator)
    fine = torch.where(torch.rand(n, h, w, generator=generator) < 0.1, noise, fine)
    return torch.where(torch.rand(n, h, w, generator=generator) < void, VOID, fine)


def one_hot_logits(pred: Tensor, classes: int) -> Tensor:
    """Logits (N, C, H, W) whose softmax is exactly one-hot in float32 and float64."""
    hot = torch.nn.functional.one_hot(pred, classes).movedim(-1, 1)
    return hot.double() * 1e4


@st.composite
def thetas(draw: st.DrawFn, dimension: int) -> list[float]:
    """Any point of the unit cube, its corners and faces included."""
    coordinate = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1, allow_subnormal=False))
    return draw(st.lists(coordinate, min_size=dimension, max_size=dimension))


@st.composite
def thetas_of(draw: st.DrawFn, space: ParameterSpace) -> list[float]:
    """Any theta of a space: of the box with its faces, or far out where there are no bounds."""
    if space.bounded:
        return draw(thetas(space.dimension))
    coordinate = st.one_of(st.sampled_from([0.0, 1e6, -1e6]), st.floats(-20, 20))
    return draw(st.lists(coordinate, min_size=space.dimension, max_size=space.dimension))


def flat(points: dict[str, list[float]]) -> list[float]:
    """The control points of all curves in a row, as a surrogate takes them."""
    return [value for row in points.values() for value in row]


def random_points(family: str, metric: str = "miou", seed: int = 0) -> dict[str, list[float]]:
    """Control points of a theta from inside the box."""
    space = ParameterSpace(metric, family)
    shares = np.random.default_rng(seed).random(space.dimension)
    return space.control_points(space.low + (space.high - space.low) * shares)
