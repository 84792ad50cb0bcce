"""What a point of a search's space is, in a few words. No torch."""

from collections.abc import Sequence
from typing import Any

from search_service.searches.space import SearchSpace
from search_service.spaces.curves import CurveSpace
from search_service.spaces.margins import MarginSpace
from search_service.spaces.zoo import called
from surrogate_zoo.errors import InputError


def label_of(space: SearchSpace, theta: Sequence[float]) -> str:
    """What a trial tried: ``dice with 0.2 of cross entropy, rate x 3``; its rate alone of a trial of curves.

    Args:
        space: The search's space.
        theta: A point of it.

    Returns:
        Nothing of a point that the space does not hold: an earlier version's space may have held it.
    """
    named = parameters_of(space, theta)
    if not named:
        return ""
    rate = f"rate x {named['rate']:.2g}" if "rate" in named else ""
    if isinstance(space, CurveSpace):
        return f"curves, {rate}" if rate else "curves"
    if isinstance(space, MarginSpace):
        margins = f"delta_v {named['delta_v']:.2g}, delta_d {named['delta_d']:.2g}"
        return f"{space.group(theta)}: {margins}, {rate}"
    return f"{called(named)}, {rate}"


def parameters_of(space: SearchSpace, theta: Sequence[float]) -> dict[str, Any]:
    """A trial's parameters by name; of the zoo also its ``loss``, which the others belong to.

    Args:
        space: The search's space.
        theta: A point of it.

    Returns:
        Nothing of a point that the space does not hold: an earlier version's space may have held it.
    """
    try:
        return space.named(theta)
    except (InputError, ValueError):
        return {}
