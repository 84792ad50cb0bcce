"""``/v1/losses``: the zoo of losses, to look through and to download."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from api.dependencies import Cursor, Limit, Name, ReadSession, Responses, Version
from api.schemas import LossDetail, LossView, NeedsView, Page
from surrogate_zoo.losses.document import dump_loss_file
from surrogate_zoo.losses.export import python_source
from surrogate_zoo.losses.registry import needs_of
from surrogate_zoo.store import zoo

router = APIRouter(prefix="/losses", tags=["losses"])

Format = Annotated[
    Literal["json", "python"],
    Query(alias="format", description="The loss file, or one Python file that needs torch alone."),
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
    tag: Annotated[str | None, Query(max_length=100, description="Only with this tag.")] = None,
    after: Cursor = None,
    limit: Limit = 50,
) -> Page[LossView]:
    """The newest version of every loss, by name."""
    rows, following = zoo.page(session, after=after, limit=limit, metric=metric, tag=tag)
    return Page(items=[LossView.model_validate(loss) for loss in rows], next=following)


@router.get("/{name}")
def read_loss(name: Name, session: ReadSession, version: Version = None) -> LossDetail:
    """One loss with its document (control points, options, provenance), and what it needs."""
    loss = zoo.get(session, name, version)
    return LossDetail(
        **LossView.model_validate(loss).model_dump(),
        document=loss.document,
        versions=[row.version for row in zoo.versions(session, name)],
        needs=NeedsView.model_validate(needs_of(loss.document)),
    )


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


def _attachment(text: str, media_type: str, filename: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return Response(text, media_type=media_type, headers=headers)
