"""Maxima and minima over windows, against max pooling."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from surrogate_zoo.metrics.windows import window_max, window_min


@given(
    st.integers(0, 7), st.integers(1, 12), st.integers(1, 12), st.integers(1, 3), st.integers(0, 99)
)
def test_value_and_gradient_are_those_of_max_pooling(
    radius: int, height: int, width: int, planes: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    shape = (2, planes, height, width)
    ours = torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    upstream = torch.randn(shape, generator=generator, dtype=torch.float64)
    computed = window_max(ours, radius)
    expected = F.max_pool2d(
        F.pad(theirs, (radius,) * 4, value=-torch.inf), 2 * radius + 1, stride=1
    )
    assert torch.equal(computed, expected)
    torch.autograd.backward(computed, upstream)
    torch.autograd.backward(expected, upstream)
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("radius", [0, 1, 3])
def test_of_volumes_they_are_cubes(radius: int) -> None:
    ours = torch.randn(2, 3, 4, 6, 5, dtype=torch.float64).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    upstream = torch.randn(ours.shape, dtype=torch.float64)
    computed = window_max(ours, radius, axes=3)
    expected = F.max_pool3d(theirs, 2 * radius + 1, stride=1, padding=radius)
    assert torch.equal(computed, expected)
    torch.autograd.backward(computed, upstream)
    torch.autograd.backward(expected, upstream)
    torch.testing.assert_close(ours.grad, theirs.grad)
    assert torch.equal(window_min(ours, radius, axes=3), -window_max(-ours, radius, axes=3))


@pytest.mark.parametrize("radius", [1, 5])
def test_many_planes_are_worked_on_in_chunks(radius: int) -> None:
    values = torch.randn(40, 100, 120)
    expected = F.max_pool2d(values, 2 * radius + 1, 1, radius)
    assert torch.equal(window_max(values, radius), expected)


@pytest.mark.parametrize("radius", [1, 3])
def test_the_minimum_is_the_maximum_turned_over(radius: int) -> None:
    values = torch.randn(2, 3, 9, 10, dtype=torch.float64).requires_grad_()
    upstream = torch.randn(2, 3, 9, 10, dtype=torch.float64)
    low, high = window_min(values, radius), -window_max(-values, radius)
    assert torch.equal(low, high)
    gradients = [torch.autograd.grad(extreme, values, upstream)[0] for extreme in (low, high)]
    torch.testing.assert_close(*gradients)


def test_a_shared_maximum_gives_its_gradient_once() -> None:
    values = torch.zeros(1, 6, 6, requires_grad=True)
    torch.autograd.backward(window_max(values, 2).sum())
    assert values.grad is not None
    assert values.grad.sum() == 36


@pytest.mark.parametrize("radius", [0, 2])
def test_masks_of_bytes_are_worked_on_as_bytes(radius: int) -> None:
    mask = torch.rand(2, 3, 9, 10) < 0.2
    for window in (window_max, window_min):
        computed = window(mask.to(torch.uint8), radius)
        assert computed.dtype == torch.uint8
        assert torch.equal(computed.float(), window(mask.float(), radius))
