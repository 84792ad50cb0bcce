"""Functions of maps, pixel by pixel: values and slopes."""

import pytest
import torch

from surrogate_zoo.curves.pointwise import PIECE, pointwise


@pytest.mark.parametrize("shape", [(3, 4), (2, PIECE // 2 + 1), (0,)])
def test_value_and_slopes_are_the_formulas(shape: tuple[int, ...]) -> None:
    def formula(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a * b.sin() + a**2

    inputs = [torch.randn(shape, dtype=torch.float64).requires_grad_() for _ in range(2)]
    upstream = torch.randn(shape, dtype=torch.float64)
    computed, expected = pointwise(formula, *inputs), formula(*inputs)
    torch.testing.assert_close(computed, expected)
    for slope, expected_slope in zip(
        torch.autograd.grad(computed, inputs, upstream),
        torch.autograd.grad(expected, inputs, upstream),
        strict=True,
    ):
        torch.testing.assert_close(slope, expected_slope)
