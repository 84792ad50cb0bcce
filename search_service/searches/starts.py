"""Where a search starts: at the straight line, or at the parameters of a loss of the zoo."""

from sqlalchemy.orm import Session

from search_service.searches.request import LINE, SearchRequest
from search_service.searches.space import SearchSpace
from search_service.spaces.curves import CurveSpace
from surrogate_zoo.errors import InputError, NotFoundError
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.store import zoo


def pinned(session: Session, request: SearchRequest, space: SearchSpace) -> SearchRequest:
    """Fix the version of the loss to start from: the newest there is now, if none is asked for.

    Raises:
        InputError: It is not in the zoo, or it has no parameters of this space.
    """
    if request.start == LINE:
        return request
    try:
        version = zoo.get(session, request.start, request.start_version).version
    except NotFoundError as error:
        raise InputError(str(error)) from error
    request = request.model_copy(update={"start_version": version})
    theta(session, request, space)
    return request


def theta(session: Session, request: SearchRequest, space: SearchSpace) -> tuple[float, ...] | None:
    """The first theta of a request whose versions are fixed; None is the straight line.

    The naive surrogate of the metric, which has no parameters, is the straight line too. Of a sum
    the surrogates count: what they were trained beside does not.

    Raises:
        NotFoundError: The loss is not in the zoo.
        InputError: It has no parameters of this space.
    """
    if request.start == LINE or not isinstance(space, CurveSpace):
        return None
    parameters = space.parameters
    document = zoo.get(session, request.start, request.start_version).document
    terms = document.get("terms", [{"weight": 1.0, "loss": document}])
    surrogates = [term for term in terms if term["loss"]["kind"] == "surrogate"]
    parts = [term["loss"] for term in surrogates]
    if tuple(part["metric"] for part in parts) != space.target.metrics:
        raise _refusal(request, f"it is no surrogate of {request.metric}")
    if not any(part["control_points"] for part in parts):
        return None
    for part in parts:
        if part["family"] != parameters.family:
            raise _refusal(request, f"its curves are of the family {part['family']}")
    rows = [
        part["control_points"].get(curve, [])
        for part in parts
        for curve in METRICS[part["metric"]].curves
    ]
    points = dict(zip(parameters.curves, rows, strict=True))
    try:
        theta = parameters.theta(points, [term["weight"] for term in surrogates])
    except InputError as error:
        raise _refusal(request, str(error).rstrip(".")) from error
    return tuple(space.at_own_rate(theta).tolist())


def _refusal(request: SearchRequest, why: str) -> InputError:
    return InputError(
        f"The search cannot start from {request.start!r}: {why}. Start from {LINE!r}, or from a loss "
        f"of the same metric, curve family and number of segments."
    )
