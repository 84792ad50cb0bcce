"""``/v1/aliases``: second names of losses, which may be moved from one loss to another."""

from fastapi import APIRouter
from sqlalchemy.orm import Session

from api.catalogue_schemas import AliasView
from api.deletions import attempt
from api.dependencies import (
    CallerOf,
    Cursor,
    DryRun,
    Limit,
    Name,
    ReadSession,
    ServiceParts,
    WritersTurn,
    WriteSession,
    check_own,
)
from api.schemas import Page
from search_service.catalogue import losses
from search_service.catalogue.loss_requests import AliasRequest
from search_service.deletion import Deletion
from surrogate_zoo.store import aliases
from surrogate_zoo.store.tables import LossAlias

router = APIRouter(prefix="/aliases", tags=["losses"])


@router.get("", operation_id="list_aliases")
def list_aliases(session: ReadSession, after: Cursor = None, limit: Limit = 50) -> Page[AliasView]:
    """All aliases, by name."""
    rows, following = aliases.page(session, after=after, limit=limit)
    return Page(items=[_view(alias) for alias in rows], next=following)


@router.post("", operation_id="point_alias")
def point_alias(request: AliasRequest, session: WriteSession, asks: CallerOf) -> AliasView:
    """Make an alias, or move it to another loss or version.

    Whatever takes the name of a loss takes an alias of it. Jobs that were asked for by an alias stay with
    the loss that it stood for then.
    """
    alias = losses.point(session, request, owner=asks.owner)
    check_own(asks, alias.owner, f"the alias {alias.name}")
    return _view(alias)


@router.delete("/{name}", operation_id="delete_alias")
def delete_alias(
    name: Name,
    asks: CallerOf,
    parts: ServiceParts,
    _turn: WritersTurn,
    *,
    dry_run: DryRun = False,
) -> Deletion:
    """Remove an alias; the loss that it stood for stays."""

    def remove(session: Session) -> None:
        alias = aliases.get(session, name)
        check_own(asks, alias.owner, f"the alias {name}")
        session.delete(alias)

    attempt(parts, remove, dry_run=dry_run)
    return Deletion(aliases=[name], dry_run=dry_run)


def _view(alias: LossAlias) -> AliasView:
    loss = alias.loss
    return AliasView(name=alias.name, loss=loss.name, version=loss.version, moved_at=alias.moved_at)
