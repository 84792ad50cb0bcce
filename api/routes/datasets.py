"""``/v1/datasets``: what was found in registered ones, and what was trained on their masks."""

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from api.dependencies import (
    Administrator,
    AfterNumber,
    Cursor,
    DryRun,
    IfNoneMatch,
    Limit,
    Name,
    ReadSession,
    ServiceParts,
    Sha256,
    WritersTurn,
)
from api.files import FILE, stored_file
from api.schemas import DatasetView, LossNetworkView, NumberedPage, Page
from search_service import retention
from search_service.catalogue import datasets
from search_service.deletion import Deletion
from search_service.store.artifacts import MEDIA_TYPES

router = APIRouter(prefix="/datasets", tags=["datasets"])


@router.get("")
def list_datasets(
    session: ReadSession, after: Cursor = None, limit: Limit = 50
) -> Page[DatasetView]:
    """All registered datasets, by name."""
    rows, following = datasets.page(session, after=after, limit=limit)
    return Page(items=[DatasetView.model_validate(row) for row in rows], next=following)


@router.get("/{name}")
def read_dataset(name: Name, session: ReadSession) -> DatasetView:
    """One dataset with its report: classes, sizes, shares of pixels, fingerprint."""
    return DatasetView.model_validate(datasets.get(session, name))


@router.delete("/{name}", operation_id="delete_dataset")
def delete_dataset(
    _asks: Administrator,
    name: Name,
    parts: ServiceParts,
    _turn: WritersTurn,
    *,
    dry_run: DryRun = False,
) -> Deletion:
    """Delete a dataset's entry and its loss networks, if no job names it; its folder stays as it is."""
    with parts.writing() as session:
        retention.delete_dataset(session, name)
        if not dry_run:
            session.commit()
    return Deletion(datasets=[name], dry_run=dry_run)


@router.head("/{name}/picture", include_in_schema=False)
@router.get("/{name}/picture", response_class=FileResponse, responses=FILE)
def download_picture(
    name: Name, session: ReadSession, parts: ServiceParts, etags: IfNoneMatch = None
) -> Response:
    """A picture of nine training samples with their labels, as found on registration."""
    sha256 = datasets.picture(session, name)
    return stored_file(parts, sha256, f"{name}.png", MEDIA_TYPES[".png"], etags)


@router.get("/{name}/loss-networks")
def list_loss_networks(
    name: Name, session: ReadSession, after: AfterNumber = None, limit: Limit = 50
) -> NumberedPage[LossNetworkView]:
    """The loss networks that were trained on the dataset's masks, the newest first."""
    rows, following = datasets.loss_networks(session, name, after=after, limit=limit)
    return NumberedPage(items=[LossNetworkView.model_validate(row) for row in rows], next=following)


@router.head("/{name}/loss-networks/{sha256}", include_in_schema=False)
@router.get("/{name}/loss-networks/{sha256}", response_class=FileResponse, responses=FILE)
def download_loss_network(
    name: Name,
    sha256: Sha256,
    session: ReadSession,
    parts: ServiceParts,
    etags: IfNoneMatch = None,
) -> Response:
    """The weights of a loss network, safetensors, to build the loss with in one's own training."""
    network = datasets.loss_network(session, name, sha256)
    name = f"{network.kind}.safetensors"
    return stored_file(parts, sha256, name, MEDIA_TYPES[".safetensors"], etags)
