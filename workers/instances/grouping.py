"""Points that lie together become groups, around drawn points or the means these shift to.

The definition, for points in the order they were drawn in:

1. Take the first point that has no group; its place is the centre.
2. To shift (mean-shift with a flat kernel): move the centre to the mean of all points within the radius
   of it, until it moves by less than :data:`TOLERANCE`, :data:`STEPS` times at most.
3. The taken point, and all points within the radius of the centre that have no group yet, are the next
   group. Begin again, until every point has a group.

Where a centre ends follows from its first place alone, not from the groups found before. So many
points shift at once, and the groups are those that one after another would give.
"""

import numpy as np
import torch
from torch import Tensor

TOLERANCE = 1e-3
"""A centre that moves by less than this stays."""

STEPS = 300
"""Most moves of a centre, as in scikit-learn."""

FIRST = 16
"""Centres that shift at once in the beginning; twice as many each time, as fewer points are left."""

DISTANCES = 2**24
"""Most distances held at once, 8 bytes each, which bounds the memory of large images."""


def grouped(points: Tensor, radius: float, *, shift: bool) -> Tensor:
    """Group points by the definition above.

    Args:
        points: Finite float64 (N, E), in the order they were drawn in.
        radius: Euclidean, points at exactly this distance included.
        shift: Whether centres shift.

    Returns:
        int64 (N,), the group of every point, 0, 1, ... in the order they were found.
    """
    groups = torch.full((len(points),), -1, dtype=torch.int64, device=points.device)
    count, most = 0, FIRST
    while len(waiting := (groups < 0).nonzero()[:, 0]):
        taken = waiting[: max(1, min(most, DISTANCES // len(points)))]
        centres = _shifted(points, points[taken], radius) if shift else points[taken]
        balls = _near(points[waiting], centres, radius)
        first = torch.arange(len(taken), device=points.device)
        balls[first, first] = True  # a point that is taken belongs to its group, wherever that lies
        used = balls[_one_after_another(balls[:, : len(taken)])]
        held = used.any(0)
        order = torch.arange(len(used), 0, -1, device=points.device)  # the earliest is the largest
        groups[waiting[held]] = count + (used[:, held] * order[:, None]).argmax(0)
        count, most = count + len(used), 2 * most
    return groups


def _one_after_another(holds: Tensor) -> Tensor:
    """Which of M taken points found a group, one after another: those that no earlier group holds.

    Args:
        holds: bool (M, M), whether the group of one (row) would hold another (column).

    Returns:
        int64 (K,), their numbers, on the same device.
    """
    rows = holds.cpu().numpy()
    gone = np.zeros(len(rows), dtype=np.bool_)
    founders = []
    for number, row in enumerate(rows):
        if not gone[number]:
            founders.append(number)
            gone |= row
    return torch.tensor(founders, dtype=torch.int64, device=holds.device)


def _shifted(points: Tensor, centres: Tensor, radius: float) -> Tensor:
    """Where M centres (M, E) end; those that stay are left alone while the others move on."""
    places = centres.clone()
    moving = torch.arange(len(places), device=places.device)
    for _ in range(STEPS):
        near = _near(points, places[moving], radius).double()
        means = (near @ points) / near.sum(1, keepdim=True)
        moves = torch.linalg.vector_norm(means - places[moving], dim=1)
        places[moving] = means
        moving = moving[moves >= TOLERANCE]
        if not len(moving):
            break
    return places


def _near(points: Tensor, centres: Tensor, radius: float) -> Tensor:
    """Which of N points lie within the radius of M centres: bool (M, N).

    Distances are not taken from products, whose rounding depends on what else is computed with them.
    """
    mode = "donot_use_mm_for_euclid_dist"
    near: Tensor = torch.cdist(centres, points, compute_mode=mode) <= radius
    return near
