"""Dilated depthwise convolutions learn the same by the faster gradient."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from workers.networks.depthwise import convolve

DILATION = (2, 3)


def _random(*size: int, seed: int = 0) -> Tensor:
    return torch.rand(size, generator=torch.Generator().manual_seed(seed))


def _both(maps: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """Our values, and the library's."""
    rows, columns = weight.shape[2:]
    padding = DILATION[0] * (rows // 2), DILATION[1] * (columns // 2)
    groups = len(weight)
    library = F.conv2d(maps, weight, bias, 1, padding, DILATION, groups)
    return convolve(maps, weight, bias, DILATION, groups), library


@pytest.mark.parametrize("size", [(1, 1), (4, 6), (9, 7)])
@pytest.mark.parametrize("kernel", [(1, 3), (3, 3), (5, 7)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("biased", [False, True])
def test_values_and_gradients(
    size: tuple[int, int], kernel: tuple[int, int], layout: Any, biased: bool
) -> None:
    maps = _random(3, 5, *size).to(memory_format=layout).requires_grad_()
    weight = _random(5, 1, *kernel, seed=1).to(memory_format=layout).requires_grad_()
    bias = _random(5, seed=2).requires_grad_() if biased else None
    asked = [maps, weight] if bias is None else [maps, weight, bias]
    ours, library = _both(maps, weight, bias)
    assert "Depthwise" in str(ours.grad_fn) or biased
    torch.testing.assert_close(ours, library)
    pull = _random(*ours.shape, seed=3)
    torch.testing.assert_close(
        torch.autograd.grad(ours, asked, pull), torch.autograd.grad(library, asked, pull)
    )


def test_of_the_weight_alone() -> None:
    weight = _random(4, 1, 3, 3).requires_grad_()
    ours, library = _both(_random(2, 4, 6, 6), weight, None)
    pull = _random(*ours.shape, seed=3)
    torch.testing.assert_close(
        torch.autograd.grad(ours, weight, pull), torch.autograd.grad(library, weight, pull)
    )


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_other_types_and_those_who_do_not_learn_take_the_library(kind: torch.dtype) -> None:
    maps, weight = _random(2, 4, 6, 6), _random(4, 1, 3, 3)
    assert "Depthwise" not in str(
        _both(maps.to(kind), weight.to(kind).requires_grad_(), None)[0].grad_fn
    )
    ours, library = _both(maps.requires_grad_(), weight, None)
    assert "Depthwise" not in str(ours.grad_fn)
    assert torch.equal(ours, library)


def test_large_maps_are_left_to_the_library() -> None:
    weight = _random(4, 1, 3, 3).requires_grad_()
    small, large = _random(1, 4, 64, 64), _random(1, 4, 64, 65)
    assert "Depthwise" in str(_both(small, weight, None)[0].grad_fn)
    assert "Depthwise" not in str(_both(large, weight, None)[0].grad_fn)


def test_a_second_derivative_is_refused() -> None:
    weight = _random(4, 1, 3, 3).requires_grad_()
    ours, _ = _both(_random(2, 4, 6, 6), weight, None)
    (first,) = torch.autograd.grad(ours.square().sum(), weight, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        torch.autograd.backward(first.sum())
