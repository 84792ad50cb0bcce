"""The losses that a request names: one of the zoo, or a weighted sum of several."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from surrogate_zoo.errors import InputError, NotFoundError
from surrogate_zoo.losses.document import Document, sum_document
from surrogate_zoo.store import zoo
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
