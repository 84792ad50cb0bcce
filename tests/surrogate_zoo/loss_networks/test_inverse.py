"""The inverse transformation network, untrained."""

from typing import Any

import numpy as np
import pytest
import torch

from surrogate_zoo.errors import InputError
from surrogate_zoo.loss_networks.inverse import (
    PLACES,
    REGRESSORS,
    Architecture,
    InverseNetwork,
    Outputs,
    faded,
)

every_architecture = pytest.mark.parametrize("architecture", REGRESSORS)


def _maps(seed: int, side: int, count: int = 5) -> torch.Tensor:
    return torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(seed))


@every_architecture
@pytest.mark.parametrize("side", [16, 33, 64])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_maps_give_exactly_the_identity(
    architecture: Architecture, side: int, dtype: torch.dtype
) -> None:
    network = InverseNetwork(architecture=architecture, side=side)
    maps, others = _maps(1, side).to(dtype), _maps(2, side).to(dtype)
    identity = torch.eye(3, dtype=dtype).expand(5, 3, 3)
    assert torch.equal(network(maps, maps), identity)
    moved = network(others, maps)
    assert moved.dtype == dtype
    assert (moved != identity).flatten(1).any(1).all()


@pytest.mark.parametrize("outputs", PLACES)
def test_only_the_chosen_entries_are_predicted(outputs: Outputs) -> None:
    network = InverseNetwork(side=16, outputs=outputs)
    rest = network(_maps(1, 16), _maps(2, 16)) - torch.eye(3)
    changed = (rest != 0).flatten(1).all(0).nonzero().flatten().tolist()
    assert tuple(changed) == PLACES[outputs]
    assert (rest[:, 2, 2] == 0).all()


def test_the_fully_connected_network_is_the_released_stack_of_layers() -> None:
    network = InverseNetwork(side=16)
    regressor = network.regressor
    first = torch.nn.Linear(2 * 16**2, 1000)
    first.weight.data = torch.cat(
        [regressor.get_parameter("moved.weight"), regressor.get_parameter("fixed.weight")], 1
    ).data
    first.bias.data = regressor.get_parameter("moved.bias").data
    stack = torch.nn.Sequential(first, *regressor.get_submodule("rest").children())
    moved, fixed = _maps(1, 16), _maps(2, 16)

    def numbers(maps: torch.Tensor) -> torch.Tensor:
        entries: torch.Tensor = stack(torch.cat([maps.flatten(1), fixed.flatten(1)], 1))
        return entries

    predicted = (network(moved, fixed) - torch.eye(3)).flatten(1)[:, :8]
    torch.testing.assert_close(predicted, numbers(moved) - numbers(faded(fixed, moved)))


@every_architecture
def test_a_map_that_is_only_softer_has_not_moved(architecture: Architecture) -> None:
    network = InverseNetwork(architecture=architecture, side=32).double()
    fixed = (_maps(1, 32) > 0.8).double()
    softer = (0.05 + 0.7 * fixed).requires_grad_()
    theta = network(softer, fixed)
    torch.testing.assert_close(theta, torch.eye(3).double().expand(5, 3, 3))
    contrast = torch.autograd.grad(theta[:, 0, 2].sum(), softer)[0]
    torch.testing.assert_close((contrast * fixed).sum(), torch.zeros(()).double())


def test_faded_is_the_nearest_by_least_squares_and_never_turned_over() -> None:
    fixed, moved = _maps(1, 16).double(), _maps(2, 16).double() + 0.5 * _maps(1, 16).double()
    ones = np.ones(16**2)
    for one, other, nearest in zip(fixed, moved, faded(fixed, moved), strict=True):
        columns = np.stack([ones, one.flatten().numpy()], 1)
        best = np.linalg.lstsq(columns, other.flatten().numpy(), rcond=None)[0]
        np.testing.assert_allclose(nearest.flatten(), columns @ best)
    blank = torch.zeros_like(fixed)
    for still in (faded(fixed, 1 - fixed), faded(blank, moved)):
        assert (still.flatten(1).std(1) < 1e-12).all()


@every_architecture
def test_gradients_reach_the_moved_map(architecture: Architecture) -> None:
    network = InverseNetwork(architecture=architecture, side=32)
    moved = _maps(1, 32).requires_grad_()
    network(moved, _maps(2, 32))[:, 0, 2].sum().backward()
    assert moved.grad is not None
    assert (moved.grad.flatten(1).abs().sum(1) > 0).all()


def test_wrong_parameters_and_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="at least 16"):
        InverseNetwork(side=8)
    unknown: Any = "recurrent"
    with pytest.raises(InputError, match="fully-connected or convolutional"):
        InverseNetwork(architecture=unknown)
    with pytest.raises(InputError, match="homography or affine"):
        InverseNetwork(outputs=unknown)
    with pytest.raises(InputError, match="rows and columns"):
        InverseNetwork(tiles=(0, 2))
    with pytest.raises(InputError, match=r"shape \(5, 1, 16, 16\)"):
        InverseNetwork(side=16)(_maps(1, 16), _maps(1, 17))
