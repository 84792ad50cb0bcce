"""The losses that a request names: one of the zoo, or a weighted sum of several."""

from collections.abc import Iterable, Mapping

from sqlalchemy.orm import Session

from search_service.comparisons.request import ComparisonRequest
from search_service.retrainings.request import RetrainingRequest
from search_service.searches.request import SearchRequest
from surrogate_zoo.errors import InputError, NotFoundError
from surrogate_zoo.losses.document import Document, sum_document
from surrogate_zoo.losses.registry import needs_of
from surrogate_zoo.store import zoo
from surrogate_zoo.sums import is_sum, parse_sum, sum_name


def pinned(session: Session, request: RetrainingRequest) -> RetrainingRequest:
    """Fix the versions that a request leaves open: the newest there are now.

    Raises:
        InputError: A loss or a version is not in the zoo, or its terms make no loss.
    """
    if not is_sum(request.loss):
        versions = _newest(session, [request.loss], {request.loss: request.version})
        return request.model_copy(update={"version": versions[request.loss]})
    versions = _newest(session, request.terms, request.versions)
    request = request.model_copy(update={"versions": versions})
    document(session, request)
    return request


def all_pinned(session: Session, request: ComparisonRequest) -> ComparisonRequest:
    """:func:`pinned` for every loss of a comparison.

    Raises:
        InputError: As there.
    """
    versions: dict[str, int] = {}
    for loss in request.losses:
        fixed = pinned(session, request.retraining(loss))
        versions |= fixed.versions if fixed.version is None else {loss: fixed.version}
    return request.model_copy(update={"versions": versions})


def companion_pinned(session: Session, request: SearchRequest) -> SearchRequest:
    """:func:`pinned` for the companion of a search's candidates, where it has one.

    Raises:
        InputError: As there, or the companion asks for what the rejection test does not have.
    """
    versions = _newest(session, request.companions, request.companion_versions)
    request = request.model_copy(update={"companion_versions": versions})
    loss = companion(session, request)
    inputs = () if loss is None else needs_of(loss).inputs
    if request.rejection is not None and inputs:
        raise InputError(
            f"The companion {request.companion} needs {', '.join(inputs)}, and the rejection test has "
            "predictions alone: leave rejection out, or take another companion."
        )
    return request


def document(session: Session, request: RetrainingRequest) -> Document:
    """The loss file's content of a request whose versions are fixed.

    Raises:
        NotFoundError: A loss or a version is not in the zoo.
        LossFileError: The terms make no loss.
    """
    if not is_sum(request.loss):
        return zoo.get(session, request.loss, request.version).document
    return _sum(session, request.loss, request.versions)


def companion(session: Session, request: SearchRequest) -> Document | None:
    """The loss file's content of a search's companion, whose versions are fixed; None without one.

    Raises:
        NotFoundError: A loss or a version is not in the zoo.
        LossFileError: The terms make no loss.
    """
    if request.companion is None:
        return None
    return _sum(session, request.companion, request.companion_versions)


def _newest(
    session: Session, names: Iterable[str], given: Mapping[str, int | None]
) -> dict[str, int]:
    """Versions by name: those that are given, and the newest of the others."""
    try:
        return {name: zoo.get(session, name, given.get(name)).version for name in names}
    except NotFoundError as error:
        raise InputError(str(error)) from error


def _sum(session: Session, expression: str, versions: Mapping[str, int]) -> Document:
    terms = [
        (weight, zoo.get(session, name, versions[name]).document)
        for weight, name in parse_sum(expression)
    ]
    return sum_document(sum_name(expression), terms, title=expression)
