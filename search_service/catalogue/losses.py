"""Losses of the zoo: those that a request names, one or a weighted sum of several, and those brought in."""

from collections.abc import Iterable, Mapping

from sqlalchemy.orm import Session

from search_service.catalogue.loss_requests import EntryRequest, LossFile
from surrogate_zoo.errors import InputError, NotFoundError
from surrogate_zoo.losses.document import Document, sum_document
from surrogate_zoo.losses.registry import LOSSES, checked
from surrogate_zoo.store import zoo
from surrogate_zoo.store.tables import Loss
from surrogate_zoo.sums import is_sum, parse_sum, sum_name, term_names


def pin(session: Session, terms: str, versions: Mapping[str, int | None]) -> dict[str, int]:
    """Fix the versions of a loss or of a weighted sum's terms, and check that they make a loss.

    Args:
        session: A session.
        terms: Name of a loss, or a weighted sum.
        versions: Versions that are asked for, by name; the newest there is now of the others.

    Returns:
        The version of every term, by name.

    Raises:
        InputError: A loss or a version is not in the zoo, or the terms make no loss.
    """
    try:
        pinned = {
            name: zoo.get(session, name, versions.get(name)).version for name in term_names(terms)
        }
    except NotFoundError as error:
        raise InputError(str(error)) from error
    document(session, terms, pinned)
    return pinned


def document(session: Session, terms: str, versions: Mapping[str, int]) -> Document:
    """The loss file's content of a loss or a weighted sum whose versions are fixed.

    Raises:
        NotFoundError: A loss or a version is not in the zoo.
        LossFileError: The terms make no loss.
    """
    if not is_sum(terms):
        return zoo.get(session, terms, versions[terms]).document
    return sum_of(session, terms, versions)


def sum_of(session: Session, terms: str, versions: Mapping[str, int]) -> Document:
    """As :func:`document`, a sum also of a single term.

    Raises:
        NotFoundError: A loss or a version is not in the zoo.
        LossFileError: The terms make no loss.
    """
    summands = [
        (weight, zoo.get(session, name, versions[name]).document)
        for weight, name in parse_sum(terms)
    ]
    return sum_document(sum_name(terms), summands, title=terms)


def add(
    session: Session, request: EntryRequest | LossFile, tags: Iterable[str] = ()
) -> tuple[Loss, bool]:
    """Add a loss that a caller brings as the next version of its name.

    The same content under the same name is there once: again, it gives the version that it has.

    Args:
        session: A writing session; the caller commits.
        request: An entry with parameters, or a whole loss file.
        tags: Tags to point at the version.

    Returns:
        The version, and whether it is new.

    Raises:
        UnknownNameError: There is no such entry.
        InputError: A parameter is unknown or out of range, the file does not hold, the name is a
            built-in loss's, or a tag is the service's own.
        ConflictError: Another version of the name came first; ask again.
    """
    tags = list(tags)
    if zoo.BUILT_IN in tags:
        raise InputError(f"The tag {zoo.BUILT_IN!r} is the service's own; take another one.")
    brought = _brought(request)
    loss = zoo.find(session, brought["name"], brought["sha256"])
    is_built_in = loss is not None and isinstance(request, LossFile)  # the very file of it
    if request.name in LOSSES and not is_built_in:
        raise InputError(f"{request.name!r} is a built-in loss: give yours another name.")
    is_new = loss is None
    loss = loss or zoo.publish(session, brought)
    for tag in tags:
        zoo.tag(session, loss.name, loss.version, tag)
    return loss, is_new


def _brought(request: EntryRequest | LossFile) -> Document:
    if isinstance(request, LossFile):
        return checked(request.document)
    entry = LOSSES[request.loss]
    return entry.with_parameters(
        request.name, request.parameters, title=request.title, scale=request.scale
    )
