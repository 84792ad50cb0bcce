"""How far a homography is from the identity (InverseForm, section 3.2)."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

_LEAST = 1e-4  # of a sum of two singular values, below which the rotation's slope is held


def euclidean(theta: Tensor) -> Tensor:
    """Frobenius norm of ``theta - I``, the paper's equation 5; its slope at ``I`` is taken as 0.

    Args:
        theta: Homographies, float (B, 3, 3), 1 at the bottom right.

    Returns:
        (B,), at least 0.
    """
    identity = torch.eye(3, dtype=theta.dtype, device=theta.device)
    return _norm(theta - identity)


def geodesic(theta: Tensor, residual: float = 0.1) -> Tensor:
    """Angle of the nearest rotation, and ``residual`` times the squared rest, equations 6 to 8.

    ``arccos((Tr P - 1) / 2) + residual Tr(R^T R)`` with P the rotation nearest to ``theta`` and
    ``R = theta - P``. The angle is computed as the arctangent of its sine and cosine: the same number,
    but exact near 0, where arccos has an infinite slope and the clamp that hides it makes a plateau.

    Args:
        theta: As for :func:`euclidean`.
        residual: The paper's lambda.

    Returns:
        (B,), at least 0; gradients are finite everywhere, 0 at the identity.
    """
    rotation: Tensor = _NearestRotation.apply(theta)[0]
    sine = _norm(rotation - rotation.mT) / 8**0.5
    cosine = (rotation.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2
    return torch.atan2(sine, cosine) + residual * (theta - rotation).square().sum((1, 2))


def euclidean_error(predicted: Tensor, true: Tensor) -> Tensor:
    """Frobenius norm of ``predicted - true``, both (B, 3, 3); (B,)."""
    return _norm(predicted - true)


def geodesic_error(predicted: Tensor, true: Tensor) -> Tensor:
    """:func:`geodesic` of ``true^-1 predicted``, both (B, 3, 3), the true ones invertible; (B,)."""
    return geodesic(torch.linalg.solve(true, predicted))


ERRORS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "euclidean": euclidean_error,
    "geodesic": geodesic_error,
}
"""How far a predicted homography is from the true one, by the name of the distance."""

DISTANCES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "euclidean": euclidean,
    "geodesic": geodesic,
}
"""Distances by name."""


class _NearestRotation(torch.autograd.Function):
    """P = U diag(1, 1, det(U V^T)) V^T of the singular value decomposition of ``theta``.

    The gradient of the decomposition itself is NaN where singular values are equal, as at the
    identity, though P is smooth there. With ``S = P^T theta``, which is symmetric, a change of
    ``theta`` turns P by ``dP = P [w]``, where ``(Tr(S) I - S) w`` is the axis of the skew part of
    ``P^T d theta``. The slope is held where P jumps, that is where two singular values (the last one
    with the sign of the determinant) sum to 0.
    """

    @staticmethod
    def forward(theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return P, (B, 3, 3), the singular values with their signs, (B, 3), and V^T."""
        u, values, vh = torch.linalg.svd(theta)
        signs = torch.ones_like(values)
        signs[:, 2] = torch.linalg.det(u @ vh).sign()
        return (u * signs[:, None]) @ vh, values * signs, vh

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: tuple[Tensor, ...]) -> None:
        """Keep what the slope is made of."""
        ctx.mark_non_differentiable(*output[1:])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs, *output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Tensor | None:
        """Return ``P [c]`` with ``(Tr(S) I - S) c`` the axis of ``P^T gradient``."""
        gradient = gradients[0]
        if gradient is None:
            return None
        theta, rotation, values, vh = ctx.saved_tensors
        turned = rotation.mT @ gradient
        skew = turned - turned.mT
        axis = torch.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], 1)
        if torch.is_grad_enabled():  # this pass is differentiated itself: by theta and P alone
            s = rotation.mT @ theta
            trace = s.diagonal(dim1=1, dim2=2).sum(1)[:, None, None]
            c = torch.linalg.solve(trace * torch.eye(3, dtype=s.dtype, device=s.device) - s, axis)
        else:
            sums = (values.sum(1, keepdim=True) - values).clamp(min=_LEAST)
            c = (vh.mT @ ((vh @ axis[..., None]) / sums[..., None]))[..., 0]
        slope: Tensor = torch.linalg.cross(rotation, c[:, None].expand_as(rotation), dim=2)
        return slope


def _norm(matrices: Tensor) -> Tensor:
    """Frobenius norms, (B,); the slope at 0 is 0, and so is the slope of that."""
    there = (matrices != 0).flatten(1).any(1)
    held = torch.where(there[:, None, None], matrices, 1)
    norms: Tensor = torch.linalg.vector_norm(held, dim=(1, 2)) * there
    return norms
