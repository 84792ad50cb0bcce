"""Distances of homographies against SciPy's rotations and polar decomposition."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import polar
from scipy.spatial.transform import Rotation
from torch import Tensor

from surrogate_zoo.losses.handmade.homography_distances import (
    DISTANCES,
    ERRORS,
    euclidean,
    geodesic,
)

EYE = torch.eye(3, dtype=torch.float64)


def _near_identity(seed: int, spread: float, count: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return EYE + spread * torch.randn(count, 3, 3, generator=generator, dtype=torch.float64)


def test_euclidean_is_the_frobenius_norm_of_the_rest() -> None:
    theta = _near_identity(1, 0.3)
    expected = [np.linalg.norm(matrix - np.eye(3)) for matrix in theta.numpy()]
    np.testing.assert_allclose(euclidean(theta).numpy(), expected)


@pytest.mark.parametrize("angle", [1e-9, 1e-4, 0.3, 2.0, math.pi - 1e-6])
def test_geodesic_of_a_rotation_is_its_angle(angle: float) -> None:
    # arccos of a clamped cosine is wrong by 100% and more at the first two.
    axis = np.array([1.0, -2.0, 0.5]) / np.linalg.norm([1.0, -2.0, 0.5])
    theta = torch.from_numpy(Rotation.from_rotvec(angle * axis).as_matrix())[None]
    assert geodesic(theta).item() == pytest.approx(angle, rel=1e-6, abs=1e-14)


@pytest.mark.parametrize("spread", [0.05, 0.3])
def test_geodesic_agrees_with_scipys_polar_decomposition(spread: float) -> None:
    theta = _near_identity(2, spread)
    expected = []
    for matrix in theta.numpy():
        nearest, _ = polar(matrix)
        assert np.linalg.det(nearest) > 0
        angle = Rotation.from_matrix(nearest).magnitude()
        expected.append(angle + 0.1 * ((matrix - nearest) ** 2).sum())
    np.testing.assert_allclose(geodesic(theta).numpy(), expected)


def test_a_reflection_is_measured_from_the_nearest_rotation() -> None:
    # The polar factor of this one is itself, which is no rotation: the nearest is turned by 180
    # degrees at most, and the rest is what the formula of the paper leaves.
    theta = torch.diag(torch.tensor([3.0, 2.0, -1.0], dtype=torch.float64))[None]
    rest = (3 - 1) ** 2 + (2 - 1) ** 2 + (-1 - 1) ** 2
    assert geodesic(theta).item() == pytest.approx(0.1 * rest)


@pytest.mark.parametrize("name", DISTANCES)
def test_the_identity_is_the_minimum_with_a_finite_slope(name: str) -> None:
    for dtype in (torch.float32, torch.float64):
        theta = torch.eye(3, dtype=dtype)[None].requires_grad_()
        distance = DISTANCES[name](theta)
        torch.autograd.backward(distance.sum())
        assert distance.item() == 0
        assert theta.grad is not None
        assert torch.isfinite(theta.grad).all()
    assert (DISTANCES[name](_near_identity(3, 1e-3)) > 0).all()


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("spread", [1e-3, 0.1, 1.0])
def test_gradients_agree_with_finite_differences(name: str, spread: float) -> None:
    theta = _near_identity(4, spread).requires_grad_()
    step = min(1e-6, spread * 1e-4)
    assert torch.autograd.gradcheck(DISTANCES[name], (theta,), eps=step, atol=1e-4)


def test_equal_singular_values_do_not_break_the_gradient() -> None:
    # A rotation has three equal singular values: the decomposition's own gradient is NaN there.
    turned = torch.from_numpy(Rotation.from_euler("xyz", [0.2, -0.1, 0.4]).as_matrix())[None]
    assert torch.autograd.gradcheck(geodesic, (turned.clone().requires_grad_(),), atol=1e-4)
    for matrix in (turned, 2 * turned, 1e-9 * turned, torch.zeros_like(turned), -turned):
        leaf = matrix.clone().requires_grad_()
        torch.autograd.backward(geodesic(leaf).sum())
        assert leaf.grad is not None
        assert torch.isfinite(leaf.grad).all()


def test_the_distance_grows_along_a_line_from_the_identity() -> None:
    directions = _near_identity(5, 1.0) - EYE
    for distance in DISTANCES.values():
        along = torch.stack([distance(EYE + step * directions) for step in (0.02, 0.05, 0.1, 0.2)])
        assert (along.diff(dim=0) > 0).all()


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_zero_at_the_truth_alone_and_has_a_slope(name: str) -> None:
    true = _near_identity(6, 0.2)
    exact = ERRORS[name](true, true)
    np.testing.assert_allclose(exact.numpy(), 0, atol=1e-12)
    predicted = (true + 0.1 * (_near_identity(7, 1.0) - EYE)).requires_grad_()
    assert (ERRORS[name](predicted, true) > 1e-3).all()
    assert torch.autograd.gradcheck(lambda theta: ERRORS[name](theta, true), (predicted,))


def test_the_geodesic_error_is_the_distance_that_is_left_between_two_motions() -> None:
    turns = [Rotation.from_euler("z", angle, degrees=True).as_matrix() for angle in (10, 25)]
    first, second = (torch.from_numpy(turn)[None] for turn in turns)
    assert ERRORS["geodesic"](first, second).item() == pytest.approx(math.radians(15))
    assert ERRORS["euclidean"](first, second).item() == pytest.approx(
        np.linalg.norm(turns[0] - turns[1])
    )
