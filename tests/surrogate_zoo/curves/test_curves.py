"""Curves in every family: ends, slopes, formulas, chunks, and sums."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from surrogate_zoo.curves.curves import SHAPES, BezierCurve, LinearCurve, PiecewiseCurve, curve_of
from surrogate_zoo.curves.families import CURVE_FAMILIES
from surrogate_zoo.losses.parameter_space import ParameterSpace
from tests.surrogate_zoo.batches import thetas_of

DTYPES = [torch.float32, torch.float64]
EXAMPLES = {
    "bezier": [0.1, 0.6, 0.4, 0.7, 0.8, 0.9],
    "linear": [0.1, 0.5, 0.6, 0.95],
    "bezier-no-truth-table": [0, 0.2, 0.1, 0.6, 0.4, 0.7, 0.8, 0.8, 1, 0.9],
    "bezier-no-monotonicity": [0.1, 0.6, 0.4, 0.2, 0.8, 0.9],
    "bezier-unconstrained": [0, 0.7, 0.1, 0.6, 0.4, 0.2, 0.8, 0.9, 1, 0.3],
}


def example(family: str) -> PiecewiseCurve:
    return curve_of(family, torch.tensor(EXAMPLES[family], dtype=torch.float64))


@st.composite
def curves(draw: st.DrawFn, families: list[str]) -> tuple[str, PiecewiseCurve]:
    family = draw(st.sampled_from(families))
    least = CURVE_FAMILIES[family].least
    space = ParameterSpace("macc", family, segments=draw(st.integers(least, 6)))
    points = space.control_points(draw(thetas_of(space)))["and"]
    return family, curve_of(family, torch.tensor(points, dtype=torch.float64))


def test_every_family_has_a_curve() -> None:
    assert set(EXAMPLES) == set(CURVE_FAMILIES)
    assert {family.shape for family in CURVE_FAMILIES.values()} == set(SHAPES)


@given(curves(list(CURVE_FAMILIES)), st.sampled_from(DTYPES))
def test_ends_are_exact_and_the_curve_is_as_promised(
    drawn: tuple[str, PiecewiseCurve], dtype: torch.dtype
) -> None:
    family, curve = CURVE_FAMILIES[drawn[0]], drawn[1]
    knots = curve.points[:, 0].to(dtype)
    x = torch.cat([torch.linspace(0, 1, 501, dtype=dtype), knots]).sort().values
    y = curve(x)
    first, last = (0, 1) if family.truth_table else curve.points[[0, -1], 1].to(dtype)
    assert y[0] == first
    assert y[-1] == last
    assert ((y >= 0) & (y <= 1)).all()
    if family.monotone:
        assert (y.diff() >= -1e-5).all()  # rounding alone may let a flat stretch fall


@given(curves(list(CURVE_FAMILIES)), st.sampled_from(DTYPES))
def test_the_slope_is_finite_everywhere(
    drawn: tuple[str, PiecewiseCurve], dtype: torch.dtype
) -> None:
    family, curve = CURVE_FAMILIES[drawn[0]], drawn[1]
    knots = curve.points[:, 0].to(dtype)
    x = torch.cat([torch.linspace(0, 1, 101, dtype=dtype), knots, torch.tensor([1e-30, 1e-8])])
    x = x.to(dtype).requires_grad_()
    torch.autograd.backward(curve(x).sum())
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    if family.monotone:
        steepest = x.grad.abs().max().clamp(min=10)
        assert (x.grad >= -1e-4 * steepest).all()  # rounding alone may let a flat stretch fall


def test_a_segment_meets_its_bernstein_form() -> None:
    for family in sorted(set(CURVE_FAMILIES) - {"linear"}):
        curve = example(family)
        t = torch.linspace(0, 1, 41, dtype=torch.float64)[1:, None]
        for first in (0, 2):
            p0, p1, p2 = curve.points[first : first + 3]
            points = (1 - t) ** 2 * p0 + 2 * t * (1 - t) * p1 + t**2 * p2
            torch.testing.assert_close(curve(points[:, 0]), points[:, 1], atol=1e-12, rtol=0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.sampled_from(DTYPES), st.booleans())
def test_a_linear_curve_interpolates(
    heights: list[float], dtype: torch.dtype, truth_table: bool
) -> None:
    points = torch.tensor(heights + [0.5] * (not truth_table), dtype=torch.float64)
    curve = LinearCurve(points, truth_table)
    x = torch.linspace(0, 1, 211, dtype=dtype)
    heights_at_knots = [0.0, *heights, 1.0] if truth_table else points.tolist()
    expected = np.interp(
        x.double().numpy(), np.linspace(0, 1, len(heights_at_knots)), heights_at_knots
    )
    tolerance = 1e-6 if dtype == torch.float32 else 1e-14
    np.testing.assert_allclose(curve(x).numpy(), expected, atol=tolerance)


@pytest.mark.parametrize("family", CURVE_FAMILIES)
@pytest.mark.parametrize("segments", [2, 3, 5])
def test_the_straight_line_is_the_identity_where_the_released_solver_divides_by_zero(
    family: str, segments: int
) -> None:
    space = ParameterSpace("miou", family, segments)
    points = space.control_points(space.start)["or"]
    x = torch.linspace(0, 1, 97, dtype=torch.float64).requires_grad_()
    y = curve_of(family, torch.tensor(points, dtype=torch.float64))(x)
    torch.autograd.backward(y.sum())
    torch.testing.assert_close(y.detach(), x.detach(), atol=1e-14, rtol=0)
    torch.testing.assert_close(x.grad, torch.ones_like(x), atol=1e-12, rtol=0)


@pytest.mark.parametrize("family", CURVE_FAMILIES)
@given(st.data())
def test_the_slope_agrees_with_finite_differences(family: str, data: st.DataObject) -> None:
    space = ParameterSpace("macc", family, data.draw(st.integers(2, 4)))
    shares = st.lists(st.floats(0.05, 0.95), min_size=space.dimension, max_size=space.dimension)
    theta = space.low + (space.high - space.low) * np.array(data.draw(shares))
    points = torch.tensor(space.control_points(theta)["and"], dtype=torch.float64)
    curve = curve_of(family, points)
    x = torch.linspace(0.01, 0.99, 60, dtype=torch.float64)
    x = x[(x[:, None] - curve.points[:, 0]).abs().amin(1) > 1e-3].requires_grad_()
    torch.autograd.backward(curve(x).sum())
    step = 1e-6
    difference = (curve(x.detach() + step) - curve(x.detach() - step)) / (2 * step)
    torch.testing.assert_close(x.grad, difference, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family", CURVE_FAMILIES)
@pytest.mark.parametrize("size", [1, 131071, 262145])
def test_chunks_do_not_show(family: str, size: int) -> None:
    curve = example(family)
    x = torch.rand(size, generator=torch.Generator().manual_seed(size))
    parts = torch.cat([curve(part) for part in torch.split(x, 7919)])
    torch.testing.assert_close(curve(x), parts, rtol=0, atol=1e-7)


@given(curves(list(CURVE_FAMILIES)), st.sampled_from([1, 4, 40, 200]), st.sampled_from(DTYPES))
def test_it_does_not_show_how_many_values_lie_beyond_the_first_segment(
    drawn: tuple[str, PiecewiseCurve], power: int, dtype: torch.dtype
) -> None:
    curve, generator = drawn[1], torch.Generator().manual_seed(power)
    x = torch.rand(3 * 128 + 7, generator=generator, dtype=dtype) ** power
    alone = [curve.with_slope(part) for part in torch.split(x, 127)]  # too few for a group
    value, slope = (torch.cat(parts) for parts in zip(*alone, strict=True))
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    found, steep = curve.with_slope(x)
    torch.testing.assert_close(found, value, atol=tolerance, rtol=tolerance)
    # Where a curve is vertical its slope has no more digits than the root has.
    torch.testing.assert_close(steep, slope, atol=100 * tolerance, rtol=1000 * tolerance)


@pytest.mark.parametrize("curve", [BezierCurve, LinearCurve])
def test_layouts_that_are_not_contiguous_keep_their_values(curve: type[PiecewiseCurve]) -> None:
    shaped = curve(torch.tensor([0.1, 0.6], dtype=torch.float64))
    x = torch.rand(2, 3, 5, 7).to(memory_format=torch.channels_last)
    torch.testing.assert_close(shaped(x), shaped(x.contiguous()))


@pytest.mark.parametrize("family", CURVE_FAMILIES)
def test_nan_stays_nan(family: str) -> None:
    y = example(family)(torch.tensor([0.5, torch.nan]))
    assert y.isnan().tolist() == [False, True]


@pytest.mark.parametrize("family", CURVE_FAMILIES)
@pytest.mark.parametrize("size", [(2, 3, 5, 7), (2, 2, 300, 500)])
@pytest.mark.parametrize("masked", [False, True])
def test_sums_are_those_of_the_values_and_slopes_their_gradients(
    family: str, size: tuple[int, ...], masked: bool
) -> None:
    curve = example(family)
    x = torch.rand(size, dtype=torch.float64).requires_grad_()
    region = (torch.rand(size[0], *size[2:]) < 0.5).double() if masked else None
    values = curve(x) if region is None else curve(x) * region[:, None]
    totals, slopes = curve.sums(region, x.detach())
    torch.testing.assert_close(totals, values.sum((2, 3)))
    torch.testing.assert_close(slopes, torch.autograd.grad(values.sum(), x)[0])
