"""Losses of the zoo: those that a request names, one or a weighted sum of several, and those brought in."""

from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from search_service.access.callers import OPERATOR
from search_service.catalogue.loss_requests import AliasRequest, EntryRequest, LossFile
from search_service.jobs.annotation import AnnotationRequest
from search_service.store.states import FINAL
from search_service.store.tables import Job
from surrogate_zoo.errors import InputError, NotFoundError
from surrogate_zoo.losses.document import Document, sum_document
from surrogate_zoo.losses.registry import LOSSES, checked
from surrogate_zoo.store import aliases, zoo
from surrogate_zoo.store.tables import Loss, LossAlias
from surrogate_zoo.sums import is_sum, parse_sum, sum_name, term_names

_OWN_TAG = f"The tag {zoo.BUILT_IN!r} is the service's own; take another one."


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
    session: Session,
    request: EntryRequest | LossFile,
    tags: Iterable[str] = (),
    *,
    owner: str = OPERATOR,
) -> tuple[Loss, bool]:
    """Add a loss that a caller brings as the next version of its name.

    The same content under the same name is there once: again, it gives the version that it has.

    Args:
        session: A writing session; the caller commits.
        request: An entry with parameters, or a whole loss file.
        tags: Tags to point at the version.
        owner: Who brings it.

    Returns:
        The version, and whether it is new.

    Raises:
        UnknownNameError: There is no such entry.
        InputError: A parameter is unknown or out of range, the file does not hold, the name is a
            built-in loss's or an alias, or a tag is the service's own.
        ConflictError: Another version of the name came first; ask again.
    """
    brought = _brought(request)
    loss = zoo.find(session, brought["name"], brought["sha256"])
    is_built_in = loss is not None and isinstance(request, LossFile)  # the very file of it
    if not is_built_in:
        check_free(session, request.name, "yours")
    is_new = loss is None
    loss = loss or zoo.publish(session, brought, owner=owner)
    give_tags(session, loss, tags)
    return loss, is_new


def give_tags(session: Session, loss: Loss, tags: Iterable[str]) -> None:
    """Point tags at a version, wherever they pointed before.

    Raises:
        InputError: A tag is the service's own.
    """
    for tag in tags:
        if tag == zoo.BUILT_IN:
            raise InputError(_OWN_TAG)
        zoo.tag(session, loss.name, loss.version, tag)


def check_free(session: Session, name: str, what: str) -> None:
    """Refuse a name that a loss of the caller's cannot have.

    Args:
        session: A session.
        name: The name in the zoo.
        what: Whose it is to be: ``yours``.

    Raises:
        InputError: It is a built-in loss's, or an alias.
    """
    if name in LOSSES:
        raise InputError(f"{name!r} is a built-in loss: give {what} another name.")
    if aliases.among(session, [name]):
        raise InputError(f"{name!r} is an alias of a loss: give {what} another name.")


def annotate(session: Session, loss: Loss, request: AnnotationRequest) -> Loss:
    """Write tags and a note to a version; the tag of a built-in one stays with it.

    Args:
        session: A writing session; the caller commits.
        loss: The version.
        request: What is written.

    Raises:
        InputError: A tag is the service's own.
    """
    if request.note is not None:
        loss.note = request.note
    if request.tags is not None:
        own = [zoo.BUILT_IN] if zoo.BUILT_IN in loss.tags else []
        if zoo.BUILT_IN in request.tags and not own:
            raise InputError(_OWN_TAG)
        zoo.retag(session, loss, list(dict.fromkeys([*own, *request.tags])))
    session.flush()
    return loss


def point(session: Session, request: AliasRequest, *, owner: str = OPERATOR) -> LossAlias:
    """Make an alias, or move it to another loss or version.

    Args:
        session: A writing session; the caller commits.
        request: The alias and what it is to stand for.
        owner: Who makes it; one that is there stays its owner's.

    Raises:
        InputError: There is no such loss or version, the name is a loss's, or a search that is not over
            is to publish one of that name.
        ConflictError: Another one made it just now; ask again.
    """
    try:
        loss = zoo.get(session, request.loss, request.version)
    except NotFoundError as error:
        raise InputError(str(error)) from error
    _check_no_search_publishes(session, request.name)
    return aliases.point(session, request.name, loss, owner=owner)


def _check_no_search_publishes(session: Session, alias: str) -> None:
    jobs = Job.__table__.c  # of all owners
    names = select(jobs.request["name"].as_string(), jobs.id)
    waiting = names.where(jobs.kind == "search", jobs.state.not_in(FINAL))
    for name, job_id in session.execute(waiting):
        # The winners of several metrics have names that begin with it.
        if alias == name or alias.startswith(f"{name[:90]}-"):
            raise InputError(
                f"The search {job_id} is to publish losses as {name!r}: take another alias."
            )


def _brought(request: EntryRequest | LossFile) -> Document:
    if isinstance(request, LossFile):
        return checked(request.document)
    entry = LOSSES[request.loss]
    return entry.with_parameters(
        request.name, request.parameters, title=request.title, scale=request.scale
    )
