"""What a point of a search's space is, in a few words. No torch."""

from collections.abc import Sequence

from search_service.searches.space import SearchSpace
from search_service.spaces.curves import CurveSpace
from search_service.spaces.margins import MarginSpace
from search_service.spaces.zoo import called


def label_of(space: SearchSpace, theta: Sequence[float]) -> str:
    """What a trial tried: ``dice with 0.2 of cross entropy, rate x 3``; its rate alone of a trial of curves.

    Args:
        space: The search's space.
        theta: A point of it; one that the space does not hold raises InputError.
    """
    named = space.named(theta)
    rate = f"rate x {named['rate']:.2g}" if "rate" in named else ""
    if isinstance(space, CurveSpace):
        return f"curves, {rate}" if rate else "curves"
    if isinstance(space, MarginSpace):
        margins = f"delta_v {named['delta_v']:.2g}, delta_d {named['delta_d']:.2g}"
        return f"{space.group(theta)}: {margins}, {rate}"
    return f"{called(named)}, {rate}"
