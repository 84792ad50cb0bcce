import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from surrogate_zoo.curves import BezierCurve
from surrogate_zoo.parameters import ParameterSpace
from tests.surrogate_zoo.batches import thetas


def bezier(x: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    return BezierCurve(points)(x)


def _points(theta: list[float], segments: int) -> torch.Tensor:
    space = ParameterSpace("macc", segments=segments)
    return torch.tensor(space.control_points(theta)["and"], dtype=torch.float64)


@st.composite
def _curves(draw: st.DrawFn) -> torch.Tensor:
    segments = draw(st.integers(1, 5))
    return _points(draw(thetas(4 * segments - 2)), segments)


@given(_curves(), st.sampled_from([torch.float32, torch.float64]))
def test_ends_are_fixed_and_the_curve_never_falls(points: torch.Tensor, dtype: torch.dtype) -> None:
    x = torch.cat([torch.linspace(0, 1, 501, dtype=dtype), points[::2].to(dtype)]).sort().values
    y = bezier(x, points)
    assert y[0] == 0
    assert y[-1] == 1
    assert ((y >= 0) & (y <= 1)).all()
    assert (y.diff() >= -1e-5).all()  # rounding alone may let a flat stretch fall


@given(_curves(), st.sampled_from([torch.float32, torch.float64]))
def test_the_slope_is_finite_everywhere(points: torch.Tensor, dtype: torch.dtype) -> None:
    knots = points[::2].to(dtype)
    x = torch.cat([torch.linspace(0, 1, 101, dtype=dtype), knots, torch.tensor([1e-30, 1e-8])])
    x = x.to(dtype).requires_grad_()
    bezier(x, points).sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert (x.grad >= -1e-3).all()


def test_a_segment_meets_its_bernstein_form() -> None:
    points = torch.tensor([0.2, 0.5, 0.4, 0.6, 0.9, 0.7], dtype=torch.float64)
    knots = torch.cat([points.new_zeros(2), points, points.new_ones(2)]).view(-1, 2)
    t = torch.linspace(0, 1, 41, dtype=torch.float64)[:, None]
    for first in (0, 2):
        p0, p1, p2 = knots[first : first + 3]
        curve = (1 - t) ** 2 * p0 + 2 * t * (1 - t) * p1 + t**2 * p2
        torch.testing.assert_close(bezier(curve[:, 0], points), curve[:, 1], atol=1e-12, rtol=0)


def test_the_straight_line_is_the_identity_where_the_released_solver_divides_by_zero() -> None:
    space = ParameterSpace("miou", segments=3)
    points = torch.tensor(space.control_points(space.start)["or"], dtype=torch.float64)
    x = torch.linspace(0, 1, 97, dtype=torch.float64).requires_grad_()
    y = bezier(x, points)
    y.sum().backward()
    torch.testing.assert_close(y.detach(), x.detach(), atol=1e-14, rtol=0)
    torch.testing.assert_close(x.grad, torch.ones_like(x), atol=1e-12, rtol=0)


@given(st.lists(st.floats(0.05, 0.95), min_size=6, max_size=6))
def test_the_slope_agrees_with_finite_differences(theta: list[float]) -> None:
    points = _points(theta, 2)
    x = torch.linspace(0.01, 0.99, 60, dtype=torch.float64)
    x = x[(x[:, None] - points[::2]).abs().amin(1) > 1e-3].requires_grad_()
    bezier(x, points).sum().backward()
    step = 1e-6
    difference = (bezier(x.detach() + step, points) - bezier(x.detach() - step, points)) / (
        2 * step
    )
    torch.testing.assert_close(x.grad, difference, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [1, 131071, 131072, 262145])
def test_chunks_do_not_show(size: int) -> None:
    points = torch.tensor([0.1, 0.6, 0.4, 0.7, 0.8, 0.9], dtype=torch.float64)
    x = torch.rand(size, generator=torch.Generator().manual_seed(size))
    whole = bezier(x, points)
    parts = torch.cat([bezier(part, points) for part in x.split(7919)])
    torch.testing.assert_close(whole, parts, rtol=0, atol=1e-7)


def test_layouts_that_are_not_contiguous_keep_their_values() -> None:
    points = torch.tensor([0.1, 0.6], dtype=torch.float64)
    x = torch.rand(2, 3, 5, 7).to(memory_format=torch.channels_last)
    torch.testing.assert_close(bezier(x, points), bezier(x.contiguous(), points))


def test_nan_stays_nan() -> None:
    y = bezier(torch.tensor([0.5, torch.nan]), torch.tensor([0.1, 0.6], dtype=torch.float64))
    assert y.isnan().tolist() == [False, True]


@pytest.mark.parametrize("size", [(2, 3, 5, 7), (2, 2, 300, 500)])
@pytest.mark.parametrize("masked", [False, True])
def test_a_total_is_the_sum_of_the_values(size: tuple[int, ...], masked: bool) -> None:
    curve = BezierCurve(torch.tensor([0.1, 0.6, 0.4, 0.7, 0.8, 0.9], dtype=torch.float64))
    x = torch.rand(size, dtype=torch.float64).requires_grad_()
    region = (torch.rand(size[0], *size[2:]) < 0.5).double() if masked else None
    values = curve(x) if region is None else curve(x) * region[:, None]
    expected = values.sum((0, 2, 3))
    found = curve.total(x, region)
    torch.testing.assert_close(found, expected)
    upstream = torch.randn(size[1], dtype=torch.float64)
    gradients = [torch.autograd.grad(total, x, upstream)[0] for total in (found, expected)]
    torch.testing.assert_close(*gradients)
