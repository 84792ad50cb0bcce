"""Which of several candidates no other one beats."""

import numpy as np
from numpy.typing import NDArray


def front(points: NDArray[np.float64]) -> list[int]:
    """Find the Pareto front: what no other point beats, being nowhere worse and somewhere better.

    Args:
        points: (n, objectives); more is better in each.

    Returns:
        Rows of the front, in ascending order; of equal points the first stands for all.
    """
    no_worse = (points[:, None] >= points[None]).all(axis=-1)  # [i, j]: i is nowhere worse than j
    equal = no_worse & no_worse.T
    earlier = np.triu(np.ones_like(equal), k=1)
    beaten = ((no_worse & ~equal) | (equal & earlier)).any(axis=0)
    return np.flatnonzero(~beaten).tolist()
