"""Windows looked up at one class a pixel, against windows everywhere."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from surrogate_zoo.metrics.class_maps import ClassMap, one_hot
from surrogate_zoo.metrics.dilation import Dilated, window_max_at
from surrogate_zoo.metrics.windows import window_max

SIZES = [(9, 11), (1, 3), (8, 1), (4, 6, 5)]


def _values(size: tuple[int, ...], seed: int, levels: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(2, 3, *size, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 3, (2, *size), generator=generator)
    return ((levels * values).round() if levels else values).requires_grad_(), labels


@given(st.sampled_from(SIZES), st.integers(0, 6), st.integers(0, 3), st.integers(0, 99))
def test_value_and_gradient_are_those_of_all_windows(
    size: tuple[int, ...], radius: int, levels: int, seed: int
) -> None:
    values, labels = _values(size, seed, levels)  # of few levels, many share the maximum
    found = window_max_at(values, labels, radius)
    expected = window_max(values, radius, len(size)).gather(1, labels[:, None])[:, 0]
    assert torch.equal(found, expected)
    upstream = torch.randn(labels.shape, dtype=torch.float64)
    gradients = [torch.autograd.grad(each, values, upstream)[0] for each in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_the_gradient_can_be_differentiated() -> None:
    values, labels = _values((4, 5), 0, 0)
    square = lambda x: window_max_at(x, labels, 1).square()  # noqa: E731
    assert torch.autograd.gradgradcheck(square, values)


def test_many_planes_are_worked_on_in_pieces() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(1, 9, 150, 160, generator=generator)
    labels = torch.randint(0, 9, (1, 150, 160), generator=generator)
    expected = window_max(values, 5).gather(1, labels[:, None])[:, 0]
    assert torch.equal(window_max_at(values, labels, 5), expected)


def test_it_is_a_map_like_any_other() -> None:
    values, labels = _values((6, 7), 1, 0)
    dense, target = window_max(values, 2), one_hot(labels, labels > 0, torch.float64)
    source = ClassMap(dense=values)
    dilated = Dilated(source, None, 2, 2)
    assert torch.equal((dilated * target).as_dense(3), dense * target.as_dense(3))
    assert torch.equal((dilated + target).as_dense(), dense + target.as_dense(3))
    assert torch.equal(Dilated(source, None, 2, 2).dense, dense)
    assert torch.equal(
        Dilated(source, None, 2, 2).with_labels(target.labelled).as_dense(),
        dense + target.as_dense(3),
    )
