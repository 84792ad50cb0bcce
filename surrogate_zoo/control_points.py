"""The one check of a curve's control points; needs neither NumPy nor torch."""

from collections.abc import Sequence
from itertools import pairwise

from surrogate_zoo.errors import InputError


def check_control_points(curve: str, coordinates: Sequence[float]) -> int:
    """Return the number of Bezier segments of a curve's flat control points u1, v1, u2, v2, ...

    Raises:
        InputError: The count fits no whole number of segments, a value is outside [0, 1] or not a
            number, or a coordinate falls.
    """
    segments, rest = divmod(len(coordinates) + 2, 4)
    if rest or segments < 1:
        raise InputError(
            f"Curve {curve!r} needs 2 (2n - 1) control point coordinates for n segments, "
            f"not {len(coordinates)}."
        )
    for axis in (0, 1):
        values = [0.0, *coordinates[axis::2], 1.0]
        if not all(low <= high for low, high in pairwise(values)):
            raise InputError(
                f"Control points of curve {curve!r} must rise within [0, 1]: {values[1:-1]}."
            )
    return segments
