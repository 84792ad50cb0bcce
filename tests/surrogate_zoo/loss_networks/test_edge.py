"""The edge network and the true edges against SciPy and plain NumPy."""

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from surrogate_zoo.errors import InputError
from surrogate_zoo.loss_networks.edge import EdgeNetwork, edge_target
from tests.surrogate_zoo.batches import VOID, labels


def _slow_edges(mask: np.ndarray) -> np.ndarray:
    found = np.zeros(mask.shape, bool)
    for row, column in np.argwhere(mask != VOID):
        around = mask[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        found[row, column] = len(set(around[around != VOID].tolist())) > 1
    return found


@pytest.mark.parametrize("void", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("size", [(3, 12, 17), (2, 1, 9), (1, 1, 1)])
def test_edges_are_pixels_with_another_class_among_eight_neighbours(
    void: float, size: tuple[int, int, int]
) -> None:
    target = labels(1, size=size, void=void)
    found = edge_target(target, target != VOID)
    assert found.dtype == torch.bool
    np.testing.assert_array_equal(found.numpy(), [_slow_edges(one) for one in target.numpy()])


def test_neither_void_nor_the_border_makes_an_edge() -> None:
    target = torch.full((1, 8, 8), 3)
    target[:, 2:4] = VOID
    assert not edge_target(target, target != VOID).any()


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("after_relu", [False, True])
def test_embeddings_agree_with_scipys_correlation(kernel: int, after_relu: bool) -> None:
    torch.manual_seed(0)
    network = EdgeNetwork(3, kernel=kernel)
    maps = torch.rand(2, 3, 9, 8, dtype=torch.float64)
    found = network.embeddings(maps, after_relu=after_relu)
    assert [tuple(one.shape) for one in found] == [(2, 16, 9, 8), (2, 32, 9, 8), (2, 2, 9, 8)]
    weights = {name: one.detach().double().numpy() for name, one in network.named_parameters()}
    features = maps.numpy()
    for layer, layer_found in enumerate(found):
        kernels, bias = weights[f"layers.{layer}.weight"], weights[f"layers.{layer}.bias"]
        before = np.array(
            [
                [
                    sum(correlate2d(x, k, mode="same") for x, k in zip(image, row, strict=True)) + b
                    for row, b in zip(kernels, bias, strict=True)
                ]
                for image in features
            ]
        )
        features = np.maximum(before, 0)
        expected = features if after_relu and layer < 2 else before
        np.testing.assert_allclose(layer_found.detach().numpy(), expected, atol=1e-10)


def test_fewer_layers_are_the_first_ones_and_the_output_is_a_probability() -> None:
    network = EdgeNetwork(3)
    maps = torch.rand(1, 3, 6, 6)
    every = network.embeddings(maps)
    assert len(network.embeddings(maps, depth=2)) == 2
    assert torch.equal(network.embeddings(maps, depth=2)[1], every[1])
    np.testing.assert_allclose(network(maps).sum(1).detach(), np.ones((1, 6, 6)), rtol=1e-6)
    assert torch.equal(network(maps)[:, 1] > network(maps)[:, 0], every[2][:, 1] > every[2][:, 0])


def test_networks_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="num_classes must be at least 2, not 1"):
        EdgeNetwork(1)
    for kernel in (1, 4):
        with pytest.raises(InputError, match=f"kernel must be odd and at least 3, not {kernel}"):
            EdgeNetwork(3, kernel=kernel)
