"""The zoo's store: publish and find losses and loss networks, tag losses. Needs no torch.

Plain functions over a session. A function flushes but never commits: the caller owns the transaction.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Select, delete, func, select, union
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from surrogate_zoo.errors import ConflictError, InputError, NotFoundError, unknown
from surrogate_zoo.losses.registry import LOSSES, checked
from surrogate_zoo.store.tables import Loss, LossAlias, LossNetwork, LossTag

_TAG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
BUILT_IN = "built-in"
OPERATOR = "operator"
"""Who owns what the product ships with."""
_MOST_NAMES = 2000
"""Of those that are looked through for one that was meant."""


def publish(
    session: Session,
    document: Mapping[str, Any],
    *,
    tags: Iterable[str] = (),
    owner: str = OPERATOR,
) -> Loss:
    """Publish a loss document as the next version of its name.

    Publishing the newest version's very document again returns that version, so a job that runs
    twice publishes once.

    Args:
        session: Open session; the caller commits.
        document: A loss file's content.
        tags: Tags to point at the version.
        owner: Who publishes it.

    Raises:
        LossFileError: The document is not valid.
        InputError: Its name is an alias.
        ConflictError: Another publication of the name came first; run the transaction again.
    """
    kept = checked(document)
    if session.get(LossAlias, kept["name"]) is not None:
        raise InputError(
            f"{kept['name']!r} is an alias of a loss: take another name, or remove it."
        )
    newest = session.scalar(_versions(kept["name"]).limit(1))
    if newest is not None and newest.sha256 == kept["sha256"]:
        loss = newest
    else:
        loss = Loss(
            name=kept["name"],
            version=1 if newest is None else newest.version + 1,
            kind=kept["kind"],
            metric=kept.get("metric"),
            document=kept,
            sha256=kept["sha256"],
            owner=owner,
        )
        session.add(loss)
        try:
            session.flush()
        except IntegrityError as error:
            raise ConflictError(
                f"Another version of {kept['name']!r} was published just now; try again."
            ) from error
    for name in tags:
        tag(session, loss.name, loss.version, name)
    return loss


def seed(session: Session) -> None:
    """Publish all built-in losses; does nothing where they stand already, in whichever version.

    An alias that has the name of one, which earlier versions of lossfit did not bring, goes.
    """
    session.execute(delete(LossAlias).where(LossAlias.name.in_(LOSSES)))
    published = {(name, sha256) for name, sha256 in session.execute(select(Loss.name, Loss.sha256))}
    for entry in LOSSES.values():
        document = entry.document()
        if (entry.name, document["sha256"]) not in published:
            publish(session, document, tags=(BUILT_IN,))


def get(session: Session, name: str, version: int | None = None) -> Loss:
    """Return one version of a loss, the newest unless said otherwise.

    Args:
        session: Open session.
        name: Its name, or an alias, which stands for one version.
        version: The version of that loss.

    Raises:
        NotFoundError: No such name or version.
    """
    loss = session.scalar(_version(name, version))
    if loss is None and (alias := session.get(LossAlias, name)) is not None:
        if version is None:
            return alias.loss
        name = alias.loss.name
        loss = session.scalar(_version(name, version))
    if loss is None:
        raise NotFoundError(_missing(session, name, version))
    return loss


def find(session: Session, name: str, sha256: str) -> Loss | None:
    """Return the newest version of a loss that has this content; None if there is none."""
    return session.scalar(_versions(name).where(Loss.sha256 == sha256).limit(1))


def versions(session: Session, name: str) -> list[Loss]:
    """Return all versions of a loss, newest first.

    Raises:
        NotFoundError: No such name.
    """
    losses = list(session.scalars(_versions(name)))
    if not losses:
        raise NotFoundError(_missing(session, name))
    return losses


def _missing(session: Session, name: str, version: int | None = None) -> str:
    """Say that a loss, or a version of it, is not there, and what is."""
    numbers = session.scalars(select(Loss.version).where(Loss.name == name).order_by(Loss.version))
    if there := ", ".join(map(str, numbers)):
        return f"The loss {name!r} has no version {version}. Versions: {there}."
    names = union(select(Loss.name), select(LossAlias.name)).order_by("name").limit(_MOST_NAMES)
    return unknown("loss", name, session.scalars(names))


def page(
    session: Session,
    *,
    after: str | None = None,
    limit: int = 50,
    metric: str | None = None,
    tags: Collection[str] = (),
) -> tuple[list[Loss], str | None]:
    """Return the newest version of every name, ordered by name, one page at a time.

    Args:
        session: Open session.
        after: Last name of the page before; None starts at the beginning.
        limit: Losses a page.
        metric: Only surrogates of this metric.
        tags: Only versions that carry all of these tags (then the tagged version, not the newest).

    Returns:
        The page, and ``after`` for the next one; None where this is the last.
    """
    query = select(Loss)
    if not tags:
        query = query.where(Loss.id.in_(select(func.max(Loss.id)).group_by(Loss.name)))
    for tag in tags:
        query = query.where(Loss.tag_rows.any(LossTag.tag == tag))
    if metric is not None:
        query = query.where(Loss.metric == metric)
    if after is not None:
        query = query.where(Loss.name > after)
    losses = list(session.scalars(query.order_by(Loss.name).limit(limit + 1)))
    return losses[:limit], losses[limit - 1].name if len(losses) > limit else None


def tag(session: Session, name: str, version: int, tag: str) -> None:
    """Point a tag of this name at a version, wherever it pointed before.

    Raises:
        InputError: The tag is no lower-case word of letters, digits, dots, dashes, underscores.
        NotFoundError: No such version.
    """
    if not _TAG.fullmatch(tag):
        raise InputError(f"A tag must match {_TAG.pattern}, not {tag!r}.")
    loss = get(session, name, version)
    row = session.get(LossTag, (loss.name, tag))
    if row is None:
        session.add(LossTag(name=loss.name, tag=tag, loss=loss))
    else:
        row.loss = loss
    session.flush()
    session.expire(loss, ["tag_rows"])  # so that they come in their order


def tagged(session: Session, name: str, tags: Collection[str]) -> list[Loss]:
    """The versions of a name that some tags point at now."""
    pointed = select(LossTag.loss_id).where(LossTag.name == name, LossTag.tag.in_(tags))
    return list(session.scalars(select(Loss).where(Loss.id.in_(pointed))))


def retag(session: Session, loss: Loss, tags: Collection[str]) -> None:
    """Point exactly these tags at a version: others that point at it go.

    Raises:
        InputError: A tag is no lower-case word of letters, digits, dots, dashes, underscores.
    """
    session.execute(
        delete(LossTag).where(LossTag.loss_id == loss.id, LossTag.tag.not_in(tags)),
        execution_options={"synchronize_session": "fetch"},
    )
    session.expire(loss, ["tag_rows"])
    for name in tags:
        tag(session, loss.name, loss.version, name)


def publish_loss_network(session: Session, network: LossNetwork) -> LossNetwork:
    """Publish the weights of a loss network.

    Args:
        session: Open session; the caller commits.
        network: What is known about it, not yet stored.

    Returns:
        ``network``, or what was published before it with the same bytes for the same data set.
    """
    same = loss_network(session, network.fingerprint, network.sha256)
    if same is not None:
        return same
    try:
        with session.begin_nested():
            session.add(network)
    except IntegrityError:  # another one was faster
        same = loss_network(session, network.fingerprint, network.sha256)
        if same is None:
            raise
        return same
    return network


def loss_network(session: Session, fingerprint: str, sha256: str) -> LossNetwork | None:
    """Return the loss network of these bytes that was trained on a data set; None if there is none."""
    return session.scalar(_loss_networks(fingerprint).where(LossNetwork.sha256 == sha256).limit(1))


def has_loss_network(session: Session, sha256: str) -> bool:
    """Whether there is a loss network of these bytes, of whichever data set."""
    query = select(LossNetwork.id).where(LossNetwork.sha256 == sha256).limit(1)
    return session.scalar(query) is not None


def loss_networks(session: Session, kind: str, fingerprint: str) -> Iterator[LossNetwork]:
    """Give the loss networks of a kind for a data set, newest first."""
    yield from session.scalars(_loss_networks(fingerprint).where(LossNetwork.kind == kind))


def page_loss_networks(
    session: Session, fingerprint: str, *, after: int | None = None, limit: int = 50
) -> tuple[list[LossNetwork], int | None]:
    """Return the loss networks of a data set, newest first, one page at a time.

    Args:
        session: Open session.
        fingerprint: Of the data set.
        after: Last id of the page before; None starts at the newest.
        limit: Networks a page.

    Returns:
        The page, and ``after`` for the next one; None where this is the last.
    """
    query = _loss_networks(fingerprint)
    if after is not None:
        query = query.where(LossNetwork.id < after)
    networks = list(session.scalars(query.limit(limit + 1)))
    return networks[:limit], networks[limit - 1].id if len(networks) > limit else None


def _loss_networks(fingerprint: str) -> Select[LossNetwork]:
    newest_first = select(LossNetwork).order_by(LossNetwork.id.desc())
    return newest_first.where(LossNetwork.fingerprint == fingerprint)


def _version(name: str, version: int | None) -> Select[Loss]:
    """One version of a name; None is the newest."""
    query = _versions(name).limit(1)
    return query if version is None else query.where(Loss.version == version)


def _versions(name: str) -> Select[Loss]:
    return select(Loss).where(Loss.name == name).order_by(Loss.version.desc())
