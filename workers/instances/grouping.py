"""Points that lie together become groups, around drawn points or the means these shift to.

The definition, for points in the order they were drawn in:

1. Take the first point that has no group; its place is the centre.
2. To shift (mean-shift with a flat kernel): move the centre to the mean of all points within the radius
   of it, until it moves by less than :data:`TOLERANCE`, :data:`STEPS` times at most.
3. The taken point, and all points within the radius of the centre that have no group yet, are the next
   group. Begin again, until every point has a group.

This is the inference of De Brabandere et al. (2017), who leave open what becomes of a taken point that
shifts further than the radius: here it is of the group that it begins. Many such points become groups of
one or few. To merge them, as scikit-learn does with centres that end close to each other, there is
another third step:

3. If the centre lies within the radius of the first centre of an earlier group, the points that this step
   would take join that group, the one with the nearest centre.

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


def grouped(points: Tensor, radius: float, *, shift: bool, merge: bool = False) -> Tensor:
    """Group points by the definition above.

    Args:
        points: Finite float64 (N, E), in the order they were drawn in.
        radius: Euclidean, points at exactly this distance included.
        shift: Whether centres shift.
        merge: Whether a centre close to that of an earlier group is this group's.

    Returns:
        int64 (N,), the group of every point, 0, 1, ... in the order they were found.
    """
    groups = torch.full((len(points),), -1, dtype=torch.int64, device=points.device)
    centres, most = points[:0], FIRST
    while len(waiting := (groups < 0).nonzero()[:, 0]):
        taken = waiting[: max(1, min(most, DISTANCES // len(points)))]
        ends = _shifted(points, points[taken], radius) if shift else points[taken]
        balls = _distances(points[waiting], ends) <= radius
        first = torch.arange(len(taken), device=points.device)
        balls[first, first] = True  # a point that is taken belongs to its group, wherever that lies
        between = _distances(torch.cat([centres, ends]), ends)
        limit = radius if merge else -1.0
        steps = _one_after_another(balls[:, : len(taken)], between, len(centres), limit)
        rows, owners, founders = (
            torch.tensor(part, dtype=torch.int64, device=points.device) for part in steps
        )
        taking = balls[rows]
        held = taking.any(0)
        order = torch.arange(len(rows), 0, -1, device=points.device)  # the earliest is the largest
        groups[waiting[held]] = owners[(taking[:, held] * order[:, None]).argmax(0)]
        centres, most = torch.cat([centres, ends[founders]]), 2 * most
    return groups


def _one_after_another(
    holds: Tensor, between: Tensor, count: int, limit: float
) -> tuple[list[int], list[int], list[int]]:
    """Which of M taken points take others, one after another: those that no earlier one takes.

    Args:
        holds: bool (M, M), whether one (row) would take another (column).
        between: float64 (M, count + M), distance of each one's centre to those of the groups that there
            are, and to the others.
        count: Number of the groups that there are.
        limit: Distance up to which a centre is that of an earlier group.

    Returns:
        The points that take others, the group of each, and those among them that began their group.
    """
    rows, distances = holds.cpu().numpy(), between.cpu().numpy()
    gone = np.zeros(len(rows), dtype=np.bool_)
    columns = list(range(count))  # of the groups' centres, in the order of the groups
    takers, owners, founders = [], [], []
    for number, row in enumerate(rows):
        if gone[number]:
            continue
        near = distances[number, columns]
        if columns and near.min() <= limit:
            owners.append(int(near.argmin()))
        else:
            owners.append(len(columns))
            columns.append(count + number)
            founders.append(number)
        takers.append(number)
        gone |= row
    return takers, owners, founders


def _shifted(points: Tensor, centres: Tensor, radius: float) -> Tensor:
    """Where M centres (M, E) end; those that stay are left alone while the others move on."""
    places = centres.clone()
    moving = torch.arange(len(places), device=places.device)
    for _ in range(STEPS):
        near = (_distances(points, places[moving]) <= radius).double()
        means = (near @ points) / near.sum(1, keepdim=True)
        moves = torch.linalg.vector_norm(means - places[moving], dim=1)
        places[moving] = means
        moving = moving[moves >= TOLERANCE]
        if not len(moving):
            break
    return places


def _distances(points: Tensor, centres: Tensor) -> Tensor:
    """Of N points (N, E) to M centres (M, E): (M, N).

    Not taken from products, whose rounding depends on what else is computed with them.
    """
    return torch.cdist(centres, points, compute_mode="donot_use_mm_for_euclid_dist")
