"""Aliases: second names, each of which stands for one version of a loss and may be moved. Needs no torch.

Functions flush but never commit, as those of :mod:`surrogate_zoo.store.zoo`, which finds a loss by its alias.
"""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from surrogate_zoo.errors import ConflictError, InputError, NotFoundError, unknown
from surrogate_zoo.store.tables import Loss, LossAlias, now
from surrogate_zoo.sums import NAME


def get(session: Session, name: str) -> LossAlias:
    """Return an alias.

    Raises:
        NotFoundError: There is none of that name.
    """
    alias = session.get(LossAlias, name)
    if alias is None:
        raise NotFoundError(unknown("alias", name, session.scalars(select(LossAlias.name))))
    return alias


def among(session: Session, names: Collection[str]) -> dict[str, Loss]:
    """The versions that some names stand for, of those names that are aliases."""
    if not names:
        return {}
    rows = session.execute(
        select(LossAlias.name, LossAlias.loss_id).where(LossAlias.name.in_(names))
    )
    return {name: session.get_one(Loss, number) for name, number in rows.all()}


def point(session: Session, name: str, loss: Loss, *, owner: str) -> LossAlias:
    """Let an alias stand for a version, whichever it stood for before.

    Args:
        session: Open session; the caller commits.
        name: The alias.
        loss: The version.
        owner: Who makes it; one that is there stays its owner's.

    Raises:
        InputError: It cannot be a name in the zoo, or a loss has that name.
        ConflictError: Another one made it just now; ask again.
    """
    if not NAME.fullmatch(name):
        raise InputError(f"An alias must match {NAME.pattern}, not {name!r}.")
    if session.scalar(select(Loss.id).where(Loss.name == name).limit(1)) is not None:
        raise InputError(f"There is a loss named {name!r}: an alias needs a name of its own.")
    alias = session.get(LossAlias, name, with_for_update=True)
    if alias is None:
        alias = LossAlias(name=name, loss=loss, owner=owner, moved_at=now())
        session.add(alias)
    elif alias.loss is not loss:
        alias.loss, alias.moved_at = loss, now()
    try:
        session.flush()
    except IntegrityError as error:
        raise ConflictError(f"The alias {name!r} was made just now; try again.") from error
    session.expire(loss, ["alias_rows"])  # so that they come in their order
    return alias


def page(
    session: Session, *, after: str | None = None, limit: int = 50
) -> tuple[list[LossAlias], str | None]:
    """Return aliases by name, one page at a time.

    Args:
        session: Open session.
        after: Last name of the page before; None starts at the beginning.
        limit: Aliases a page.

    Returns:
        The page, and ``after`` for the next one; None where this is the last.
    """
    query = select(LossAlias).order_by(LossAlias.name).limit(limit + 1)
    if after is not None:
        query = query.where(LossAlias.name > after)
    rows = list(session.scalars(query))
    return rows[:limit], rows[limit - 1].name if len(rows) > limit else None
