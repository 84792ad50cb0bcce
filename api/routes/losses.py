"""``/v1/losses``: the zoo of losses, to look through, to download and to add to."""

from collections.abc import Collection
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response, status
from sqlalchemy.orm import Session

from api.catalogue_schemas import LossDetail, LossView, NeedsView, OutlineView, ParameterView
from api.deletions import attempt
from api.dependencies import (
    Administrator,
    CallerOf,
    Cursor,
    DryRun,
    Limit,
    Name,
    ReadSession,
    Responses,
    ServiceParts,
    Version,
    WritersTurn,
    WriteSession,
    check_own,
)
from api.loss_schemas import DrawnView, ExampleRequest
from api.schemas import Page
from search_service import retention
from search_service.access.callers import Caller
from search_service.catalogue import losses
from search_service.catalogue.loss_requests import LossRequest
from search_service.deletion import Deletion
from search_service.jobs.annotation import AnnotationRequest
from search_service.jobs.fields import TagName
from surrogate_zoo.losses.document import dump_loss_file
from surrogate_zoo.losses.export import python_source
from surrogate_zoo.losses.outlines import outlines
from surrogate_zoo.losses.registry import LOSSES, needs_of
from surrogate_zoo.store import zoo
from surrogate_zoo.store.tables import Loss

router = APIRouter(prefix="/losses", tags=["losses"])

Format = Annotated[
    Literal["json", "python"],
    Query(alias="format", description="The loss file, or one Python file for any program."),
]
_DOWNLOAD: Responses = {
    200: {
        "description": "The file.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/x-python": {"schema": {"type": "string"}},
        },
    }
}


@router.get("")
def list_losses(
    session: ReadSession,
    metric: Annotated[str | None, Query(max_length=100, description="Only of this metric.")] = None,
    tag: Annotated[
        tuple[TagName, ...],
        Query(
            max_length=16,
            description="Only with this tag, of several with all of them; then the version that has it.",
        ),
    ] = (),
    after: Cursor = None,
    limit: Limit = 50,
) -> Page[LossView]:
    """The newest version of every loss, by name."""
    rows, following = zoo.page(session, after=after, limit=limit, metric=metric, tags=tag)
    return Page(items=[loss_view(loss) for loss in rows], next=following)


_THERE: Responses = {200: {"model": LossView, "description": "It was there already."}}


@router.post("", status_code=status.HTTP_201_CREATED, responses=_THERE)
def add_loss(
    request: LossRequest,
    session: WriteSession,
    asks: CallerOf,
    response: Response,
    tag: Annotated[
        list[TagName] | None,
        Query(max_length=16, description="Tags that are to point at the loss; may be repeated."),
    ] = None,
) -> LossView:
    """Add a loss: a handmade one with parameters of one's own, or a whole loss file.

    It is the next version of its name. The same content again adds nothing and gives the version that
    there is, with status 200; tags are then for its owner to point. Names of built-in losses are taken.
    """
    loss, is_new = losses.add(session, request.root, owner=asks.owner)
    if tag:
        check_own(asks, loss.owner, f"the loss {loss.name}, version {loss.version}")
        _check_tags(session, asks, loss.name, tag)
        losses.give_tags(session, loss, tag)
    if not is_new:
        response.status_code = status.HTTP_200_OK
    response.headers["Location"] = f"/v1/losses/{loss.name}?version={loss.version}"
    return loss_view(loss)


@router.get("/{name}")
def read_loss(name: Name, session: ReadSession, version: Version = None) -> LossDetail:
    """One loss, by its name or an alias, with its document (control points, options, provenance) and needs.

    Of a handmade loss also what its parameters may be.
    """
    loss = zoo.get(session, name, version)
    return LossDetail(
        **loss_view(loss).model_dump(),
        document=loss.document,
        versions=[row.version for row in zoo.versions(session, loss.name)],
        needs=NeedsView.model_validate(needs_of(loss.document)),
        **_parameters_of(loss),
    )


@router.delete("/{name}", operation_id="delete_loss")
def delete_loss(
    _asks: Administrator,
    name: Name,
    parts: ServiceParts,
    _turn: WritersTurn,
    *,
    dry_run: DryRun = False,
) -> Deletion:
    """Delete a loss with all its versions, if no tag, no alias, no other loss and no job needs it."""
    attempt(parts, lambda session: retention.delete_loss(session, name), dry_run=dry_run)
    return Deletion(losses=[name], dry_run=dry_run)


@router.post("/{name}/annotate", operation_id="annotate_loss")
def annotate_loss(
    name: Name,
    request: AnnotationRequest,
    session: WriteSession,
    asks: CallerOf,
    version: Version = None,
) -> LossView:
    """Write a note and tags to a version of a loss, to find it again; what it computes stays.

    Its owner and administrators may; losses that the product ships with are the operator's. A tag that
    another version of the name has moves to this one, if that is theirs too.
    """
    loss = zoo.get(session, name, version)
    check_own(asks, loss.owner, f"the loss {loss.name}, version {loss.version}")
    _check_tags(session, asks, loss.name, request.tags or ())
    return loss_view(losses.annotate(session, loss, request))


def _check_tags(session: Session, asks: Caller, name: str, tags: Collection[str]) -> None:
    """Refuse to take a tag from a version that another owner made."""
    for loss in zoo.tagged(session, name, tags):
        check_own(
            asks, loss.owner, f"the loss {loss.name}, version {loss.version}, which has the tag"
        )


@router.post("/{name}/try", operation_id="try_loss")
def try_loss(
    name: Name, example: ExampleRequest, session: ReadSession, version: Version = None
) -> DrawnView:
    """Evaluate a loss on a small drawn example: its value, its gradient and, if asked for, its surface.

    Nothing is stored. A loss that carries a loss network cannot be tried.
    """
    from surrogate_zoo.losses.drawn import drawn  # noqa: PLC0415  (loads torch)

    document = zoo.get(session, name, version).document
    found = drawn(document, example.truth, example.scores, steps=example.steps)
    return DrawnView.model_validate(found)


def _parameters_of(loss: Loss) -> dict[str, Any]:
    if loss.kind != "handmade":
        return {}
    entry, own = LOSSES[loss.document["loss"]], loss.document["parameters"]
    views = [
        ParameterView(
            name=parameter.name,
            value=own.get(parameter.name, entry.parameters.get(parameter.name)),
            default=entry.parameters.get(parameter.name),
            range=parameter.range,
            meaning=parameter.meaning,
        )
        for parameter in entry.takes.each
    ]
    return {"parameters": views, "parameter_schema": entry.schema()}


@router.get(
    "/{name}/download",
    response_class=Response,
    responses=_DOWNLOAD,
)
def download_loss(
    name: Name, session: ReadSession, version: Version = None, file_format: Format = "json"
) -> Response:
    """The loss as a file for one's own training."""
    loss = zoo.get(session, name, version)
    if file_format == "python":
        module = loss.name.replace("-", "_").replace(".", "_")  # a name that can be imported
        return _attachment(python_source(loss.document), "text/x-python", f"{module}.py")
    text = dump_loss_file(loss.document)
    return _attachment(text, "application/json", f"{loss.name}.json")


def loss_view(loss: Loss) -> LossView:
    """A loss of the zoo as the API tells it."""
    view = LossView.model_validate(loss)
    drawn = outlines(loss.document).items()
    curves = {name: OutlineView.model_validate(outline) for name, outline in drawn}
    return view.model_copy(update={"curves": curves})


def _attachment(text: str, media_type: str, filename: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return Response(text, media_type=media_type, headers=headers)
