"""The parameters that a search is over."""

from search_service.searches.request import SearchRequest
from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.parameter_space import ParameterSpace


def space_of(request: SearchRequest) -> ParameterSpace:
    """The space of a search: the curves of its metrics and, for NSGA-II, their weights in the loss.

    Without the weights, all candidates would stand near one point of the trade-off.

    Raises:
        UnknownNameError: No such metric or curve family.
        InputError: The metric is no weighted sum, curves have too few segments, or NSGA-II is given
            a single metric.
    """
    several = request.sampler.seeks_trade_off
    space = ParameterSpace(request.metric, request.family, request.segments)
    if several and len(space.target.metrics) == 1:
        raise InputError(
            f"The sampler {request.sampler.name} searches the trade-off between metrics, and "
            f"{request.metric!r} is one: join several with +, such as miou+bf1, or take another sampler."
        )
    return ParameterSpace(request.metric, request.family, request.segments, mixed=several)
