"""The losses that a request names: one of the zoo, or a weighted sum of several."""

from sqlalchemy.orm import Session

from search_service.requests import ComparisonRequest, RetrainingRequest
from surrogate_zoo import zoo
from surrogate_zoo.errors import InputError, NotFoundError
from surrogate_zoo.loss_file import Document, sum_document
from surrogate_zoo.sums import is_sum, parse_sum, sum_name


def pinned(session: Session, request: RetrainingRequest) -> RetrainingRequest:
    """Fix the versions that a request leaves open: the newest there are now.

    Raises:
        InputError: A loss or a version is not in the zoo, or its terms make no loss.
    """
    try:
        if not is_sum(request.loss):
            version = zoo.get(session, request.loss, request.version).version
            return request.model_copy(update={"version": version})
        versions = {
            name: zoo.get(session, name, request.versions.get(name)).version
            for name in request.terms
        }
    except NotFoundError as error:
        raise InputError(str(error)) from error
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


def document(session: Session, request: RetrainingRequest) -> Document:
    """The loss file's content of a request whose versions are fixed.

    Raises:
        NotFoundError: A loss or a version is not in the zoo.
        LossFileError: The terms make no loss.
    """
    if not is_sum(request.loss):
        return zoo.get(session, request.loss, request.version).document
    terms = [
        (weight, zoo.get(session, name, request.versions[name]).document)
        for weight, name in parse_sum(request.loss)
    ]
    return sum_document(sum_name(request.loss), terms, title=request.loss)
